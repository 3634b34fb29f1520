//! portolan, run as a user runs it, against the double.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::double::{Double, Kubeconfig};
use crate::support::{TempDir, output, portolan_path};

/// portolan with an empty environment and its own home, which contains its kubeconfig.
pub struct Portolan {
    home: TempDir,
    command: Command,
}

/// The result of a run.
#[derive(Debug)]
pub struct RunOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Portolan {
    /// Uses the double as its administrator.
    pub fn new(double: &Double) -> Self {
        Self::with(&double.kubeconfig())
    }

    pub fn with(kubeconfig: &Kubeconfig) -> Self {
        Self::with_text(&kubeconfig.text())
    }

    pub fn with_text(kubeconfig: &str) -> Self {
        let portolan = Self::without_kubeconfig();
        fs::create_dir(portolan.path(".kube")).unwrap();
        fs::write(portolan.path(".kube/config"), kubeconfig).unwrap();
        portolan
    }

    pub fn without_kubeconfig() -> Self {
        let mut portolan = Self::bare();
        portolan.command.args(["discover", "k8s"]);
        portolan
    }

    /// Another command than `discover k8s`.
    pub fn other(kubeconfig: &Kubeconfig, words: &str) -> Self {
        let portolan = Self::bare().args(words);
        fs::create_dir(portolan.path(".kube")).unwrap();
        fs::write(portolan.path(".kube/config"), kubeconfig.text()).unwrap();
        portolan
    }

    fn bare() -> Self {
        let home = TempDir::new();
        let mut command = Command::new(portolan_path());
        command.env_clear().env("HOME", home.path()).current_dir(home.path());
        Self { home, command }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Arguments, separated by spaces.
    pub fn args(mut self, words: &str) -> Self {
        self.command.args(words.split_whitespace());
        self
    }

    pub fn arg(mut self, word: &str) -> Self {
        self.command.arg(word);
        self
    }

    pub fn run(mut self) -> RunOutput {
        let out = output(&mut self.command);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("portolan writes UTF-8");
        RunOutput { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) }
    }

    /// Starts it, for a test that stops it.
    pub fn start(mut self) -> (Child, TempDir) {
        let command = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (command.spawn().unwrap(), self.home)
    }

    /// The document that it prints, and how it ended.
    #[track_caller]
    pub fn json(self) -> (Value, RunOutput) {
        let ran = self.arg("--json").run();
        let document = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no JSON: {ran:?}"));
        (document, ran)
    }

    /// The services that it finds, by id, where all goes well.
    #[track_caller]
    pub fn services(self) -> BTreeMap<String, Value> {
        let (document, ran) = self.json();
        assert_eq!((ran.code, &document["complete"]), (Some(0), &Value::Bool(true)), "{ran:?}");
        by_id(&document)
    }

    /// Runs what must fail: this code, nothing on stdout, and one line of what and one of what to try.
    #[track_caller]
    pub fn fails(self, code: i32, error: &str, hint: &str) {
        let ran = self.run();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert_eq!(ran.stdout, "");
        assert_eq!(ran.stderr, format!("error: cannot {error}\nhint: {hint}\n"));
    }

    /// The same for the kubeconfig of the home directory.
    #[track_caller]
    pub fn run_fails_in_home(self, why: &str, hint: &str) {
        let config = self.path(".kube/config");
        self.fails(2, &format!("use kubeconfig '{}': {why}", config.display()), hint);
    }
}

pub fn by_id(document: &Value) -> BTreeMap<String, Value> {
    let items = document["items"].as_array().unwrap();
    items.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect()
}

/// `10.1.1.1:8080` and its like of a service, sorted as they come.
pub fn addresses(service: &Value) -> Vec<String> {
    let endpoints = service["endpoints"].as_array().unwrap().iter();
    endpoints.map(|endpoint| format!("{}:{}", endpoint["address"].as_str().unwrap(), endpoint["port"])).collect()
}
