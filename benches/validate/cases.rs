//! The checked endpoints, and the programs that check them.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use crate::exporter;
use crate::machine;
use crate::slow;
use crate::support::{Ended, Fixture, Lines, Scene, output, portolan_path, tool};

/// Endpoints to check.
pub struct Case {
    pub letter: char,
    pub about: &'static str,
    /// How many.
    pub checks: usize,
    /// The check, as portolan and the exporter call it.
    check: &'static str,
    /// How many requests the exporter gets at once.
    connections: usize,
    /// The milliseconds that it may take.
    pub goal: f64,
}

pub const CASES: &[Case] = &[
    Case {
        letter: 'T',
        about: "10,000 TCP checks of as many ports on loopback",
        checks: 10_000,
        check: "tcp",
        connections: 64,
        goal: 1_000.0,
    },
    Case {
        letter: 'S',
        about: "1,000 HTTP checks of as many addresses of a server that takes a second for each answer",
        checks: 1_000,
        check: "http",
        connections: 1_000,
        goal: 1_250.0,
    },
];

/// The number of closed ports to check before the timed runs.
const CLOSED: usize = 100;

/// A command that is measured.
pub struct Contender {
    pub name: String,
    pub argv: Vec<String>,
}

/// The endpoints, the exporter, and the servers.
pub struct Stage {
    case: &'static Case,
    scene: Scene,
    _servers: Vec<Ended>,
    _fixture: Option<Fixture>,
}

impl Stage {
    pub fn new(case: &'static Case) -> Self {
        let scene = Scene::new();
        let (mut servers, mut fixture, mut targets) = (Vec::new(), None, Vec::new());
        if case.letter == 'T' {
            let listening = scene.fixture(&format!("repeat=2 [ many={}@{{i}} ]", case.checks / 2));
            targets.extend(listening.truth.0.keys().map(|key| key.trim_start_matches("tcp ").to_owned()));
            fixture = Some(listening);
        } else {
            let mut server = scene.command(std::env::current_exe().expect("this program has a path"));
            let mut server = server.arg("--slow").stdout(Stdio::piped()).spawn().expect("it starts");
            Lines::of(&mut server).until("ready");
            servers.push(Ended(server));
            // Each has an address of its own: of one address and port, portolan checks only a few at once.
            let addresses = (0..case.checks).map(|n| format!("127.1.{}.{}:{}", n / 250, n % 250 + 1, slow::PORT));
            targets.extend(addresses.enumerate().map(|(n, address)| format!("http://{address}/{n}")));
        }
        assert_eq!(targets.len(), case.checks);
        servers.push(start_exporter(&scene));
        let closed: Vec<String> = (0..CLOSED).map(|n| format!("127.2.0.1:{}", 20_000 + n)).collect();
        let stage = Self { case, scene, _servers: servers, _fixture: fixture };
        stage.write("open", &targets);
        stage.write("mixed", &[targets, closed].concat());
        stage
    }

    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Writes targets down as either wants them.
    fn write(&self, name: &str, targets: &[String]) {
        let mut services = String::new();
        for target in targets {
            let path =
                target.rsplit_once('/').map_or(String::new(), |(_, path)| format!("ask = {{ path = '/{path}' }}\n"));
            let address = target.trim_start_matches("http://").split('/').next().expect("a host");
            let _ = writeln!(services, "[[service]]\nname = '{target}'\nendpoints = ['{address}']\n{path}");
        }
        fs::write(self.scene.dir().join(name).with_extension("toml"), services).expect("it is written");
        fs::write(self.scene.dir().join(name), targets.join("\n")).expect("it is written");
    }

    /// Stops unless both find every healthy endpoint healthy, and no other.
    pub fn check(&self) -> String {
        let portolan = output(self.scene.command(portolan_path()).args(self.portolan("mixed", "--json")));
        let said: serde_json::Value = serde_json::from_slice(&portolan.stdout).expect("JSON");
        assert_eq!(said["complete"], true);
        for item in said["items"].as_array().expect("items") {
            let health = &item["endpoints"][0]["health"];
            let is_open = !item["name"].as_str().expect("a name").starts_with("127.2.0.1:");
            assert_eq!(health["coverage"], serde_json::json!([self.case.check]), "{item}");
            assert_eq!(health["score"].as_u64().expect("a score") >= 80, is_open, "{item}");
        }
        assert_eq!(said["items"].as_array().map(Vec::len), Some(self.case.checks + CLOSED));
        let own = std::env::current_exe().expect("this program has a path");
        let exporter = output(self.scene.command(own).args(self.exporter("mixed")));
        // It may run out of time for some of a thousand slow ones; the table shows that.
        let well = String::from_utf8_lossy(&exporter.stdout).trim().to_owned();
        let checks = self.case.checks;
        format!("{checks} are well and {CLOSED} closed ones are not by portolan; {well} are well by the exporter")
    }

    /// The measured commands: portolan, and the exporter with its client.
    pub fn commands(&self) -> Vec<Contender> {
        let command = |name: &str, program: &std::path::Path, args: Vec<String>| {
            let program = program.to_str().expect("a path in UTF-8").to_owned();
            Contender { name: name.to_owned(), argv: std::iter::once(program).chain(args).collect() }
        };
        let own = std::env::current_exe().expect("this program has a path");
        let mut commands = vec![
            command("portolan validate", &portolan_path(), self.portolan("open", "-q")),
            command("blackbox_exporter, and who asks it", &own, self.exporter("open")),
        ];
        let before =
            machine::before().map(|path| command("portolan before", path.as_ref(), self.portolan("open", "-q")));
        commands.extend(before);
        commands
    }

    fn portolan(&self, file: &str, more: &str) -> Vec<String> {
        let file = self.scene.dir().join(file).with_extension("toml").display().to_string();
        let args = ["validate", &file, "--check", self.case.check, "--goal", "2s", more];
        args.map(str::to_owned).to_vec()
    }

    fn exporter(&self, file: &str) -> Vec<String> {
        let file = self.scene.dir().join(file).display().to_string();
        ["--ask", self.case.check, &self.case.connections.to_string(), &file].map(str::to_owned).to_vec()
    }
}

fn start_exporter(scene: &Scene) -> Ended {
    let config = scene.dir().join("blackbox.yml");
    fs::write(&config, exporter::CONFIG).expect("it is written");
    let mut command = scene.command(tool("prometheus-blackbox-exporter").get_program());
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--web.listen-address={}", exporter::ADDRESS));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let child = Ended(child);
    // The kernel's list of listeners shows this without a connection.
    scene.sh("until ss -Hltn 'sport = :9115' | grep -q .; do sleep 0.1; done");
    child
}
