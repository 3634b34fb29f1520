//! The output of portolan, and the expected one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use serde_json::Value;

/// The pids that hold each socket, by transport and address as the fixture writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth(pub BTreeMap<String, BTreeSet<u32>>);

impl Truth {
    pub fn parse(lines: &[String]) -> Self {
        let mut truth = Self::default();
        for line in lines {
            let (what, pid) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is no truth"));
            truth.0.entry(what.to_owned()).or_default().insert(pid.parse().expect("a pid"));
        }
        truth
    }

    /// The part whose sockets are of these kinds: what a listing shows by default leaves out connected UDP and
    /// Unix-domain sockets.
    pub fn only(&self, kinds: &[&str]) -> Self {
        self.filter(|what| kinds.iter().any(|kind| what.split(' ').next() == Some(kind)))
    }

    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(what, _)| keep(what)).map(|(what, pids)| (what.clone(), pids.clone())).collect())
    }

    pub fn and(mut self, other: &Self) -> Self {
        for (what, pids) in &other.0 {
            self.0.entry(what.clone()).or_default().extend(pids);
        }
        self
    }

    /// The same sockets with no pid known.
    pub fn without_pids(&self) -> Self {
        Self(self.0.keys().map(|what| (what.clone(), BTreeSet::new())).collect())
    }

    pub fn keys(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Every pid that holds something.
    pub fn pids(&self) -> BTreeSet<u32> {
        self.0.values().flatten().copied().collect()
    }
}

/// How a run of portolan ended and what it wrote.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// Standard output as portolan's JSON document, whatever the exit code.
    pub fn document(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|e| panic!("not JSON ({e}), exit {:?}: {}\n{}", self.code, self.stderr, self.text()))
    }

    /// The listing of a run that succeeded and says that it is whole.
    pub fn listing(&self) -> Listing {
        assert_eq!(self.code, Some(0), "exit code; standard error: {}", self.stderr);
        let document = self.document();
        assert_eq!(document["schema"], "portolan/v1");
        assert_eq!(document["complete"], true, "{}", self.stderr);
        assert_eq!(document["errors"], serde_json::json!([]));
        Listing::new(&document)
    }
}

/// The rows of a listing.
#[derive(Clone, Debug)]
pub struct Listing {
    pub rows: Vec<Row>,
}

/// A row: an item of portolan's JSON.
#[derive(Clone, Debug)]
pub struct Row(pub Value);

impl Listing {
    pub fn new(document: &Value) -> Self {
        let items = document["items"].as_array().expect("items");
        let listing = Self { rows: items.iter().cloned().map(Row).collect() };
        let ids: BTreeSet<&str> = listing.rows.iter().map(Row::id).collect();
        assert_eq!(ids.len(), listing.rows.len(), "two rows have one id: {ids:?}");
        listing
    }

    /// What the rows say, in the words of the truth.
    pub fn truth(&self) -> Truth {
        let mut said = Truth::default();
        for row in &self.rows {
            let twice = said.0.insert(row.key(), row.pids());
            assert!(twice.is_none(), "two rows for {}", row.key());
        }
        said
    }

    /// Where the rows are, in the words of the truth.
    pub fn truth_keys(&self) -> BTreeSet<String> {
        self.rows.iter().map(Row::key).collect()
    }

    /// The one row for a socket.
    pub fn row(&self, what: &str) -> &Row {
        self.rows.iter().find(|row| row.key() == what).unwrap_or_else(|| panic!("no row for {what}: {:?}", self.keys()))
    }

    pub fn keys(&self) -> Vec<String> {
        self.rows.iter().map(Row::key).collect()
    }
}

impl Row {
    pub fn id(&self) -> &str {
        self.0["id"].as_str().expect("an id")
    }

    pub fn name(&self) -> Option<&str> {
        self.0["name"].as_str()
    }

    pub fn endpoint(&self, field: &str) -> &Value {
        self.0["endpoints"][0].get(field).unwrap_or_else(|| panic!("the endpoint has no {field}: {}", self.0))
    }

    pub fn detail(&self, field: &str) -> &Value {
        self.0["detail"].get(field).unwrap_or_else(|| panic!("detail has no {field}: {}", self.0))
    }

    pub fn pids(&self) -> BTreeSet<u32> {
        self.processes().iter().map(pid_of).collect()
    }

    pub fn processes(&self) -> &[Value] {
        self.detail("processes").as_array().expect("processes")
    }

    pub fn process(&self, pid: u32) -> &Value {
        self.processes().iter().find(|process| pid_of(process) == pid).unwrap_or_else(|| panic!("no {pid}: {}", self.0))
    }

    pub fn key(&self) -> String {
        key_of(&self.0)
    }
}

fn pid_of(process: &Value) -> u32 {
    process["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a pid")
}

/// An item's transport and address as the fixture writes them.
pub fn key_of(item: &Value) -> String {
    let endpoint = &item["endpoints"][0];
    let (address, detail) = (endpoint["address"].as_str().expect("an address"), &item["detail"]);
    let transport = endpoint["transport"].as_str().expect("a transport");
    if transport == "unix" {
        return format!("unix {}", visible(address));
    }
    let connected = if detail["state"] == "connected" { "-connected" } else { "" };
    let device = endpoint["interface"].as_str().map(|name| format!("%{name}")).unwrap_or_default();
    let brackets = if address.contains(':') { ("[", "]") } else { ("", "") };
    format!("{transport}{connected} {}{address}{}:{}{device}", brackets.0, brackets.1, endpoint["port"])
}

fn visible(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = matches!(byte, b'!'..=b'~') && byte != b'%';
        let _ = if plain { write!(out, "{}", char::from(byte)) } else { write!(out, "%{byte:02x}") };
    }
    out
}

/// That a listing has the rows of the truth with their pids, and no other; what differs is shown.
#[track_caller]
pub fn assert_same(said: &Truth, truth: &Truth) {
    let differing = |from: &Truth, to: &Truth| -> Vec<String> {
        from.0.iter().filter(|(what, pids)| to.0.get(*what) != Some(pids)).take(20).map(|d| format!("{d:?}")).collect()
    };
    let (wrong, missing) = (differing(said, truth), differing(truth, said));
    assert!(wrong.is_empty() && missing.is_empty(), "portolan said {wrong:#?}\nwhere the truth is {missing:#?}");
}
