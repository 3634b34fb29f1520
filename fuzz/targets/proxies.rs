//! Replies of SOCKS5 and HTTP proxies.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::tunnel(input));
