//! Databases and caches.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(
    &["cassandra", "memcached", "mongodb", "mysql", "postgresql", "redis", "zookeeper"],
    input
));
