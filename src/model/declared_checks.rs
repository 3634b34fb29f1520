//! The checks of a services file as a registry runs them.

use std::time::Duration;

use super::check_definition::{MAX_INTERVAL, MAX_THRESHOLD, MIN_INTERVAL, MIN_TIMEOUT};
use super::{CheckDefinition, CheckKind, CheckName, CheckSpec, DeclaredDetail, Service};

/// The methods that a registry sends.
const METHODS: [&str; 2] = ["GET", "HEAD"];

impl CheckSpec {
    /// The checks that these options declare; none if they declare neither a protocol nor a check.
    ///
    /// # Errors
    /// The first option that a registry cannot obey: without it, the result would mean something else.
    pub(crate) fn definitions(&self) -> Result<Vec<CheckDefinition>, &'static str> {
        if let Some((option, _)) = self.beyond_registries().into_iter().find(|(_, is_set)| *is_set) {
            return Err(option);
        }
        let main = self.main_kind()?;
        let kinds = match self.check.as_slice() {
            [] => main.into_iter().collect(),
            names => {
                let once = names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name));
                once.map(|(_, name)| named_kind(*name, main.as_ref())).collect::<Result<Vec<_>, _>>()?
            }
        };

        let kept = kinds.into_iter().filter(|kind| self.no_check.iter().all(|name| !is_named(*name, kind)));
        Ok(kept.map(|kind| self.timed(kind)).collect())
    }

    /// The options that change what a result means, and that registrations do not have.
    fn beyond_registries(&self) -> [(&'static str, bool); 16] {
        let is_other_method = !METHODS.contains(&self.method_name());
        [
            ("header", !self.header.is_empty()),
            ("body", self.body.is_some()),
            ("method", is_other_method),
            ("path", self.path.as_ref().is_some_and(super::HttpPath::has_secret)),
            ("expect-body", self.expect_body.is_some()),
            ("expect-header", !self.expect_header.is_empty()),
            ("expect-json", !self.expect_json.is_empty()),
            ("follow", self.follow),
            ("script", !self.script.is_empty()),
            ("starttls", self.starttls.is_some()),
            ("cert", self.cert.is_some()),
            ("ca", self.limits.ca.is_some()),
            ("pin", !self.limits.pin.is_empty()),
            ("ignore", !self.limits.ignore.is_empty()),
            ("min-score", self.limits.min_score.is_some()),
            ("goal", !self.goal.is_empty()),
        ]
    }

    /// The check of the declared protocol.
    fn main_kind(&self) -> Result<Option<CheckKind>, &'static str> {
        let is_http = self.path.is_some() || self.method.is_some() || self.expect_status.is_some();
        let kind = match self.protocol.as_deref() {
            Some("http" | "https" | "h2" | "h2c") => self.http_kind(),
            Some("grpc" | "grpcs") => self.grpc_kind(),
            Some("tcp") => CheckKind::Tcp,
            Some("tls") => CheckKind::Tls,
            Some(name) => CheckDefinition::protocol(name).ok_or("protocol")?.kind,
            None if is_http => self.http_kind(),
            None if self.grpc_service.is_some() => self.grpc_kind(),
            None => return Ok(None),
        };
        Ok(Some(kind))
    }

    fn http_kind(&self) -> CheckKind {
        CheckKind::Http {
            path: self.path.as_ref().map_or("/", |path| path.as_str()).to_owned(),
            method: self.method_name().to_owned(),
            expected_status: self.expect_status.clone(),
        }
    }

    fn grpc_kind(&self) -> CheckKind {
        CheckKind::Grpc { service: self.grpc_service.clone() }
    }

    /// The check with the times and thresholds of the file, within the limits of a registry.
    fn timed(&self, kind: CheckKind) -> CheckDefinition {
        let limits = &self.limits;
        let interval = limits.interval.map(|interval| interval.clamp(MIN_INTERVAL, MAX_INTERVAL));
        let longest = interval.unwrap_or(MAX_INTERVAL);

        CheckDefinition {
            interval,
            timeout: limits.timeout.map(|timeout: Duration| timeout.clamp(MIN_TIMEOUT, longest)),
            failure_threshold: limits.fall.map(|fall| fall.clamp(1, MAX_THRESHOLD)),
            success_threshold: limits.rise.map(|rise| rise.clamp(1, MAX_THRESHOLD)),
            ..CheckDefinition::new(kind)
        }
    }
}

