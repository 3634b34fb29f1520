//! Replies to checks: old versions of TLS, protocols with a health command, gRPC health, HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::check(input));
