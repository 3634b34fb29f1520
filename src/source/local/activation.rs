//! Sockets that systemd itself holds for a service that has not started yet (`man 5 systemd.socket`).
//!
//! Their only holder is process 1. The `.socket` units on disk say which service gets the connections.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::cgroup::unescape;
use crate::model::{Address, Transport};

/// Where system units are, from the strongest to the weakest (`man 5 systemd.unit`).
const UNIT_PATHS: [&str; 9] = [
    "/etc/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];
/// Maximum bytes of a unit file and number of units: ten times what a real machine has.
const UNIT_BYTES: u64 = 256 * 1024;
const MAX_UNITS: usize = 4096;

/// The socket units of this machine.
pub(super) struct SocketUnits {
    units: Vec<SocketUnit>,
}

#[derive(Debug, Default)]
struct SocketUnit {
    listens: Vec<(Transport, String)>,
    service: Option<String>,
    per_connection: bool,
    name: String,
}

impl SocketUnits {
    pub(super) fn read() -> Self {
        Self::read_from(&UNIT_PATHS.map(Path::new))
    }

    fn read_from(paths: &[&Path]) -> Self {
        // The strongest file of a name counts, and drop-ins of that name from everywhere add to it.
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in paths {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.ends_with(".socket") && !files.contains_key(&name) && files.len() < MAX_UNITS {
                    files.insert(name, vec![read_bounded(&entry.path())]);
                }
            }
        }

        // Instances of a template have no file of their own, but links that start them.
        let instances: BTreeSet<String> = paths.iter().flat_map(|path| linked(path)).collect();
        for instance in instances.into_iter().take(MAX_UNITS) {
            if let Some(texts) = template_of(&instance).and_then(|template| files.get(&template)).cloned() {
                files.entry(instance).or_insert(texts);
            }
        }

        let units = files.into_iter().filter(|(name, _)| !name.contains("@.")).map(|(name, mut texts)| {
            let names = template_of(&name).into_iter().chain([name.clone()]);
            texts.extend(names.flat_map(|name| paths.iter().rev().flat_map(move |path| drop_ins(path, &name))));
            SocketUnit::parse(name, &texts)
        });

        Self { units: units.collect() }
    }

    /// The service that receives the connections of an address. `None` also if several units match.
    pub(super) fn service(&self, transport: Transport, address: &Address, port: u16) -> Option<String> {
        let mut services =
            self.units.iter().filter(|unit| unit.listens_at(transport, address, port)).map(SocketUnit::service);
        let service = services.next()?;
        services.all(|other| other == service).then_some(service)
    }
}

impl SocketUnit {
    fn parse(name: String, texts: &[String]) -> Self {
        let mut unit = Self { name, ..Self::default() };
        for text in texts {
            let mut section = "";
            for line in text.lines().map(str::trim) {
                if line.starts_with('[') {
                    section = line;
                }
                if let ("[Socket]", Some((key, value))) = (section, line.split_once('=')) {
                    unit.set(key.trim(), value.trim());
                }
            }
        }

        unit
    }

    fn set(&mut self, key: &str, value: &str) {
        let value = &*expand(value, &self.name);
        let transport = match key {
            "ListenStream" if is_path(value) => Transport::Unix,
            "ListenStream" => Transport::Tcp,
            "ListenDatagram" if is_path(value) => Transport::Unix,
            "ListenDatagram" => Transport::Udp,
            "ListenSequentialPacket" => Transport::Unix,
            "Service" => return self.service = Some(value.to_owned()),
            "Accept" => return self.per_connection = matches!(value, "yes" | "true" | "on" | "1"),
            _ => return,
        };

        if value.is_empty() {
            // An empty assignment clears the values of weaker files, of all kinds.
            self.listens.clear();
        } else {
            self.listens.push((transport, value.to_owned()));
        }
    }

    fn service(&self) -> String {
        let stem = self.name.trim_end_matches(".socket");
        match &self.service {
            Some(service) => service.clone(),
            None if stem.contains('@') => format!("{stem}.service"),
            None if self.per_connection => format!("{stem}@.service"),
            None => format!("{stem}.service"),
        }
    }

    fn listens_at(&self, transport: Transport, address: &Address, port: u16) -> bool {
        self.listens.iter().any(|(kind, text)| {
            *kind == transport
                && match address {
                    Address::Unix(path) => same_path(text, path.as_raw()),
                    Address::Ip(ip) => listens_at(text, *ip, port),
                    Address::Name(_) | Address::Other(_) => false,
                }
        })
    }
}

/// The socket units that links in `*.wants` and `*.requires` of a path start.
fn linked(path: &Path) -> Vec<String> {
    let folders = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = folders
        .filter(|folder| folder.extension().is_some_and(|extension| extension == "wants" || extension == "requires"));
    let entries = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    entries.filter_map(|entry| entry.file_name().into_string().ok().filter(|name| name.ends_with(".socket"))).collect()
}

/// `web@.socket` of `web@8080.socket`.
fn template_of(unit: &str) -> Option<String> {
    let (prefix, instance) = unit.strip_suffix(".socket")?.split_once('@')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.socket"))
}

