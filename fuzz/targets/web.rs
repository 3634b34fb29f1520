//! HTTP/1, products known by their pages, and gRPC.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(&["http", "grpc"], input));
