//! Consul's API: services, checks, registrations of the catalog, filters and queries.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    portolan::fuzz::consul_request(input);
});
