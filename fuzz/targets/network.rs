//! Names, time, telephony and streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(&["dns", "ntp", "quic", "rtsp", "sip"], input));
