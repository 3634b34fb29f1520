//! `registry.imports`: other registries whose services the server shows beside its own.

use std::net::SocketAddr;

use super::given::GivenValues;
use super::values::wrong;
use crate::clean::{clean, redacted};
use crate::cli::registry::open_url;
use crate::error::{Error, Result};
use crate::model::PartialError;
use crate::server::Import;

const KEY: &str = "registry.imports";

/// The imports that were given. `own`: the addresses of this server's APIs, with the providers that read them.
///
/// # Errors
/// One is not a registry that lists its services, is this server itself, or has the name of another.
pub(super) fn imports(given: &GivenValues, own: &[(&str, &[SocketAddr])]) -> Result<Vec<Import>> {
    let texts = given.get(KEY).map(|list| list.texts.clone()).unwrap_or_default();
    let mut imports: Vec<Import> = Vec::new();
    for text in texts {
        let import =
            read(&text, own).map_err(|error| wrong(given, KEY, &PartialError::from(&error).cause, error.hint()))?;
        if imports.iter().any(|other| other.name == import.name) {
            let why = format!("two imports have the name {}", import.name);
            return Err(wrong(given, KEY, &why, "name one of them, as in eu=consul://10.0.0.5:8500"));
        }
        imports.push(import);
    }

    Ok(imports)
}

fn read(text: &str, own: &[(&str, &[SocketAddr])]) -> Result<Import> {
    let (name, url) = parts(text);
    // `k8s` alone is what `k8s:` means.
    let url = if url.bytes().all(|byte| byte.is_ascii_alphanumeric()) { format!("{url}:") } else { url.to_owned() };
    let place = clean(&redacted(&url));
    let registry = open_url(&url)?;
    let name = name.unwrap_or_else(|| registry.provider()).to_owned();

    let address = registry.place().and_then(|place| place.parse::<SocketAddr>().ok());
    let is_own = own.iter().any(|(provider, addresses)| {
        *provider == registry.provider() && address.is_some_and(|address| addresses.contains(&address))
    });
    if is_own {
        return Err(Error::usage(place, "it is this server itself", "name another registry"));
    }
    Ok(Import { name, place, text: text.to_owned().into(), source: registry.source()? })
}

/// The name and the URL: a name has no colon.
fn parts(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, url)) if is_name(name) => (Some(name), url),
        _ => (None, text),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What a start says about them.
pub(super) fn line(imports: &[Import]) -> String {
    let shown: Vec<String> = imports.iter().map(|import| format!("{} ({})", import.name, import.place)).collect();
    format!("imports: {}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_before_the_url() {
        assert_eq!(parts("eu=consul://10.0.0.5:8500?dc=eu"), (Some("eu"), "consul://10.0.0.5:8500?dc=eu"));
        assert_eq!(parts("consul://10.0.0.5:8500?dc=eu"), (None, "consul://10.0.0.5:8500?dc=eu"));
    }

    #[test]
    fn only_registries_that_list_their_services_are_taken() {
        let own: [SocketAddr; 1] = ["127.0.0.1:7440".parse().unwrap()];
        let own = [("portolan", own.as_slice())];
        assert_eq!(read("eu=consul://10.0.0.5:8500", &own).unwrap().name, "eu");
        assert_eq!(read("etcd://10.0.0.6:2379", &own).unwrap().name, "etcd");

        for (wrong, why) in [
            ("nosuch://10.0.0.5", "no such provider"),
            ("dns://10.0.0.53/service.consul", "only finds services by name"),
            ("portolan://127.0.0.1:7440", "this server itself"),
            ("consul://user:secret@10.0.0.5", "must not contain a password"),
        ] {
            let error = read(wrong, &own).unwrap_err();
            assert!(error.to_string().contains(why) && !error.to_string().contains("secret"), "{wrong}: {error}");
        }
    }
}
