//! Lists what listens on this machine, with its owners.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use portolan::source::Local;

fn main() -> portolan::Result<()> {
    let local = Local { tcp: true, ..Local::default() };
    let listing = local.listing()?;

    for service in &listing.services {
        let owner = service.detail.processes.first().map_or("-".to_owned(), |process| process.name.to_string());
        println!("{} {owner}", service.endpoints[0]);
    }
    for error in &listing.errors {
        eprintln!("cannot {}: {}", error.operation, error.cause);
    }
    Ok(())
}
