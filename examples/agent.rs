//! A process that registers itself and finds others of its kind: `agent NAME PORT REGISTRY`. Runs until Ctrl-C.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use portolan::client::{Registry, ServiceEventKind};
use portolan::model::Registration;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, port, url] = args.as_slice() else { return Err("usage: agent NAME PORT REGISTRY".into()) };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let own = listener.local_addr()?;

    let registry = Registry::open(url)?;
    let _me = registry.announce(Registration::new(name, own.to_string().parse()?).ttl(Duration::from_secs(10)))?;
    let mut peers = registry.resolve(name).start()?.watch();

    // One for the whole loop: a new one in each round would miss a signal between two rounds.
    let mut stopped = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            connection = listener.accept() => drop(connection?),
            event = peers.next() => match event.map(|event| event.kind) {
                Some(ServiceEventKind::Added(peer)) if peer.to_string() == own.to_string() => println!("I am {peer}"),
                Some(ServiceEventKind::Added(peer)) => println!("peer {peer} came"),
                Some(ServiceEventKind::Removed(peer)) => println!("peer {peer} left"),
                Some(ServiceEventKind::Reset(peers)) => println!("{} peers", peers.len()),
                _ => {}
            },
            stopped = &mut stopped => {
                stopped?;
                break;
            }
        }
    }

    // Removes the registration, so that the others know at once.
    registry.close(Duration::from_secs(5)).await?;
    println!("left");
    Ok(())
}
