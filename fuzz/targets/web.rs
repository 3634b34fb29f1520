//! HTTP/1, what is known by its pages, and gRPC.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(&["http", "grpc"], input));
