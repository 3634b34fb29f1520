//! A check of one's own: `own_check HOST:PORT`. It wants the server to greet.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::net::SocketAddr;

use portolan::check::{Check, CheckFuture, LocalFailure};
use portolan::health::Validator;
use portolan::model::{Address, Finding, FindingKind, Group, RawDetail, Transport};
use portolan::{Endpoint, Service};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

static SILENT: FindingKind =
    FindingKind::new("greeting-missing", Group::App, (25, Some(70)), "no greeting", "look at the server's log");

struct Greets;

impl Check for Greets {
    fn name(&self) -> &'static str {
        "greeting"
    }

    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> CheckFuture<'a> {
        Box::pin(async move {
            let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) else {
                return Err(LocalFailure::new("it has no address"));
            };
            let mut greeting = [0; 1];
            let read = match TcpStream::connect((*ip, port)).await {
                Ok(mut stream) => stream.read(&mut greeting).await.unwrap_or(0),
                Err(_) => 0,
            };
            Ok(if read > 0 { Vec::new() } else { vec![Finding::new(&SILENT, "it closed without a word")] })
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = std::env::args().nth(1).ok_or("usage: own_check HOST:PORT")?.parse()?;
    let endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), Transport::Tcp);
    let service = Service::new("own/server", "own", vec![endpoint], RawDetail(serde_json::Value::Null));

    let listing = Validator::default().with_check(Greets).validate(vec![service.erase()]).await?;
    for health in listing.services[0].endpoints.iter().filter_map(|endpoint| endpoint.health.as_ref()) {
        println!("{:?} {} {:?}", health.score, health.covered(), health.findings.first().map(ToString::to_string));
    }
    Ok(())
}
