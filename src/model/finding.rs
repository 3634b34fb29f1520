//! Findings: problems of a service, and their cost.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clean::{Untrusted, write_clean};

/// The part of a service that a finding is about. Each group has a budget, the most points it can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Connecting.
    Tcp,
    /// Application replies: HTTP, gRPC, other protocols, scripts.
    App,
    /// TLS and its certificates.
    Tls,
    /// Name resolution.
    Dns,
    /// Stability over time.
    Stability,
    /// Problems reported by a source. They cost no points, but may limit the score of a service.
    Source,
}

impl Group {
    /// The groups that cost points.
    pub const SCORED: [Self; 5] = [Self::Tcp, Self::App, Self::Tls, Self::Dns, Self::Stability];

    /// The most points that its findings can cost together.
    pub const fn budget(self) -> u16 {
        match self {
            Self::Tcp | Self::App | Self::Tls => 30,
            Self::Stability => 20,
            Self::Dns => 10,
            Self::Source => 0,
        }
    }

    /// Its name.
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
    /// Its code, as in `tcp-refused`: lower case, digits and dashes.
    pub code: &'static str,
    /// Its group.
    pub group: Group,
    /// The points it costs, within its group's budget.
    pub points: u8,
    /// The highest score that is possible with it.
    pub cap: Option<u8>,
    /// What it means in general.
    pub text: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

impl FindingKind {
    /// A kind that costs points and, with a `cap`, limits the score.
    pub const fn new(
        code: &'static str,
        group: Group,
        (points, cap): (u8, Option<u8>),
        text: &'static str,
        hint: &'static str,
    ) -> Self {
        Self { code, group, points, cap, text, hint }
    }

    /// A kind of [`Group::Source`] that proves that no client can use the service, whatever the checks of its endpoints say: it limits
    /// the score of the service to 0.
    pub const fn of_unusable(code: &'static str, text: &'static str, hint: &'static str) -> Self {
        Self::new(code, Group::Source, (0, Some(0)), text, hint)
    }

    /// A kind of [`Group::Source`]: it takes no points and sets no cap.
    pub const fn of_source(code: &'static str, text: &'static str, hint: &'static str) -> Self {
        Self::new(code, Group::Source, (0, None), text, hint)
    }
}

/// A problem of one endpoint or service: its kind, and the case at hand.
///
/// It serialises as `{"code":…,"points":…,"cap":…,"text":…,"hint":…}` and reads back the same. A finding that was read
/// owns its code, points, cap and hint, which another version of portolan may have set differently; two findings are
/// equal if they serialise alike. [`Finding::resolve`] replaces the owned parts by a known kind.
#[derive(Clone, Debug)]
pub struct Finding {
    kind: Kind,
    /// The case at hand, in one line: `replied in 431 ms; the target is 200 ms`.
    pub text: Untrusted,
}

/// The kind of a finding: a row of this program, or what a document said.
#[derive(Clone, Debug)]
enum Kind {
    Known(&'static FindingKind),
    Foreign(Arc<ForeignKind>),
}

/// The fields of a kind that a document carries. It has no group, so it takes no points here.
#[derive(Debug)]
struct ForeignKind {
    code: Untrusted,
    points: u8,
    cap: Option<u8>,
    hint: Untrusted,
}

impl Finding {
    /// A finding of a known kind.
    ///
    /// ```
    /// use portolan::model::{Finding, FindingKind};
    ///
    /// static FULL: FindingKind = FindingKind::of_source("harbour-full", "The harbour has no free berth", "wait for one");
    /// let finding = Finding::new(&FULL, "12 of 12 berths are taken");
    /// assert_eq!(finding.to_string(), "harbour-full  12 of 12 berths are taken");
    /// ```
    pub fn new(kind: &'static FindingKind, text: impl Into<Untrusted>) -> Self {
        Self { kind: Kind::Known(kind), text: text.into() }
    }

    /// The code, as in `tcp-refused`. Text from a document may hold anything: show it through [`Untrusted`] or `Display`.
    pub fn code(&self) -> &str {
        match &self.kind {
            Kind::Known(kind) => kind.code,
            Kind::Foreign(kind) => kind.code.as_raw(),
        }
    }

