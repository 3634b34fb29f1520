//! Certificates, and the commands before a STARTTLS handshake.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::handshake(input));
