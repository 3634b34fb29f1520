//! Eureka's API: instances as JSON and as XML.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    portolan::fuzz::eureka_instance(input);
});
