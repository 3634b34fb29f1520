//! Keeps a map of this machine's listeners up to date, and prints each change: `watch_into_map PORT`.
//!
//! It ends when the port is gone.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use portolan::client::watch;
use portolan::model::{EventKind, LocalDetail};
use portolan::source::Local;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: String = std::env::args().nth(1).ok_or("usage: watch_into_map PORT")?;
    let local = Local { tcp: true, ports: Some(port.parse()?), ..Local::default() };
    let mut events = watch(Arc::new(local), Some(Duration::from_millis(100)));
    let mut listeners = BTreeMap::new();

    while let Some(event) = events.next().await {
        let event = event?;
        match &event.kind {
            EventKind::Added(item) | EventKind::Updated { item, .. } => {
                listeners.insert(item.id.clone(), Arc::clone(item));
                let detail = item.detail.downcast_ref::<LocalDetail>().ok_or("it is local")?;
                println!("{} {} {:?}", event.kind.as_str(), item.id, detail.scope);
            }
            EventKind::Removed(item) => {
                listeners.remove(&item.id);
                println!("removed {}", item.id);
                if listeners.is_empty() {
                    break;
                }
            }
            EventKind::Synced { services, .. } => println!("synced {services}"),
            other => println!("{}", other.as_str()),
        }
    }
    Ok(())
}
