//! Sockets that the service manager listens on and passes to the server (sd_listen_fds(3)).

use std::net::TcpListener;

use listenfd::ListenFd;

use super::given::{GivenValues, Variable};
use crate::clean::clean;
use crate::error::{Error, Result, plain};

/// The listeners that were passed, by the interface that they serve.
#[derive(Debug, Default)]
pub(super) struct PassedListeners {
    /// For the REST API: `FileDescriptorName=http`, or without a name.
    pub(super) rest: Vec<TcpListener>,
    /// For Consul's API: `FileDescriptorName=consul`.
    pub(super) consul: Vec<TcpListener>,
}

impl PassedListeners {
    /// Their addresses in place of those of the settings, so that what follows from an address holds for these, too.
    pub(super) fn set(addresses: &[(&'static str, Vec<String>)], given: &mut GivenValues) {
        for (key, addresses) in addresses {
            given.set_flag("LISTEN_FDS", key, addresses.clone());
        }
    }

    /// The addresses of each interface that sockets were passed for, with its key in the settings.
    pub(super) fn addresses(&self) -> Vec<(&'static str, Vec<String>)> {
        let interfaces = [("server.listen", &self.rest), ("server.consul.listen", &self.consul)];
        let passed = interfaces.into_iter().filter(|(_, listeners)| !listeners.is_empty());
        passed
            .map(|(key, listeners)| {
                let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
                (key, addresses.map(|address| address.to_string()).collect())
            })
            .collect()
    }
}

/// The listeners of `LISTEN_FDS`. Call it before other threads run: the variables are removed, so that no child process
/// takes the sockets for its own.
///
/// # Errors
/// A socket is not a TCP listener, or has an unknown name.
pub(super) fn passed_listeners(variable: Variable) -> Result<PassedListeners> {
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.to_string_lossy().into_owned();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();

    let mut passed = PassedListeners::default();
    for at in 0..sockets.len() {
        let name = names.next().unwrap_or_default();
        let listener = sockets.take_tcp_listener(at).and_then(|listener| {
            listener.as_ref().map(|listener| listener.set_nonblocking(true)).transpose()?;
            Ok(listener)
        });
        let listener = listener.map_err(|error| {
            Error::usage(socket(at, name), plain(&error), "pass TCP sockets: ListenStream= with an address and a port")
        })?;
        match role(name) {
            Some(Role::Rest) => passed.rest.extend(listener),
            Some(Role::Consul) => passed.consul.extend(listener),
            None => {
                let hint = "write FileDescriptorName=http or FileDescriptorName=consul in the socket unit";
                return Err(Error::usage(socket(at, name), "nothing is served under this name", hint));
            }
        }
    }
    Ok(passed)
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Rest,
    Consul,
}

/// The role of a name. A socket unit without one has its own file name.
fn role(name: &str) -> Option<Role> {
    match name {
        "" | "unknown" | "http" | "rest" => Some(Role::Rest),
        "consul" => Some(Role::Consul),
        name if name.ends_with(".socket") => Some(Role::Rest),
        _ => None,
    }
}

fn socket(at: usize, name: &str) -> String {
    format!("socket {} of the service manager ('{}')", at + 1, clean(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_the_interface() {
        for name in ["", "http", "portolan.socket", "unknown"] {
            assert_eq!(role(name), Some(Role::Rest), "{name}");
        }
        assert_eq!(role("consul"), Some(Role::Consul));
        assert_eq!(role("dns"), None);
    }
}
