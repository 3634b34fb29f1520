//! The instances that may be of one host: what its agent compares with the sockets there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;

use super::api_error::{ApiError, ApiResult};
use super::instance_view::InstanceView;
use super::params::{Params, invalid};
use super::view::View;
use crate::model::{HostQuery, MAX_HOST_ADDRESSES, MAX_HOST_NAMES};

/// The host of a request: its parameters `host` and `address`. `None` without them.
///
/// # Errors
/// An address that is none, too many of them, or a parameter that does not go with them.
pub(super) fn host_query(params: &Params<'_>) -> ApiResult<Option<HostQuery>> {
    let (names, addresses) = (params.get("host"), params.get("address"));
    if names.is_none() && addresses.is_none() {
        return Ok(None);
    }
    if params.get("instances").is_some() {
        let error = ApiError::bad_request("invalid_parameter", "the list of a host is always one of instances");
        return Err(error.field("instances").hint("leave it out"));
    }

    let names = texts(names).map(str::to_owned).collect();
    let addresses = texts(addresses).map(|text| {
        text.parse::<IpAddr>()
            .map_err(|_| invalid("address", text, "it is not an IP address", "write IP addresses, separated by commas"))
    });
    let host = HostQuery::new(names, addresses.collect::<ApiResult<Vec<IpAddr>>>()?);
    if !host.is_within_limits() {
        let message = format!("a host has at most {MAX_HOST_NAMES} names and {MAX_HOST_ADDRESSES} addresses");
        return Err(ApiError::bad_request("invalid_parameter", message).field("address").hint("list all instances"));
    }
    Ok(Some(host))
}

fn texts(value: Option<&str>) -> impl Iterator<Item = &str> {
    value.unwrap_or_default().split(',').filter(|text| !text.is_empty())
}

/// The instances that may be of a host, by id. Without an index of names, looks at all of them.
pub(super) fn of_host<'v>(view: &'v View, host: &HostQuery) -> Vec<&'v Arc<InstanceView>> {
    if let Some(names) = view.names() {
        return names.of_host(host).into_iter().filter_map(|id| view.instance(id)).collect();
    }

    let all = view.instances();
    let mut own: Vec<_> = all.filter(|known| host.may_have(&known.instance.registration)).collect();
    own.sort_by(|a, b| a.instance.id.cmp(&b.instance.id));
    own
}

/// Differs if one of the instances was added, changed or removed. Weak: the times of leases are not part of it.
pub(super) fn entity_tag(epoch: &str, instances: &[&Arc<InstanceView>]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    epoch.hash(&mut hasher);
    for known in instances {
        (&known.instance.id, known.instance.generation, known.instance.index).hash(&mut hasher);
    }
    // Digits and quotes are always a value.
    HeaderValue::from_str(&format!("W/\"{:016x}\"", hasher.finish())).unwrap_or(HeaderValue::from_static("W/\"\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::model::Registration;
    use crate::registry::{Command, Now, Rules, State, step};

    fn registration(id: &str, address: &str, node: Option<&str>) -> Registration {
        let mut registration = Registration::new("web", "10.0.0.1:80".parse().unwrap()).ttl(Duration::ZERO);
        registration.id = Some(id.to_owned());
        (registration.address, registration.node) = (address.to_owned(), node.map(str::to_owned));
        registration
    }

    fn ids(view: &View, host: &HostQuery) -> Vec<String> {
        of_host(view, host).iter().map(|known| known.instance.id.to_string()).collect()
    }

    #[test]
    fn an_index_finds_the_same_as_a_look_at_all() {
        let mut state = State::new(Rules::default());
        for (id, address, node) in [
            ("a", "10.0.0.5", None),
            ("b", "10.0.0.6", Some("WEB1.example")),
            ("c", "10.0.0.7", Some("web2")),
            ("d", "some.name", Some("web2")),
            ("e", "127.0.0.1", None),
            ("f", "127.0.0.1", Some("web2")),
        ] {
            let command = Command::Register(Arc::new(registration(id, address, node)));
            step(&mut state, command, now()).unwrap();
        }

        let host = HostQuery::new(vec!["web1".to_owned()], ["10.0.0.5".parse().unwrap()]);
        let [indexed, plain] = [true, false].map(|has_names| View::new(state.snapshot(), has_names));
        assert_eq!(ids(&plain, &host), ["a", "b", "d", "e"]);
        assert_eq!(ids(&indexed, &host), ids(&plain, &host));
    }

    #[test]
    fn a_tag_changes_with_the_instances_of_the_host_and_with_no_other() {
        let mut state = State::new(Rules::default());
        let host = HostQuery::new(vec!["web1".to_owned()], []);
        let mut tags = Vec::new();
        for (id, node, weight) in [("a", "web1", 1), ("b", "web2", 1), ("a", "web1", 2), ("c", "web1", 1)] {
            let registration = Registration { weight: Some(weight), ..registration(id, "10.0.0.1", Some(node)) };
            step(&mut state, Command::Register(Arc::new(registration)), now()).unwrap();
            let view = View::new(state.snapshot(), true);
            tags.push(entity_tag("e", &of_host(&view, &host)));
        }

        assert_eq!(tags[0], tags[1], "an instance of another host");
        assert_ne!(tags[1], tags[2], "another weight");
        assert_ne!(tags[2], tags[3], "a new instance");
    }

    fn now() -> Now {
        Now { elapsed: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH }
    }
}
