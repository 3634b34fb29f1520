//! Health of endpoints and services.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{Figures, Finding, TlsFacts, words};

/// The health of an endpoint, from all checks that ran.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Health {
    /// The state that the score means.
    pub state: HealthState,
    /// 0 to 100; `None` if no check could run.
    pub score: Option<u8>,
    /// The score without caps.
    pub uncapped: Option<u8>,
    /// The score as a letter.
    pub grade: Option<Grade>,
    /// Whether all requested checks ran.
    pub complete: bool,
    /// The checks that ran, in their order.
    #[serde(default, deserialize_with = "words::list")]
    pub coverage: Vec<Cow<'static, str>>,
    /// The checks that did not run.
    #[serde(default, deserialize_with = "words::list")]
    pub not_covered: Vec<Cow<'static, str>>,
    /// Findings, highest cost first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Why requested checks could not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hindered: Vec<String>,
    /// Whether no check could run because the address is unreachable from here. That says nothing about the endpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub out_of_reach: bool,
    /// What the checks measured.
    #[serde(default, flatten)]
    pub figures: Figures,
    /// What the server showed of itself in TLS, for people: documents do not have it.
    #[serde(skip)]
    pub tls: Option<Arc<TlsFacts>>,
    /// Age of the oldest evidence in milliseconds, if some of it is from an earlier check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}

impl Health {
    /// Whether the connection works and nothing else was checked.
    pub fn is_of_connection_only(&self) -> bool {
        let mut others = self.coverage.iter().filter(|check| !matches!(&***check, "tcp" | "dns" | "stability"));
        let has_tcp = self.coverage.iter().any(|check| check == "tcp");
        has_tcp && others.next().is_none() && self.state == HealthState::Healthy
    }

    /// Whether an HTTP reply has the status of a success, and a body that reports a failure.
    pub(crate) fn reports_failure(&self) -> bool {
        self.findings.iter().any(|finding| finding.code() == "http-reports-failure")
    }

    /// The checks that ran and those that did not: `tcp http tls -dns`.
    pub fn covered(&self) -> String {
        let looked = self.coverage.iter().map(|check| check.clone().into_owned());
        let others = self.not_covered.iter().map(|check| format!("-{check}"));
        looked.chain(others).collect::<Vec<_>>().join(" ")
    }
}

/// The health of a service, derived from its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceHealth {
    /// The state that the score means.
    pub state: HealthState,
    /// 0 to 100; `None` if no endpoint has a score.
    pub score: Option<u8>,
    /// The score as a letter.
    pub grade: Option<Grade>,
    /// Whether all requested checks ran at every endpoint.
    pub complete: bool,
    /// The score that the service must reach, if one is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<u8>,
}

/// The meaning of a score for users of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// 80 or more: usable.
    Healthy,
    /// 50 to 79: works, but needs attention soon.
    Degraded,
    /// Below 50: a normal client cannot use it now.
    Unhealthy,
    /// No score.
    Unknown,
}

impl HealthState {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::Unknown];

    /// The state of a score.
    pub const fn of(score: Option<u8>) -> Self {
        match score {
            Some(80..) => Self::Healthy,
            Some(50..) => Self::Degraded,
            Some(_) => Self::Unhealthy,
            None => Self::Unknown,
        }
    }

    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// A score as a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Grade {
    /// 90 to 100.
    A,
    /// 80 to 89.
    B,
    /// 70 to 79.
    C,
    /// 60 to 69.
    D,
    /// 50 to 59.
    E,
    /// 0 to 49.
    F,
}

impl Grade {
    /// The letter of a score.
    pub const fn of(score: u8) -> Self {
        match score {
            90.. => Self::A,
            80.. => Self::B,
            70.. => Self::C,
            60.. => Self::D,
            50.. => Self::E,
            _ => Self::F,
        }
    }

    /// The letter, with a `?` if a requested check could not run.
    pub const fn as_str(self, complete: bool) -> &'static str {
        match (self, complete) {
            (Self::A, true) => "A",
            (Self::B, true) => "B",
            (Self::C, true) => "C",
            (Self::D, true) => "D",
            (Self::E, true) => "E",
            (Self::F, true) => "F",
            (Self::A, false) => "A?",
            (Self::B, false) => "B?",
            (Self::C, false) => "C?",
            (Self::D, false) => "D?",
            (Self::E, false) => "E?",
            (Self::F, false) => "F?",
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FindingKind, Group};

    static SLOW: FindingKind =
        FindingKind::new("tcp-latency-1x", Group::Tcp, (2, None), "connecting is slow", "ask it");

    #[test]
    fn it_is_written_as_documented() {
        let health = Health {
            state: HealthState::of(Some(98)),
            score: Some(98),
            uncapped: Some(98),
            grade: Some(Grade::of(98)),
            complete: true,
            coverage: vec!["tcp".into()],
            not_covered: vec!["stability".into()],
            findings: vec![Finding::new(&SLOW, "connected in 7.0 ms; the target is 5.0 ms")],
            hindered: Vec::new(),
            out_of_reach: false,
            figures: Figures::default(),
            tls: None,
            age_ms: None,
        };
        let expected = r#"{"state":"healthy","score":98,"uncapped":98,"grade":"A","complete":true,"coverage":["tcp"],"not_covered":["stability"],"findings":[{"code":"tcp-latency-1x","points":2,"cap":null,"text":"connected in 7.0 ms; the target is 5.0 ms","hint":"ask it"}]}"#;
        assert_eq!(serde_json::to_string(&health).unwrap(), expected);
    }

    #[test]
    fn states_and_grades_meet_at_their_bounds() {
        let at = |score: u8| (HealthState::of(Some(score)).as_str(), Grade::of(score).as_str(true));
        assert_eq!(
            [at(100), at(90), at(89), at(80)],
            [("healthy", "A"), ("healthy", "A"), ("healthy", "B"), ("healthy", "B")]
        );
        assert_eq!(
            [at(79), at(70), at(69), at(60)],
            [("degraded", "C"), ("degraded", "C"), ("degraded", "D"), ("degraded", "D")]
        );
        assert_eq!(
            [at(59), at(50), at(49), at(0)],
            [("degraded", "E"), ("degraded", "E"), ("unhealthy", "F"), ("unhealthy", "F")]
        );
        assert_eq!(HealthState::of(None).as_str(), "unknown");
        assert_eq!(Grade::of(95).as_str(false), "A?");
    }
}
