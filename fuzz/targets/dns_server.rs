//! The DNS server: from a message to its reply.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &[u8]| portolan::fuzz::answer_dns(message));
