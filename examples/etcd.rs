//! Registers with etcd, finds itself, and deregisters: `etcd [ADDRESS]`.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use portolan::client::Registry;
use portolan::model::Registration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2379".to_owned());
    let registry = Registry::open(&format!("etcd://{address}"))?;

    let registration = Registration::new("example-shop", "127.0.0.1:8080".parse()?)
        .version("1.2.0")
        .tag("api")
        .meta("region", "eu")
        .ttl(Duration::from_secs(10));
    let me = registry.register(registration).await?;
    println!("registered");

    // A watch: no request, no pause. The registry reports the change.
    let shop = registry.resolve("example-shop").version("^1.2").tag("api").start()?;
    let mut changes = shop.watch();
    while shop.counts().usable == 0 {
        changes.next().await.ok_or("the watch ended")?;
    }
    println!("found {}", shop.pick(()).await?.endpoint());

    me.deregister().await?;
    registry.close(Duration::from_secs(5)).await?;
    println!("deregistered");
    Ok(())
}
