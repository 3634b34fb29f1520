//! Finds the endpoints of a service and picks among them: `basic NAME [REGISTRY]`. Without a registry, the variables
//! `DISCOVERY_PROVIDER` and its like choose one.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use portolan::balance::P2c;
use portolan::client::Registry;
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().ok_or("usage: basic NAME [REGISTRY]")?;
    let registry = match args.next() {
        Some(url) => Registry::open(&url)?,
        None => Registry::from_env()?,
    };

    for endpoint in registry.discover(&name).await? {
        println!("found {endpoint}");
    }

    let resolver = registry.resolve(&name).balance(P2c).start()?;
    for _ in 0..3 {
        let call = resolver.pick(()).await?;
        let place = call.endpoint().to_string();
        let connected = timeout(Duration::from_secs(2), TcpStream::connect(&place)).await;
        let is_ok = matches!(connected, Ok(Ok(_)));
        println!("called {place}: {}", if is_ok { "ok" } else { "failed" });
        // An endpoint whose calls fail is left out for a while.
        call.done(is_ok);
    }
    Ok(())
}
