//! Mail and files: servers that greet in lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(
    &["ftp", "imap", "pop3", "smtp", "ssh", "telnet"],
    input
));
