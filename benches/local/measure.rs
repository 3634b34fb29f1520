//! Wall time and memory of whole processes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::cases::Contender;
use crate::support::{Scene, tool};

/// The figures of one command.
pub struct Figures {
    /// Milliseconds, round by round.
    pub times: Vec<f64>,
    /// The most memory that a run had, in MB.
    pub peak: f64,
    /// The processor time of that run, in seconds.
    pub cpu: f64,
}

impl Figures {
    pub fn median(&self) -> f64 {
        median(self.times.clone())
    }

    /// The share of another command's time, taken round by round: a machine that is slow for a while slows both.
    pub fn of(&self, other: &Self) -> f64 {
        median(self.times.iter().zip(&other.times).map(|(own, other)| own / other).collect())
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 { figures[middle] } else { f64::midpoint(figures[middle - 1], figures[middle]) }
}

/// Runs every command in turn, N rounds, inside the scene.
pub fn measure(scene: &Scene, commands: &[Contender], runs: usize) -> Vec<Figures> {
    let own = std::env::current_exe().expect("this program has a path");
    let mut inside = scene.command(own);
    let mut child = inside.arg("--inside").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let argvs: Vec<&Vec<String>> = commands.iter().map(|command| &command.argv).collect();
    let order = json!({ "runs": runs, "commands": argvs }).to_string();
    child.stdin.take().expect("piped").write_all(order.as_bytes()).expect("it listens");
    let mut answer = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut answer).expect("UTF-8");
    assert!(child.wait().is_ok_and(|status| status.success()), "the measuring failed");
    let times: Vec<Vec<f64>> = serde_json::from_str(&answer).expect("a list for each command");
    let figures = times.into_iter().zip(commands).map(|(times, command)| {
        let (peak, cpu) = taken(scene, &command.argv);
        Figures { times, peak, cpu }
    });
    figures.collect()
}

/// The program that `measure` starts: reads commands from standard input and prints their times.
pub fn inside() {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order).expect("UTF-8");
    let order: Value = serde_json::from_str(&order).expect("JSON");
    let runs = order["runs"].as_u64().expect("a number");
    let commands: Vec<Vec<String>> = serde_json::from_value(order["commands"].clone()).expect("a list of commands");
    let mut times = vec![Vec::new(); commands.len()];
    // The first round only warms up. Every later one runs all of them, so that what disturbs the machine for a
    // while disturbs each alike.
    for round in 0..=runs {
        for (command, times) in commands.iter().zip(&mut times) {
            let begin = Instant::now();
            let status = quiet(Command::new(&command[0]).args(&command[1..])).status();
            let time = begin.elapsed().as_secs_f64() * 1e3;
            assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}");
            if round > 0 {
                times.push(time);
            }
        }
    }
    print!("{}", json!(times));
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// The most resident memory that a run of its own has, in MB, and its processor time in seconds, as the kernel accounts for
/// them.
fn taken(scene: &Scene, argv: &[String]) -> (f64, f64) {
    let file = scene.dir().join("taken");
    let mut command = scene.command(tool("time").get_program());
    command.args(["-q", "-f", "%M %U %S", "-o"]).arg(&file).args(argv);
    // Some take minutes, so there is no timeout here.
    assert!(command.output().is_ok_and(|out| out.status.success()), "{argv:?}");
    let taken = std::fs::read_to_string(file).expect("time writes");
    let [kilobytes, user, system] =
        taken.split_whitespace().map(|word| word.parse::<f64>().expect("a number")).collect::<Vec<_>>()[..]
    else {
        panic!("time wrote {taken:?}");
    };
    (kilobytes / 1024.0, user + system)
}
