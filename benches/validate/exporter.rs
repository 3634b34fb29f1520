//! Queries prometheus-blackbox-exporter for many targets, as Prometheus does: one request each, over open connections.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where it listens.
pub const ADDRESS: &str = "127.0.0.1:9115";
/// Its instructions.
pub const CONFIG: &str = "
modules:
  tcp: {prober: tcp, timeout: 3s, tcp: {preferred_ip_protocol: ip4}}
  http: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}
";

/// `--ask MODULE CONNECTIONS FILE`: requests each line of the file, and prints how many targets are healthy.
pub fn ask(mut words: impl Iterator<Item = String>) {
    let mut word = || words.next().expect("--ask MODULE CONNECTIONS FILE");
    let (module, connections, file) = (word(), word().parse().expect("a number"), word());
    let targets: Vec<String> = fs::read_to_string(file).expect("a file").lines().map(str::to_owned).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (targets, next, module) = (Arc::new(targets), Arc::new(AtomicUsize::new(0)), Arc::<str>::from(module));
    let well: usize = runtime.block_on(async {
        let asking: Vec<_> = (0..connections)
            .map(|_: usize| tokio::spawn(one(Arc::clone(&targets), Arc::clone(&next), Arc::clone(&module))))
            .collect();
        let mut well = 0;
        for asking in asking {
            well += asking.await.expect("it asks");
        }
        well
    });
    println!("{well}");
}

/// Requests target after target over one connection; returns how many are healthy.
async fn one(targets: Arc<Vec<String>>, next: Arc<AtomicUsize>, module: Arc<str>) -> usize {
    let mut well = 0;
    let mut stream = TcpStream::connect(ADDRESS).await.expect("the exporter listens");
    while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
        let question = format!("GET /probe?module={module}&target={target} HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n");
        stream.write_all(question.as_bytes()).await.expect("it listens");
        let mut answer = Vec::new();
        while !is_whole(&answer) {
            assert!(stream.read_buf(&mut answer).await.expect("it answers") > 0, "it breaks off");
        }
        well += usize::from(answer.windows(16).any(|part| part == b"\nprobe_success 1"));
    }
    well
}

/// Whether an HTTP/1.1 reply is complete, by its length or its chunks.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { return false };
    let fields = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    match fields.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        Some(length) => answer.len() >= head + 4 + length.parse::<usize>().expect("a length"),
        None => answer.ends_with(b"\r\n0\r\n\r\n"),
    }
}
