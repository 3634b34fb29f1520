//! What is wrong with something that serves, and what it costs.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clean::Untrusted;

/// The part of a service that a finding is about. Each has a budget: more points than that it cannot cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Reaching it at all.
    Tcp,
    /// What it answers: HTTP, gRPC, its own protocol, a script.
    App,
    /// TLS and its certificates.
    Tls,
    /// Its name.
    Dns,
    /// How it did over time.
    Stability,
    /// What a source says of its own services. It takes no points.
    Source,
}

impl Group {
    /// All that can cost points.
    pub const SCORED: [Self; 5] = [Self::Tcp, Self::App, Self::Tls, Self::Dns, Self::Stability];

    /// The most points that its findings can take together.
    pub const fn budget(self) -> u16 {
        match self {
            Self::Tcp | Self::App | Self::Tls => 30,
            Self::Stability => 20,
            Self::Dns => 10,
            Self::Source => 0,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::App => "app",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Stability => "stability",
            Self::Source => "source",
        }
    }
}

/// A kind of finding: a row beside the plug-in that emits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKind {
    /// Its word, as in `tcp-refused`: lower case, digits and dashes.
    pub code: &'static str,
    /// What it is about.
    pub group: Group,
    /// The points it takes, within its group's budget.
    pub points: u8,
    /// The most that the whole score can be with it.
    pub cap: Option<u8>,
    /// What it means, without the case at hand.
    pub text: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

impl FindingKind {
    /// A kind that takes points and, with a `cap`, limits the whole score.
    pub const fn new(
        code: &'static str,
        group: Group,
        (points, cap): (u8, Option<u8>),
        text: &'static str,
        hint: &'static str,
    ) -> Self {
        Self { code, group, points, cap, text, hint }
    }

    /// A kind of [`Group::Source`]: it takes no points and sets no cap.
    pub const fn of_source(code: &'static str, text: &'static str, hint: &'static str) -> Self {
        Self::new(code, Group::Source, (0, None), text, hint)
    }

    /// A case of this kind, with what was seen.
    pub fn seen(&'static self, text: impl Into<Untrusted>) -> Finding {
        Finding { kind: self, text: text.into() }
    }
}

/// Something that was found: its kind, and what was seen.
///
/// It serialises as `{"code":…,"points":…,"cap":…,"text":…,"hint":…}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What kind of finding it is.
    pub kind: &'static FindingKind,
    /// What was seen, in one line: `answer p95 431 ms > 2x goal 200 ms (n=20)`.
    pub text: Untrusted,
}

/// `-7 http-latency-2x  answer p95 431 ms > 2x goal 200 ms (n=20)`, `cap 30 cert-name-mismatch  no SAN covers a.test`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.points > 0 {
            write!(f, "-{} ", self.kind.points)?;
        }
        if let Some(cap) = self.kind.cap {
            write!(f, "cap {cap} ")?;
        }
        write!(f, "{}  {}", self.kind.code, self.text)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("code", self.kind.code)?;
        fields.serialize_field("points", &self.kind.points)?;
        fields.serialize_field("cap", &self.kind.cap)?;
        fields.serialize_field("text", &self.text)?;
        fields.serialize_field("hint", self.kind.hint)?;
        fields.end()
    }
}
