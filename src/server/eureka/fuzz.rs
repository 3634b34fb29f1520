//! The entry point of the fuzz target for Eureka's API. `fuzz/` calls it with `--cfg fuzzing`, and the tests with the stored
//! inputs.

#![allow(unreachable_pub, reason = "lib.rs shows it to fuzz/ only")]

use std::sync::Arc;

use super::instance::EurekaInstance;
use super::{body, xml};
use crate::registry::Command;
use crate::server::access::Caller;
use crate::server::fuzz::registry_after;
use crate::server::scoped_view::ScopedView;

/// Reads an instance, as JSON or as XML by the first byte, and writes it as XML. Returns whether it is one.
///
/// # Panics
/// What is written does not read back, unless it is too large for that.
pub fn eureka_instance(input: &[u8]) -> bool {
    let Some((choice, bytes)) = input.split_first() else { return false };
    let Ok(fields) = body::instance(bytes, choice % 2 == 1) else { return false };
    let Ok((registration, _)) = body::registration("WEB", &fields) else { return false };

    let view = Arc::new(registry_after(vec![Command::Register(Arc::new(registration))]));
    let seen = ScopedView::new(Arc::clone(&view), Arc::new(Caller::anyone()));
    for instance in view.instances() {
        let text = xml::write("instance", &EurekaInstance::new(instance, &seen).to_value());
        if let Err(why) = xml::read(&text) {
            assert!(why.contains("it has more than"), "{why}: {}", String::from_utf8_lossy(&text));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fuzz::tests::run_stored;

    #[test]
    fn the_stored_instances_of_eureka_are_read() {
        run_stored("eureka_bodies", eureka_instance);
    }
}
