//! Settings files of the commands and of the server.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    portolan::fuzz::settings_file(input);
});