    /// The points that it takes, within its group's budget.
    pub fn points(&self) -> u8 {
        match &self.kind {
            Kind::Known(kind) => kind.points,
            Kind::Foreign(kind) => kind.points,
        }
    }

    /// The highest score that is possible with it.
    pub fn cap(&self) -> Option<u8> {
        match &self.kind {
            Kind::Known(kind) => kind.cap,
            Kind::Foreign(kind) => kind.cap,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        match &self.kind {
            Kind::Known(kind) => kind.hint,
            Kind::Foreign(kind) => kind.hint.as_raw(),
        }
    }

    /// The part of a service that it is about. A finding of an unknown kind belongs to its source.
    pub fn group(&self) -> Group {
        self.kind().map_or(Group::Source, |kind| kind.group)
    }

    /// Its kind, where this program has one.
    pub fn kind(&self) -> Option<&'static FindingKind> {
        match self.kind {
            Kind::Known(kind) => Some(kind),
            Kind::Foreign(_) => None,
        }
    }

    /// Takes one of these kinds for a finding that was read, if code, points, cap and hint are the same.
    pub fn resolve(&mut self, known: impl IntoIterator<Item = &'static FindingKind>) {
        let Kind::Foreign(foreign) = &self.kind else { return };

        if let Some(kind) = known.into_iter().find(|kind| foreign.is(kind)) {
            self.kind = Kind::Known(kind);
        }
    }

    fn fields(&self) -> (&str, u8, Option<u8>, &Untrusted, &str) {
        (self.code(), self.points(), self.cap(), &self.text, self.hint())
    }
}

impl ForeignKind {
    fn is(&self, kind: &FindingKind) -> bool {
        (self.code.as_raw(), self.points, self.cap, self.hint.as_raw()) == (kind.code, kind.points, kind.cap, kind.hint)
    }
}

impl PartialEq for Finding {
    fn eq(&self, other: &Self) -> bool {
        self.fields() == other.fields()
    }
}

impl Eq for Finding {}

impl Hash for Finding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fields().hash(state);
    }
}

/// `-7 http-latency-2x  replied in 431 ms; the target is 200 ms`, `cap 30 cert-name-mismatch  no SAN covers a.test`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.points() > 0 {
            write!(f, "-{} ", self.points())?;
        }
        if let Some(cap) = self.cap() {
            write!(f, "cap {cap} ")?;
        }

        write_clean(f, self.code())?;
        write!(f, "  {}", self.text)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("code", self.code())?;
        fields.serialize_field("points", &self.points())?;
        fields.serialize_field("cap", &self.cap())?;
        fields.serialize_field("text", &self.text)?;
        fields.serialize_field("hint", self.hint())?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct FindingFields {
            code: Untrusted,
            #[serde(default)]
            points: u8,
            #[serde(default)]
            cap: Option<u8>,
            #[serde(default)]
            text: Untrusted,
            #[serde(default)]
            hint: Untrusted,
        }

        let FindingFields { code, points, cap, text, hint } = FindingFields::deserialize(deserializer)?;
        Ok(Self { kind: Kind::Foreign(Arc::new(ForeignKind { code, points, cap, hint })), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static REFUSED: FindingKind = FindingKind::new("tcp-refused", Group::Tcp, (30, Some(0)), "It refuses", "start it");

    #[test]
    fn a_finding_reads_back_and_takes_its_kind_only_if_that_is_the_same() {
        let finding = Finding::new(&REFUSED, "refused 3 of 3");
        let text = serde_json::to_string(&finding).unwrap();
        let mut read: Finding = serde_json::from_str(&text).unwrap();
        assert_eq!((&read, read.kind(), read.group()), (&finding, None, Group::Source));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);

        read.resolve([&REFUSED]);
        assert_eq!((&read, read.kind(), read.group()), (&finding, Some(&REFUSED), Group::Tcp));

        let mut other: Finding = serde_json::from_str(&text.replace("30", "29")).unwrap();
        other.resolve([&REFUSED]);
        assert_eq!((other.kind(), other.points()), (None, 29), "another version's points stay what they were");
    }

    #[test]
    fn a_foreign_code_reaches_no_terminal_raw() {
        let read: Finding = serde_json::from_str(r#"{"code":"a\u001b[2J","text":"b\u0007"}"#).unwrap();
        assert_eq!(read.to_string(), "a\\u{1b}[2J  b\\u{7}");
    }
}
