//! Asks every instance of a gRPC service for its health, one call after another: `grpc NAME REGISTRY`. Needs the feature
//! `grpc`.

#![allow(clippy::print_stdout)]

use portolan::client::Registry;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, url] = args.as_slice() else { return Err("usage: grpc NAME REGISTRY".into()) };

    // A health check may be repeated: if a connection fails, the call goes to another instance.
    let channel = Registry::open(url)?.grpc(&format!("discovery:///{name}"))?.idempotent();
    let resolver = channel.resolver().clone();
    resolver.ready().await?;

    let mut client = HealthClient::new(channel);
    for _ in resolver.endpoints() {
        let reply = client.check(HealthCheckRequest::default()).await?;
        println!("{}", reply.into_inner().status().as_str_name());
    }
    Ok(())
}
