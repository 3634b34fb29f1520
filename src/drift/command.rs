//! The commands to type, in the words of each registry's own tools.

use super::{RegisteredEndpoint, RegistryView};
use crate::clean::Untrusted;
use crate::model::Endpoint;

/// The command that removes an instance from its registry; `None` if no command does, as for a file.
pub(super) fn deregister(registry: &RegistryView, registered: &RegisteredEndpoint) -> Option<Untrusted> {
    let id = registered.id();
    let text = match registry.provider.as_str() {
        "consul" => {
            // The id of an instance names its node first.
            let id = id.split_once('/').map_or(id.as_str(), |(_, id)| id);
            let place = registry.place.as_ref().map(|place| format!(" -http-addr={}", quoted(place)));
            format!("consul services deregister{} -id={}", place.unwrap_or_default(), quoted(id))
        }
        "etcd" => {
            let place = registry.place.as_ref().map(|place| format!(" --endpoints={}", quoted(place)));
            format!("etcdctl{} del {}", place.unwrap_or_default(), quoted(registered.key.as_ref()?.as_raw()))
        }
        "portolan" => {
            let place = registry.place.as_deref().unwrap_or("127.0.0.1:7440");
            let url = if place.contains("://") { place.to_owned() } else { format!("portolan://{place}") };
            format!("portolan deregister --registry {} {}", quoted(&url), quoted(&id))
        }
        _ => return None,
    };
    Some(text.into())
}

/// The command that shows what holds a port.
pub(super) fn who(endpoint: &Endpoint) -> Option<Untrusted> {
    endpoint.port.map(|port| format!("portolan who {port}").into())
}

/// The command that registers a listener.
pub(super) fn register(endpoint: &Endpoint, registry: Option<&str>) -> Option<Untrusted> {
    let port = endpoint.port?;
    let registry = registry.map(|url| format!(" --registry {}", quoted(url))).unwrap_or_default();
    Some(format!("portolan register --from-listener {port}{registry}").into())
}

/// The command that checks an endpoint.
pub(super) fn validate(endpoint: &Endpoint) -> Untrusted {
    format!("portolan validate {} --explain", quoted(&endpoint.to_string())).into()
}

/// The command that checks the certificate of a name.
pub(super) fn validate_tls(endpoint: &Endpoint, name: Option<&str>) -> Untrusted {
    let host = name.map(|name| format!(" --server-name {}", quoted(name))).unwrap_or_default();
    format!("portolan validate {}{host} --explain", quoted(&format!("https://{endpoint}/"))).into()
}

/// The command that lists a service of a registry.
pub(super) fn discover(provider: &str, name: &str) -> Untrusted {
    format!("portolan discover {provider} {}", quoted(name)).into()
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    if !word.is_empty() && !word.starts_with('-') && !word.contains('[') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whether a character means nothing to a shell inside a word.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:@%+=,[]".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_id_stays_one_word() {
        assert_eq!(quoted("web-1"), "web-1");
        assert_eq!(quoted("a; rm -rf ~"), "'a; rm -rf ~'");
        assert_eq!(quoted("it's $(id)"), r"'it'\''s $(id)'");
        assert_eq!([quoted(""), quoted("-f"), quoted("[::1]:80")], ["''", "'-f'", "'[::1]:80'"]);
    }
}
