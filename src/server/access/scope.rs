//! The scope of a caller: the services that it may see and change, and the hosts that it may write for.

use serde::{Deserialize, Serialize};

/// Limits a caller to some namespaces, to services whose names begin with certain prefixes, and its writes to some hosts. An
/// empty list is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The namespaces, by their whole names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// The prefixes of service names: `shop-` contains `shop-cart`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// The hosts: only instances whose node is one of them may be changed, and only of them may an agent report. What may be
    /// read is not limited by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Scope {
    /// Whether it contains every service.
    pub fn is_unlimited(&self) -> bool {
        self.has_all_services() && self.hosts.is_empty()
    }

    /// Whether it contains every service, perhaps of some hosts only.
    pub fn has_all_services(&self) -> bool {
        self.namespaces.is_empty() && self.services.is_empty()
    }

    /// Whether what is on a host may be changed. `None`: it is on no host that is known.
    pub fn has_host(&self, host: Option<&str>) -> bool {
        self.hosts.is_empty() || host.is_some_and(|host| self.hosts.iter().any(|own| own == host))
    }

    /// Whether it contains a service.
    pub fn contains(&self, namespace: &str, service: &str) -> bool {
        (self.namespaces.is_empty() || self.namespaces.iter().any(|own| own == namespace))
            && (self.services.is_empty() || self.services.iter().any(|prefix| service.starts_with(prefix.as_str())))
    }

    /// The scope for people: `namespaces a, b; services shop-*; hosts web1`.
    pub fn to_text(&self) -> String {
        let mut parts = Vec::new();
        if !self.namespaces.is_empty() {
            parts.push(format!("namespaces {}", self.namespaces.join(", ")));
        }
        if !self.services.is_empty() {
            let globs: Vec<String> = self.services.iter().map(|prefix| format!("{prefix}*")).collect();
            parts.push(format!("services {}", globs.join(", ")));
        }
        if !self.hosts.is_empty() {
            parts.push(format!("hosts {}", self.hosts.join(", ")));
        }
        if parts.is_empty() { "everything".to_owned() } else { parts.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_an_empty_one_is_none() {
        let all = Scope::default();
        assert!(all.is_unlimited() && all.contains("x", "y"));
        assert_eq!(all.to_text(), "everything");

        let scope =
            Scope { namespaces: vec!["shop".into(), "pay".into()], services: vec!["web-".into()], ..Scope::default() };
        assert_eq!(scope.to_text(), "namespaces shop, pay; services web-*");
        for (namespace, service, is_inside) in [
            ("shop", "web-cart", true),
            ("pay", "web-", true),
            ("shop", "web", false),
            ("shop", "api", false),
            ("shops", "web-cart", false),
            ("", "web-cart", false),
        ] {
            assert_eq!(scope.contains(namespace, service), is_inside, "{namespace}/{service}");
        }
    }

    #[test]
    fn hosts_limit_what_is_changed_and_not_what_is_seen() {
        let scope = Scope { hosts: vec!["web1".into()], ..Scope::default() };
        assert!(scope.contains("any", "any") && scope.has_all_services() && !scope.is_unlimited());
        assert_eq!([Some("web1"), Some("web10"), None].map(|host| scope.has_host(host)), [true, false, false]);
        assert!(Scope::default().has_host(None) && Scope::default().has_host(Some("web1")));
        assert_eq!(scope.to_text(), "hosts web1");
    }
}
