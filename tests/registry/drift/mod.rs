//! `portolan drift` against real registries: planted faults in a network namespace, several registries, repairs and a watch.

mod across;
mod agent_cost;
mod churn;
mod fleet;
mod planted;
mod real;
mod world;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::hear;

/// The code and the address of each finding.
pub type Findings = BTreeSet<(String, String)>;

/// What a run of `portolan drift` left behind.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `portolan drift` with these words.
pub fn drift(words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    run(command.arg("drift").args(words))
}

/// Runs a command with an empty environment.
pub fn run(command: &mut Command) -> Ran {
    command.env_clear().env("PORTOLAN_CONFIG", "/dev/null");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let output = hear(child, "portolan drift");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// The items of a JSON document.
    pub fn items(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr));
        document["items"].as_array().expect("items").clone()
    }

    pub fn findings(&self) -> Findings {
        self.items().iter().filter_map(finding).collect()
    }
}

/// The code and the address of an item, if it has a finding.
pub fn finding(item: &Value) -> Option<(String, String)> {
    let code = item["findings"][0]["code"].as_str()?.to_owned();
    Some((code, place(item)))
}

pub fn place(item: &Value) -> String {
    let endpoint = &item["endpoints"][0];
    format!("{}:{}", endpoint["address"].as_str().unwrap_or_default(), endpoint["port"])
}