impl Service {
    /// The checks that a services file declares for it; none of another source.
    ///
    /// # Errors
    /// The option that a registry cannot obey.
    pub(crate) fn declared_checks(&self) -> Result<Vec<CheckDefinition>, &'static str> {
        let Some(declared) = self.detail.downcast_ref::<DeclaredDetail>() else { return Ok(Vec::new()) };
        // A registry checks the name of the address.
        let name = declared.ask.server_name.as_deref();
        if name.is_some_and(|name| self.endpoints.iter().any(|endpoint| endpoint.address.to_string() != name)) {
            return Err("server-name");
        }
        declared.ask.definitions()
    }
}

/// The check with this name; `main` is that of the protocol.
fn named_kind(name: CheckName, main: Option<&CheckKind>) -> Result<CheckKind, &'static str> {
    match name {
        CheckName::Dns => Ok(CheckKind::Dns),
        CheckName::Tcp => Ok(CheckKind::Tcp),
        CheckName::Tls => Ok(CheckKind::Tls),
        name => main.filter(|kind| is_named(name, kind)).cloned().ok_or("check"),
    }
}

fn is_named(name: CheckName, kind: &CheckKind) -> bool {
    match kind {
        CheckKind::Http { .. } => name == CheckName::Http,
        CheckKind::Grpc { .. } => name == CheckName::Grpc,
        CheckKind::Protocol(_) => name == CheckName::Protocol,
        CheckKind::Tcp => name == CheckName::Tcp,
        CheckKind::Tls => name == CheckName::Tls,
        CheckKind::Dns => name == CheckName::Dns,
        CheckKind::Ttl | CheckKind::Script { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(protocol: Option<&str>) -> CheckSpec {
        CheckSpec { protocol: protocol.map(str::to_owned), ..CheckSpec::default() }
    }

    #[test]
    fn declared_checks_are_those_of_a_registration() {
        let mut http = CheckSpec { path: Some("/health".parse().unwrap()), ..spec(Some("https")) };
        http.expect_status = "200".parse().ok();
        (http.limits.interval, http.limits.timeout) = (Some(Duration::from_millis(500)), Some(Duration::from_secs(3)));
        (http.limits.fall, http.limits.rise) = (Some(2), Some(1_000));
        let kind = CheckKind::Http {
            path: "/health".to_owned(),
            method: "GET".to_owned(),
            expected_status: "200".parse().ok(),
        };
        let expected =
            CheckDefinition::new(kind).every(MIN_INTERVAL).timeout(MIN_INTERVAL).thresholds(2, MAX_THRESHOLD);
        assert_eq!(http.definitions(), Ok(vec![expected]));

        http.check = vec![CheckName::Tcp, CheckName::Tls];
        let kinds: Vec<_> = http.definitions().unwrap().into_iter().map(|check| check.kind).collect();
        assert_eq!(kinds, [CheckKind::Tcp, CheckKind::Tls]);
        let redis = spec(Some("redis")).definitions().unwrap();
        assert_eq!(redis, [CheckDefinition::protocol("redis").unwrap()]);
        assert_eq!(spec(None).definitions(), Ok(Vec::new()), "an address alone declares no check");
        let none = CheckSpec { no_check: vec![CheckName::Protocol], ..spec(Some("redis")) };
        assert_eq!(none.definitions(), Ok(Vec::new()));
    }

    /// A check that left out a header or an expectation would say something else than the file asks for.
    #[test]
    fn a_check_that_a_registry_cannot_run_as_declared_is_named() {
        let http = spec(Some("http"));
        let header = vec!["Authorization: Bearer x".parse().unwrap()];
        assert_eq!(CheckSpec { header, ..http.clone() }.definitions(), Err("header"));
        assert_eq!(CheckSpec { method: "POST".parse().ok(), ..http.clone() }.definitions(), Err("method"));
        assert_eq!(CheckSpec { script: vec!["true".to_owned()], ..http.clone() }.definitions(), Err("script"));
        let mut lenient = http.clone();
        lenient.limits.ignore.push("certificate-expires-soon".to_owned());
        assert_eq!(lenient.definitions(), Err("ignore"));
        assert_eq!(spec(Some("kafka")).definitions(), Err("protocol"));
        assert_eq!(CheckSpec { check: vec![CheckName::Grpc], ..http }.definitions(), Err("check"));
    }
}
