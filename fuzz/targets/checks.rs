//! What checks ask: old versions of TLS, protocols that say whether they are well, gRPC's health, a page of HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::check(input));
