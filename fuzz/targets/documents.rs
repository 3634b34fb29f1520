//! What a user or a scraper passes on: targets, listings, services files and evidence.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::document(input));
