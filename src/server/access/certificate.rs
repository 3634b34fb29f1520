//! Client certificates as identities: which names of a certificate permit what.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Caller, Role, Scope};
use crate::clean::clean;
use crate::model::ParseError;

/// What a client certificate says of its owner. The handshake has checked that an authority of the server signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct ClientCertificate {
    /// `CN=NAME`, `DNS=NAME` and `URI=NAME`.
    names: Vec<String>,
    expires: Option<Timestamp>,
}

/// The names that a rule can ask for.
const KINDS: [&str; 3] = ["CN", "DNS", "URI"];

impl ClientCertificate {
    /// Reads the names of a certificate in DER; `None` if it is none.
    pub(in crate::server) fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let mut names: Vec<String> = common.map(|name| format!("CN={name}")).collect();

        let alternative = certificate.subject_alternative_name().ok().flatten();
        for name in alternative.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.push(format!("DNS={name}")),
                GeneralName::URI(uri) => names.push(format!("URI={uri}")),
                _ => {}
            }
        }
        let expires = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok();
        Some(Self { names, expires })
    }
}

/// What the owner of a certificate with a certain name may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRule {
    /// `CN=NAME`, `DNS=NAME` or `URI=NAME`, which a certificate must have exactly.
    name: String,
    role: Role,
    scope: Scope,
}

impl CertificateRule {
    /// The caller with a certificate, if it has the name of this rule.
    pub(super) fn caller(&self, certificate: &ClientCertificate) -> Option<Arc<Caller>> {
        certificate.names.contains(&self.name).then(|| {
            Arc::new(Caller {
                name: format!("certificate {}", clean(&self.name)),
                key_id: None,
                token_key: None,
                permissions: self.role.permissions(),
                scope: self.scope.clone(),
                expires: certificate.expires,
            })
        })
    }
}

/// Reads `CN=web1 role=agent host=web1` or `CN=ci role=operator namespace=shop service=web-`: a name, a role, and as many
/// namespaces, prefixes of services and hosts as wanted. Names hold no blanks.
impl FromStr for CertificateRule {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hint = "write a rule as in 'CN=agent role=operator namespace=shop service=web-'";
        let mut words = text.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let is_name = name.split_once('=').is_some_and(|(kind, name)| KINDS.contains(&kind) && !name.is_empty());
        if !is_name {
            return Err(ParseError::new("it does not begin with CN=NAME, DNS=NAME or URI=NAME", hint));
        }

        let (mut role, mut scope) = (None, Scope::default());
        for word in words {
            match word.split_once('=') {
                Some((_, "")) => return Err(ParseError::new(format!("'{}' has no value", clean(word)), hint)),
                Some(("role", _)) if role.is_some() => return Err(ParseError::new("it has two roles", hint)),
                Some(("role", name)) => role = Some(name.parse::<Role>()?),
                Some(("namespace", name)) => scope.namespaces.push(name.to_owned()),
                Some(("service", prefix)) => scope.services.push(prefix.to_owned()),
                Some(("host", name)) => scope.hosts.push(name.to_owned()),
                _ => {
                    let why = format!("'{}' is not role, namespace, service or host", clean(word));
                    return Err(ParseError::new(why, hint));
                }
            }
        }
        let role = role.ok_or_else(|| ParseError::new("it has no role", hint))?;
        if role.needs_hosts() && scope.hosts.is_empty() {
            let hint = "name the host, as in 'CN=web1 role=agent host=web1'";
            return Err(ParseError::new(format!("it permits the role {role} for every host"), hint));
        }
        Ok(Self { name: name.to_owned(), role, scope })
    }
}

#[cfg(test)]
impl ClientCertificate {
    /// A certificate with one name.
    pub(super) fn named(name: &str, expires: Timestamp) -> Self {
        Self { names: vec![name.to_owned()], expires: Some(expires) }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;
    use crate::server::Permission;

    fn certificate(common: &str, others: Vec<SanType>) -> ClientCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = others;
        let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate::parse(signed.der()).unwrap()
    }

    #[test]
    fn a_rule_asks_for_one_exact_name() {
        let text = |text: &str| Ia5String::try_from(text.to_owned()).unwrap();
        let known = certificate(
            "agent 7",
            vec![SanType::DnsName(text("agent.internal")), SanType::URI(text("spiffe://shop/agent"))],
        );
        assert!(known.expires.is_some());
        for (rule, is_met) in [
            ("DNS=agent.internal role=viewer", true),
            ("URI=spiffe://shop/agent role=viewer", true),
            ("CN=agent.internal role=viewer", false),
            ("DNS=agent role=viewer", false),
            ("DNS=AGENT.internal role=viewer", false),
            ("URI=spiffe://shop/ role=viewer", false),
            ("CN=agent role=viewer", false),
        ] {
            assert_eq!(rule.parse::<CertificateRule>().unwrap().caller(&known).is_some(), is_met, "{rule}");
        }

        let named = certificate("deploy", Vec::new());
        let rule: CertificateRule =
            "CN=deploy role=operator namespace=shop namespace=pay service=web-".parse().unwrap();
        let caller = rule.caller(&named).unwrap();
        assert_eq!(caller.name, "certificate CN=deploy");
        assert!(
            caller.permissions.contains(Permission::Register) && !caller.permissions.contains(Permission::Administer)
        );
        assert_eq!(caller.scope.to_text(), "namespaces shop, pay; services web-*");
        assert_eq!(ClientCertificate::parse(b"x"), None);
    }

    #[test]
    fn a_wrong_rule_says_what_is_wrong() {
        for (rule, why) in [
            ("", "does not begin with CN=NAME"),
            ("agent role=viewer", "does not begin with CN=NAME"),
            ("IP=10.0.0.1 role=viewer", "does not begin with CN=NAME"),
            ("CN= role=viewer", "does not begin with CN=NAME"),
            ("CN=agent", "has no role"),
            ("CN=agent role=agent namespace=shop", "permits the role agent for every host"),
            ("CN=agent role=owner", "there is no such role"),
            ("CN=agent role=viewer role=admin", "two roles"),
            ("CN=agent role=viewer namespace=", "'namespace=' has no value"),
            ("CN=agent role=viewer scope=shop", "'scope=shop' is not role, namespace, service or host"),
        ] {
            let error = rule.parse::<CertificateRule>().unwrap_err();
            assert!(error.to_string().contains(why), "{rule}: {error}");
        }
    }
}
