//! The DNS server's whole way from a message to a reply.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| portolan::fuzz::answer_dns(message));
