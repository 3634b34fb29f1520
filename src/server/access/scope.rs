//! Which services a caller may see and change.

use serde::{Deserialize, Serialize};

/// Limits a caller to some namespaces, and to services whose names begin with certain prefixes. An empty list is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The namespaces, by their whole names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// The prefixes of service names: `shop-` contains `shop-cart`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

impl Scope {
    /// Whether it contains every service.
    pub fn is_unlimited(&self) -> bool {
        self.namespaces.is_empty() && self.services.is_empty()
    }

    /// Whether it contains a service.
    pub fn contains(&self, namespace: &str, service: &str) -> bool {
        (self.namespaces.is_empty() || self.namespaces.iter().any(|own| own == namespace))
            && (self.services.is_empty() || self.services.iter().any(|prefix| service.starts_with(prefix.as_str())))
    }

    /// The scope for people: `namespaces a, b; services shop-*`.
    pub fn to_text(&self) -> String {
        let mut parts = Vec::new();
        if !self.namespaces.is_empty() {
            parts.push(format!("namespaces {}", self.namespaces.join(", ")));
        }
        if !self.services.is_empty() {
            let globs: Vec<String> = self.services.iter().map(|prefix| format!("{prefix}*")).collect();
            parts.push(format!("services {}", globs.join(", ")));
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

        let scope = Scope { namespaces: vec!["shop".into(), "pay".into()], services: vec!["web-".into()] };
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
}
