//! Queues.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(&["amqp", "kafka", "mqtt", "nats"], input));
