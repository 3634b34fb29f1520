//! Listeners that need no registration: the file of `--allow`.

use glob::Pattern;

use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result};
use crate::model::{HostPort, LocalDetail, Ports, Service};

/// The listeners that need no registration.
///
/// Each line allows ports (`22`, `8000-8010`), an address (`127.0.0.1:631`), the processes whose name matches (`process sshd`)
/// or a systemd unit (`unit ssh.service`). Empty lines and what follows a `#` are ignored.
#[derive(Clone, Debug, Default)]
pub struct AllowList(Vec<AllowRule>);

#[derive(Clone, Debug)]
enum AllowRule {
    Ports(Ports),
    Address(HostPort),
    Process(Pattern),
    Unit(String),
}

const HINT: &str = "write ports (22 or 8000-8010), an address (127.0.0.1:631), `process NAME` or `unit NAME`";

impl AllowList {
    /// Reads the text of a file, whose name is for errors.
    ///
    /// # Errors
    /// If a line is none of these, with its number.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));

        let rules = lines.filter(|(_, line)| !line.is_empty()).map(|(number, line)| {
            AllowRule::parse(line).map_err(|why| Error::Settings {
                place: format!("{}:{number}", clean(file)),
                why: format!("'{}': {why}", clean(line)),
                hint: HINT.to_owned(),
            })
        });
        rules.collect::<Result<_>>().map(Self)
    }

    /// Whether a listener needs no registration.
    pub fn allows(&self, service: &Service<LocalDetail>) -> bool {
        self.0.iter().any(|rule| rule.allows(service))
    }
}

impl AllowRule {
    fn parse(line: &str) -> Result<Self, String> {
        match line.split_once(char::is_whitespace) {
            Some(("process", name)) => {
                Pattern::new(name.trim()).map(Self::Process).map_err(|error| error.msg.to_owned())
            }
            Some(("unit", name)) => Ok(Self::Unit(name.trim().trim_end_matches(".service").to_owned())),
            Some((word, _)) if word.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                Err(format!("there is no rule {}", clean(word)))
            }
            _ => match (line.parse::<Ports>(), line.parse::<HostPort>()) {
                (Ok(ports), _) => Ok(Self::Ports(ports)),
                (_, Ok(place)) if place.port.is_some() => Ok(Self::Address(place)),
                (Err(error), _) => Err(error.to_string()),
            },
        }
    }

    fn allows(&self, service: &Service<LocalDetail>) -> bool {
        let endpoint = service.endpoints.first();
        match self {
            Self::Ports(ports) => endpoint.and_then(|at| at.port).is_some_and(|port| ports.contains(port)),
            Self::Address(place) => endpoint.is_some_and(|at| at.port == place.port && at.address == place.address),
            Self::Process(pattern) => {
                service.detail.processes.iter().any(|process| pattern.matches(process.name.as_raw()))
            }
            Self::Unit(unit) => service.detail.unit.as_ref().is_some_and(|own| unit_name(own) == unit),
        }
    }
}

/// The name of a unit without the type that is meant if none is written.
pub(super) fn unit_name(unit: &Untrusted) -> &str {
    unit.as_raw().trim_end_matches(".service")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::tests::listener;

    #[test]
    fn each_rule_allows_what_it_names() {
        let list =
            AllowList::parse("allow", "# ours\n22, 8000-8010\n\n10.0.0.5:631 # printing\nprocess ssh*\nunit web")
                .unwrap();
        let allowed = [("10.0.0.5", 22, "x"), ("10.0.0.5", 8005, "x"), ("10.0.0.5", 631, "x"), ("10.0.0.5", 9, "sshd")];
        for (ip, port, process) in allowed {
            assert!(list.allows(&listener(ip, port, process)), "{ip}:{port} {process}");
        }
        assert!(!list.allows(&listener("10.0.0.6", 631, "x")) && !list.allows(&listener("10.0.0.5", 9, "x")));

        let mut in_unit = listener("10.0.0.5", 9, "x");
        in_unit.detail.unit = Some("web.service".into());
        assert!(list.allows(&in_unit));
    }

    #[test]
    fn a_mistake_is_an_error_with_its_line() {
        for (text, expected) in [
            ("22\nhttp;", "cannot use settings allow:2: 'http;'"),
            ("proces sshd", "cannot use settings allow:1: 'proces sshd': there is no rule proces"),
            ("process [", "cannot use settings allow:1: 'process ["),
            ("10.0.0.5", "cannot use settings allow:1: '10.0.0.5'"),
            ("90-80", "cannot use settings allow:1: '90-80': the range runs backwards"),
        ] {
            let error = AllowList::parse("allow", text).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert_eq!(error.hint(), HINT);
        }
    }
}
