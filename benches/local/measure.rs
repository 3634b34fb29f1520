//! Wall time and memory of whole processes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cases::Contender;
use crate::support::{Scene, tool};

/// The figures of one command.
pub struct Figures {
    /// Milliseconds, round by round.
    pub times: Vec<f64>,
    /// The most memory that a run had, in MB.
    pub peak: f64,
    /// The processor time of a run, on average, in seconds.
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
    let times: Vec<(Vec<f64>, u32)> = serde_json::from_str(&answer).expect("times and ticks for each command");
    let tick = Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second()).expect("some hundreds");
    let figures = times.into_iter().zip(commands).map(|((times, ticks), command)| Figures {
        cpu: (tick * ticks).as_secs_f64() / f64::from(u32::try_from(times.len()).expect("some rounds")),
        peak: peak(scene, &command.argv),
        times,
    });
    figures.collect()
}

/// The program that `measure` starts: reads commands from standard input and prints their times, and their processor time in
/// clock ticks, all rounds together.
pub fn inside() {
    let mut order = String::new();
    std::io::stdin().read_to_string(&mut order).expect("UTF-8");
    let order: Value = serde_json::from_str(&order).expect("JSON");
    let runs = order["runs"].as_u64().expect("a number");
    let commands: Vec<Vec<String>> = serde_json::from_value(order["commands"].clone()).expect("a list of commands");
    let mut times = vec![(Vec::new(), 0_u32); commands.len()];
    // The first round only warms up. Every later one runs all of them, so that what disturbs the machine for a
    // while disturbs each alike.
    for round in 0..=runs {
        for (command, (times, ticks)) in commands.iter().zip(&mut times) {
            let before = children_ticks();
            let begin = Instant::now();
            let status = quiet(Command::new(&command[0]).args(&command[1..])).status();
            let time = begin.elapsed().as_secs_f64() * 1e3;
            assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}");
            if round > 0 {
                times.push(time);
                *ticks += children_ticks() - before;
            }
        }
    }
    print!("{}", json!(times));
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// The processor time of all children that have ended, in clock ticks. The kernel adds exact times, and many differences have little
/// more than a tick of error in all.
fn children_ticks() -> u32 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is mounted");
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
    // Fields 16 and 17 (`man 5 proc_pid_stat`); the first one here is field 3.
    let ticks = fields.split(' ').skip(13).take(2).map(|field| field.parse::<u32>().expect("a number"));
    ticks.sum()
}

/// The most resident memory that a run of its own has, in MB, as the kernel accounts for it.
fn peak(scene: &Scene, argv: &[String]) -> f64 {
    let file = scene.dir().join("taken");
    let mut command = scene.command(tool("time").get_program());
    command.args(["-q", "-f", "%M", "-o"]).arg(&file).args(argv);
    // Some take minutes, so there is no timeout here.
    assert!(command.output().is_ok_and(|out| out.status.success()), "{argv:?}");
    let taken = std::fs::read_to_string(file).expect("time writes");
    taken.trim().parse::<f64>().unwrap_or_else(|_| panic!("time wrote {taken:?}")) / 1024.0
}
