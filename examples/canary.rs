//! Moves the calls of a service to a new version step by step, and shows where they go: `canary NAME VERSION REGISTRY`.
//!
//! Run it with a registry such as `portolan serve --data :memory:`, at which instances of both versions are registered. The
//! server goes on by itself; this program only starts it and watches.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use portolan::client::{Registry, ShiftOptions, TrafficTarget};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, version, url] = args.as_slice() else { return Err("usage: canary NAME VERSION REGISTRY".into()) };
    let registry = Registry::open(url)?;
    let server = registry.server()?;
    let calls = registry.resolve(name).start()?;

    let to = TrafficTarget::Version(version.parse()?);
    let options = ShiftOptions { to, steps: vec![10, 50, 100], every: Duration::from_secs(1), abort_below: None };
    server.start_shift(name, &options).await?;

    let mut shown = None;
    loop {
        let traffic = server.traffic(name).await?;
        let Some(shift) = traffic.shift else { return Err("the shift is gone".into()) };
        if shown != Some((shift.step, shift.phase.clone())) {
            shown = Some((shift.step, shift.phase.clone()));
            println!("{} at {} %", shift.phase, shift.percent.unwrap_or(100));
        }
        if shift.phase != "running" {
            break;
        }

        // Each call goes where the weights of this moment send it.
        let call = calls.pick(()).await?;
        call.done(true);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let call = calls.pick(()).await?;
    println!("calls go to {}", call.endpoint());
    Ok(())
}
