//! The REST API: registrations, bulk calls, drift reports and queries.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    portolan::fuzz::rest_body(input);
});