/// Replaces the specifiers that names of sockets and services have (`man 5 systemd.unit`).
fn expand(value: &str, unit: &str) -> String {
    let stem = unit.trim_end_matches(".socket");
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut parts = value.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();

    let mut follows_percent = false;
    for part in parts {
        if follows_percent {
            follows_percent = false;
            plain.push_str(part);
            continue;
        }
        if part.is_empty() {
            // `%%` is a percent sign.
            plain.push('%');
            follows_percent = true;
            continue;
        }
        let (name, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        match name {
            "i" => plain.push_str(instance),
            "I" => plain.push_str(&unescape(&instance.replace('-', "/"))),
            "p" => plain.push_str(prefix),
            "n" => plain.push_str(unit),
            "N" => plain.push_str(stem),
            "t" => plain.push_str("/run"),
            _ => plain.extend(["%", name]),
        }
        plain.push_str(rest);
    }
    plain
}

/// The texts of a unit's drop-in files below one path, in order.
fn drop_ins(path: &Path, unit: &str) -> Vec<String> {
    let entries = fs::read_dir(path.join(format!("{unit}.d"))).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    files.iter().map(|file| read_bounded(file)).collect()
}

fn is_path(value: &str) -> bool {
    value.starts_with(['/', '@'])
}

/// `/var/run` is `/run` on every machine that systemd runs on.
fn same_path(a: &str, b: &str) -> bool {
    in_run(a) == in_run(b)
}

/// A path below `/var/run` as one below `/run`.
fn in_run(path: &str) -> Cow<'_, str> {
    path.strip_prefix("/var/run/").map_or(Cow::Borrowed(path), |rest| Cow::Owned(format!("/run/{rest}")))
}

/// `80` is every address, of both families where there is IPv6; `127.0.0.1:80` and `[::1]:80` are one.
fn listens_at(text: &str, ip: IpAddr, port: u16) -> bool {
    match text.parse::<u16>() {
        Ok(every) => every == port && ip.is_unspecified(),
        Err(_) => text.parse() == Ok(SocketAddr::new(ip, port)),
    }
}

/// The beginning of a file; empty if it is not a regular file, because opening a pipe would block.
fn read_bounded(path: &Path) -> String {
    let mut text = Vec::new();
    if fs::metadata(path).is_ok_and(|meta| meta.is_file())
        && let Ok(file) = fs::File::open(path)
        && file.take(UNIT_BYTES).read_to_end(&mut text).is_err()
    {
        text.clear();
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(texts: &[(&str, &[&str])]) -> SocketUnits {
        SocketUnits { units: texts.iter().map(|(name, texts)| unit(name, texts)).collect() }
    }

    fn unit(name: &str, texts: &[&str]) -> SocketUnit {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        SocketUnit::parse(name.to_owned(), &texts)
    }

    fn service(units: &SocketUnits, address: &str) -> Option<String> {
        let address: SocketAddr = address.parse().unwrap();
        units.service(Transport::Tcp, &Address::Ip(address.ip()), address.port())
    }

    #[test]
    fn a_port_alone_means_every_address() {
        let units = units(&[("ssh.socket", &["[Unit]\nListenStream=1\n[Socket]\nListenStream=22\n"])]);
        assert_eq!(service(&units, "[::]:22").as_deref(), Some("ssh.service"));
        assert_eq!(service(&units, "[::1]:22"), None);
        assert_eq!(service(&units, "[::]:1"), None);
    }

    #[test]
    fn drop_ins_take_back_and_add() {
        let drop_in = "[Socket]\nListenStream=\nListenStream=127.0.0.1:2222\nService=sshd-custom.service";
        let units = units(&[("ssh.socket", &["[Socket]\nListenStream=22", drop_in])]);
        assert_eq!(service(&units, "[::]:22"), None);
        assert_eq!(service(&units, "127.0.0.1:2222").as_deref(), Some("sshd-custom.service"));
    }

    #[test]
    fn a_service_per_connection_is_a_template_and_two_claims_are_none() {
        let echo = "[Socket]\nListenStream=[::1]:7\nAccept=yes";
        assert_eq!(service(&units(&[("echo.socket", &[echo])]), "[::1]:7").as_deref(), Some("echo@.service"));
        assert_eq!(service(&units(&[("a.socket", &[echo]), ("b.socket", &[echo])]), "[::1]:7"), None);
    }

    #[test]
    fn an_instance_of_a_template_is_named_after_it() {
        assert_eq!(template_of("web@80.socket").as_deref(), Some("web@.socket"));
        assert_eq!((template_of("web@.socket"), template_of("web.socket")), (None, None));
        assert_eq!(expand("%t/%p-%i.%n%%i", "web@a-b.socket"), "/run/web-a-b.web@a-b.socket%i");
        assert_eq!(expand("/run/%I%%", "web@a-b.socket"), "/run/a/b%");
        let text = "[Socket]\nListenStream=127.0.0.1:%i\nAccept=no";
        let units = units(&[("web@8080.socket", &[text]), ("web@8081.socket", &[text])]);
        assert_eq!(service(&units, "127.0.0.1:8081").as_deref(), Some("web@8081.service"));
        let service = "[Socket]\nListenStream=[::1]:9\nService=other@%i.service";
        assert_eq!(SocketUnit::parse("x@y.socket".to_owned(), &[service.to_owned()]).service(), "other@y.service");
    }

    #[test]
    fn paths_are_the_same_through_var_run() {
        let units = units(&[("docker.socket", &["[Socket]\nListenStream=/var/run/docker.sock"])]);
        let address = Address::Unix("/run/docker.sock".into());
        assert_eq!(units.service(Transport::Unix, &address, 0).as_deref(), Some("docker.service"));
    }
}
