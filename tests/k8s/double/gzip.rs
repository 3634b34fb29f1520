//! Compression of long replies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The API server compresses answers of more than 128 KiB.
pub const THRESHOLD: usize = 128 * 1024;

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
