//! The entry point of the fuzz target for Consul's API. `fuzz/` calls it with `--cfg fuzzing`, and the tests with the stored
//! inputs.

#![allow(unreachable_pub, reason = "lib.rs shows it to fuzz/ only")]

use std::sync::Arc;

use serde_json::{Value, json};

use super::agent_checks::check_definition;
use super::catalog_write::{registration, removal};
use super::decode::BodyFields;
use super::definition::service_definition;
use super::filter::{CHECK, FilterExpression, HEALTH_ENTRY, NODE, SERVICE, SERVICE_NODE};
use super::query::ConsulQuery;
use super::targets::OwnPlace;
use super::{decoded_path, endpoints};
use crate::registry::{CatalogCommand, Command};
use crate::server::fuzz::registry_after;
use crate::server::own_node::OwnNode;
use crate::server::settings::ServerSettings;

/// Reads the definition of a service or a check, a registration or a removal of the catalog, a filter, or a path with a query.
/// The first byte chooses. Returns whether it is one.
///
/// # Panics
/// A service is accepted that the registry cannot show.
pub fn consul_request(input: &[u8]) -> bool {
    let Some((choice, bytes)) = input.split_first() else { return false };
    let text = String::from_utf8_lossy(bytes);
    match choice % 6 {
        4 => filter(&text),
        5 => line(&text),
        choice => {
            let value = serde_json::from_slice::<Value>(bytes).ok();
            value.and_then(|value| BodyFields::of(value).ok()).is_some_and(|fields| body(choice, fields))
        }
    }
}

fn body(choice: u8, fields: BodyFields) -> bool {
    let own = OwnNode::new(&ServerSettings::default(), None, "fuzz");
    match choice {
        0 => {
            let Ok(registration) = service_definition(fields, &own) else { return false };
            let registration = Arc::new(registration);
            let register = CatalogCommand::Register { registration, replace_checks: false };
            registry_after(vec![Command::Catalog(register)]);
            true
        }
        1 => {
            let place = OwnPlace { address: "10.0.0.1", port: 80 };
            check_definition(fields).is_ok_and(|given| given.build("c".to_owned(), "c".to_owned(), place).is_ok())
        }
        2 => registration(fields, &own.datacenter).is_ok(),
        _ => removal(fields).is_ok(),
    }
}

fn filter(text: &str) -> bool {
    let item = json!({
        "Node": { "Node": "n1", "Meta": { "zone": "a" } },
        "Service": { "Service": "web", "Port": 80, "Tags": ["blue"], "Meta": {}, "EnableTagOverride": false },
        "Checks": [{ "Status": "passing", "Output": "" }],
    });
    let mut is_any = false;
    for schema in [CHECK, HEALTH_ENTRY, NODE, SERVICE, SERVICE_NODE] {
        let Ok(filter) = FilterExpression::parse(text, schema) else { continue };
        let _ = filter.accepts(&item);
        is_any = true;
    }
    is_any
}

fn line(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let Ok(path) = decoded_path(path) else { return false };
    let Ok(query) = ConsulQuery::read(Some(query)) else { return false };
    endpoints::find(&path).is_some() && query.options("default", Some(HEALTH_ENTRY)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fuzz::tests::run_stored;

    #[test]
    fn the_stored_requests_of_consuls_api_are_read() {
        run_stored("consul_requests", consul_request);
    }
}
