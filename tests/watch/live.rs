//! The live view on a real terminal: its screens, its keys, and the state of the terminal afterwards.

use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use rustix::process::Signal;

use crate::checks::{FAILED, WELL, Web};
use crate::identify::Greeter;
use crate::support::{HANG, Isolation, Scene, Tmux, kill, output, portolan_path};
use crate::trace::traced;
use crate::watched::listener;

/// A watch at a terminal of this size.
pub fn watch<'s>(scene: &'s Scene, size: (u16, u16), args: &str) -> Tmux<'s> {
    Tmux::open(scene, size, &format!("{} {args}", command()))
}

fn command() -> String {
    format!("'{}' discover local --watch --interval 50ms", portolan_path().display())
}

/// The settings of a terminal before and after portolan runs in it, and the exit code.
fn between_settings(args: &str) -> String {
    format!("stty -g; {} {args}; echo code=$?; stty -g; echo over; exec cat", command())
}

/// Compares a screen with what is kept, or keeps it where `REGENERATE` is set.
#[track_caller]
pub fn assert_kept(name: &str, screen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/watch/screens").join(format!("{name}.txt"));
    if env::var_os("REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, screen).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == screen, "{name} is not what it was (REGENERATE=1 keeps it).\nIt was:\n{kept}\nIt is:\n{screen}");
}

/// A screen without what differs from run to run: pids.
fn steady(screen: &str, pids: impl IntoIterator<Item = u32>) -> String {
    let (title, mut rest) = screen.split_once('\n').map(|(title, rest)| (title, rest.to_owned())).unwrap();
    for pid in pids.into_iter().map(|pid| pid.to_string()) {
        let mask = "#".repeat(pid.len());
        rest = rest
            .replace(&format!(" {pid} "), &format!(" {mask} "))
            .replace(&format!(" {pid}\n"), &format!(" {mask}\n"));
    }
    format!("{title}\n{rest}")
}

#[test]
fn it_is_readable_at_four_sizes() {
    let scene = Scene::isolated(Isolation { pids: true, ..Isolation::default() });
    let fixture = scene.fixture(
        "name=harbour tcp=127.0.0.1:80 udp=0.0.0.0:53 tcp=[::]:8080,v6only \
         [ name=chandlery%1b[31m tcp=127.0.0.1:5432 ] [ name=a-name-with-15- tcp=[::1]:443 ]",
    );
    for size in [(40, 12), (80, 24), (120, 40), (200, 50)] {
        let terminal = watch(&scene, size, "");
        let screen = terminal.until(|screen| screen.contains("5 services") && screen.contains(":8080"));
        assert_kept(&format!("table-{}x{}", size.0, size.1), &steady(&screen, fixture.truth.pids()));

        terminal.press(&["Down", "Down", "Enter"]);
        let screen = terminal.until_shows("local/tcp/[::1]:443");
        // What the row says comes after what it does not say; lines that a screen has no room for do not count.
        let place = |fact: &str| screen.find(&format!("{fact:<14}")).unwrap_or(usize::MAX);
        assert!(place("exe") <= place("process") && place("exe") <= place("user"), "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= size.0.into()), "{screen}");
    }
}

/// The share of the processor and the memory are measured while the details are open, and drawn over time.
#[test]
fn details_have_the_live_figures_of_the_process() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:80");
    let terminal = watch(&scene, (120, 60), "");
    terminal.until(|screen| screen.contains("1 service") && screen.contains(":80"));
    terminal.press(&["Enter"]);

    let bars = |line: &str| line.chars().filter(|letter| ('▁'..='█').contains(letter)).count();
    terminal.until(|screen| {
        let measured = |start: &str, unit: &str| {
            screen.lines().any(|line| line.contains(start) && line.contains(unit) && bars(line) >= 2)
        };
        measured("processor     ", " %  ") && measured("memory        ", "M  ")
    });
}

/// How quick an answer is differs from run to run.
const UNTIMED: &str =
    "--ignore tcp-latency-1x,tcp-latency-2x,tcp-latency-4x,http-latency-1x,http-latency-2x,http-latency-4x";

/// A watch of what is asked there, which has failed once.
fn checked<'s>(scene: &'s Scene, size: (u16, u16), web: &Web) -> Tmux<'s> {
    let portolan = portolan_path();
    let checks = format!("'{}' validate {} --watch --interval 50ms {UNTIMED}", portolan.display(), web.url);
    Tmux::open(scene, size, &checks)
}

/// A screen with only the last of a score's bars: how many there are tells how long it took to get here.
fn of_one_moment(screen: &str) -> String {
    let is_bar = |letter: char| ('▁'..='█').contains(&letter);
    let line = |line: &str| {
        // A measured time.
        if let Some((before, _)) = line.split_once(" ms ") {
            return format!("{before} ms\n");
        }
        let Some(begin) = line.find(is_bar) else { return format!("{line}\n") };
        let (before, bars) = line.split_at(begin);
        let after = bars.trim_start_matches(is_bar);
        let (count, one) = (bars.chars().count() - after.chars().count(), bars.chars().next().unwrap());
        format!("{before}{}{one}{after}\n", " ".repeat(count - 1))
    };
    screen.lines().map(line).collect()
}

#[test]
fn scores_are_readable_at_three_sizes() {
    let scene = Scene::new();
    let web = Web::at(&scene, "127.0.0.1:7001", |_, _| FAILED);
    for size in [(80, 24), (120, 40), (200, 50)] {
        let terminal = checked(&scene, size, &web);
        terminal.until(|screen| screen.contains("1 service") && screen.contains("unhealthy"));
        terminal.press(&["Enter"]);
        let screen = terminal.until(|screen| screen.contains("hint: ") && screen.contains('▇'));
        assert_kept(&format!("scores-{}x{}", size.0, size.1), &of_one_moment(&screen));
    }
}

/// A bar stands for ten seconds.
#[test]
fn a_score_has_a_history() {
    let scene = Scene::new();
    let web = Web::new(&scene, |mode, _| [WELL, FAILED][mode]);
    let terminal = checked(&scene, (120, 40), &web);
    let trend = |screen: &str| row(screen, "127.0.0.1:").and_then(|row| row.split(' ').next_back().map(str::to_owned));
    terminal.until(|screen| trend(screen).is_some_and(|trend| trend == "██"));
    web.set(1);
    let screen = terminal.until_shows("unhealthy");
    assert!(row(&screen, "unhealthy").unwrap().starts_with(">~"), "{screen}");
    terminal.until(|screen| trend(screen).is_some_and(|trend| trend.starts_with('█') && trend.ends_with('▃')));
    terminal.press(&["Enter"]);
    let screen = terminal.until(|screen| screen.contains("hint: ") && screen.contains('▇'));
    let picture = screen.lines().find_map(|line| line.strip_prefix("  0 ")).unwrap().trim();
    assert!(picture.starts_with('█') && picture.ends_with('▇'), "the picture has the same: {screen}");
    assert!(row(&screen, " min ago").unwrap().ends_with("now"), "its time is written below: {screen}");
}

/// The line of a screen that holds this text.
pub fn row<'s>(screen: &'s str, text: &str) -> Option<&'s str> {
    screen.lines().find(|line| line.contains(text))
}

#[test]
fn changes_are_marked_for_a_while() {
    let scene = Scene::new();
    let (_first, _) = listener(&scene, "127.0.0.1:7001");
    let terminal = watch(&scene, (80, 24), "");
    let screen = terminal.until_shows("1 service");
    assert!(
        row(&screen, ":7001").unwrap().starts_with(">  tcp"),
        "services present at the start are not marked: {screen}"
    );
    let (second, _) = listener(&scene, "127.0.0.1:7002");
    terminal.until_shows(" + tcp    127.0.0.1:7002");
    drop(second);
    let screen = terminal.until_shows(" - tcp    127.0.0.1:7002");
    assert!(screen.starts_with("local  1 service\n"), "{screen}");
    terminal.until(|screen| row(screen, ":7002").is_none());
    let (_third, _) = listener(&scene, "127.0.0.1:7003");
    terminal.until_shows(" + tcp    127.0.0.1:7003");
    terminal.until(|screen| row(screen, ":7003").is_some_and(|row| row.starts_with("   tcp")));
}

/// No guess is shown where an identification is pending.
#[test]
fn an_identification_has_its_columns() {
    let scene = Scene::new();
    let server = Greeter::at(&scene, "127.0.0.1:22", None);
    let terminal = watch(&scene, (100, 80), "--identify");
    let screen = terminal.until_shows("1 service");
    assert!(screen.contains("SERVICE") && !row(&screen, ":22").unwrap().contains("ssh"), "{screen}");
    server.say("SSH-2.0-OpenSSH_9.9");
    let screen = terminal.until_shows("OpenSSH 9.9");
    let row = row(&screen, ":22").unwrap();
    assert!(screen.contains("VERSION") && row.starts_with(">~ tcp    127.0.0.1:22  ssh "), "{screen}");
    terminal.press(&["Enter"]);
    let screen = terminal.until_shows("service       ssh");
    assert!(screen.contains("version       OpenSSH 9.9"), "{screen}");
}

#[test]
fn keys_filter_sort_pause_and_move() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:9 tcp=127.0.0.2:80 [ name=store tcp=127.0.0.1:5432 ]");
    let terminal = watch(&scene, (100, 12), "");
    terminal.until_shows("3 services");
    terminal.press(&["/", "S", "T"]);
    let screen = terminal.until_shows("/ST");
    let rows = |screen: &str| -> Vec<String> {
        let ports = [":9 ", ":80 ", ":5432 "];
        screen
            .lines()
            .filter_map(|line| ports.iter().find(|port| line.contains(*port)))
            .map(|p| p.trim().into())
            .collect()
    };
    assert_eq!(rows(&screen), [":5432"]);
    terminal.press(&["Enter"]);
    terminal.until_shows("filter: ST (1 of 3 rows)");
    terminal.press(&["Escape"]);
    let screen = terminal.until(|screen| rows(screen).len() == 3);
    assert_eq!(rows(&screen), [":9", ":80", ":5432"], "by port");
    terminal.press(&[">", ">"]);
    let screen = terminal.until_shows("ADDRESS▲");
    assert_eq!(rows(&screen), [":9", ":5432", ":80"], "by address, numbers as numbers");
    terminal.press(&["r"]);
    let screen = terminal.until_shows("ADDRESS▼");
    assert_eq!(rows(&screen), [":80", ":5432", ":9"]);
    terminal.press(&["G"]);
    terminal.until(|screen| row(screen, ":9 ").is_some_and(|row| row.starts_with('>')));
    terminal.press(&["k"]);
    terminal.until(|screen| row(screen, ":5432 ").is_some_and(|row| row.starts_with('>')));

    terminal.press(&["p"]);
    terminal.until_shows("paused");
    let (_late, _) = listener(&scene, "127.0.0.1:7001");
    // The second one is the owner, if it follows.
    let waits = ["paused, 1 change waits", "paused, 2 changes wait"];
    let screen = terminal.until(|screen| waits.iter().any(|text| screen.contains(text)));
    assert!(row(&screen, ":7001").is_none(), "{screen}");
    terminal.press(&["p"]);
    let screen = terminal.until_shows(":7001");
    assert!(!screen.contains("paused"), "{screen}");
}

#[test]
fn the_end_of_a_long_filter_is_visible() {
    let scene = Scene::new();
    let terminal = watch(&scene, (30, 8), "");
    terminal.until_shows("0 services");
    terminal.press(&["/", &"x".repeat(40), "日", "E"]);
    let screen = terminal.until_shows("日E");
    assert_eq!(screen.lines().last(), Some(&*format!("{}日E", "x".repeat(26))), "and room for the cursor");
    terminal.press(&["BSpace", "BSpace", "BSpace"]);
    terminal.until(|screen| screen.lines().last().is_some_and(|line| line == "x".repeat(29)));
}

/// Open details stay with their service when others come and go.
#[test]
fn details_stay_with_what_they_are_about() {
    let scene = Scene::new();
    let (first, id) = listener(&scene, "127.0.0.1:7005");
    let terminal = watch(&scene, (80, 24), "");
    terminal.until_shows("1 service");
    terminal.press(&["Enter"]);
    terminal.until_shows(&id);
    let (_before_it, _) = listener(&scene, "127.0.0.1:7001");
    let screen = terminal.until_shows(":7001");
    assert!(screen.contains(&id) && row(&screen, ":7005").unwrap().starts_with('>'), "{screen}");
    drop(first);
    // Others are gone from the table after five seconds. On a busy machine a screen may be missed, and with it a second.
    let age = |screen: &str| -> Option<u32> {
        screen.split_once(&format!("{id}: gone, "))?.1.split_once(" s ago")?.0.parse().ok()
    };
    let screen = terminal.until(|screen| age(screen).is_some_and(|seconds| seconds >= 7));
    assert!(screen.starts_with("local  1 service\n") && screen.contains(">- tcp    127.0.0.1:7005"), "{screen}");
    terminal.press(&["Enter"]);
    terminal.until(|screen| !screen.contains(":7005"));
}

#[test]
fn a_new_size_is_drawn_anew() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:80 [ name=store tcp=127.0.0.1:5432 ]");
    let terminal = watch(&scene, (80, 24), "");
    let before = terminal.until_shows("2 services");
    terminal.resize(30, 6);
    let small = terminal.until(|screen| screen.lines().count() == 6 && screen.contains(":5432"));
    assert!(small.lines().all(|line| line.chars().count() <= 30), "{small}");
    terminal.resize(3, 1);
    terminal.until(|screen| screen.lines().count() == 1);
    terminal.resize(80, 24);
    terminal.until(|screen| screen == before);
}

#[test]
fn the_terminal_is_left_as_it_was_however_it_ends() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    for (keys, signal, code) in
        [(&["q"][..], None, 0), (&["C-c"], None, 0), (&[], Some(Signal::INT), 0), (&[], Some(Signal::TERM), 143)]
    {
        let terminal = Tmux::open(&scene, (80, 24), &between_settings(""));
        let screen = terminal.until_shows("1 service");
        assert!(!screen.contains("over"), "it has a screen of its own: {screen}");
        terminal.press(keys);
        if let Some(signal) = signal {
            kill(terminal.child(), signal);
        }
        let screen = terminal.until_shows("over");
        let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
        // A setting may take several lines, so compare halves.
        let (before, after) = (&lines[..lines.len() / 2 - 1], &lines[lines.len() / 2..lines.len() - 1]);
        assert_eq!(lines[lines.len() / 2 - 1], format!("code={code}"), "{keys:?} {signal:?}: {screen}");
        assert_eq!(before, after, "{screen}");
    }
}

#[test]
fn it_can_be_suspended_and_goes_on_where_it_was() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    let shell = format!(
        "set -m; stty -g; {}; stty -g; echo stopped; read line; fg; echo again; fg; echo over; exec cat",
        command()
    );
    let terminal = Tmux::open(&scene, (80, 24), &shell);
    let before = terminal.until_shows("1 service");
    terminal.press(&["C-z"]);
    let screen = terminal.until_shows("stopped");
    let settings: Vec<&str> = screen.split_whitespace().filter(|word| word.matches(':').count() > 9).collect();
    assert!(settings.len() == 2 && settings[0] == settings[1] && !screen.contains("q quit"), "{screen}");
    terminal.press(&["Enter"]);
    let screen = terminal.until(|screen| screen.starts_with("local  1 service\n") && screen.contains("q quit"));
    assert_eq!(screen, before);
    // This stop asks for no confirmation.
    kill(terminal.child(), Signal::STOP);
    terminal.until(|screen| screen == before);
    terminal.press(&["q"]);
    terminal.until_shows("over");
}

/// Also without a signal, as here.
#[test]
fn it_ends_with_its_terminal() {
    let scene = Scene::new();
    let in_dir = |name: &str| scene.dir().join(name);
    for said in ["", "2> said"] {
        let shell =
            format!("cd {}; trap '' HUP; {} {said}; echo $? > new; mv new code", in_dir("").display(), command());
        let terminal = Tmux::open(&scene, (80, 24), &shell);
        terminal.until_shows("0 services");
        drop(terminal);
        let begun = Instant::now();
        while !in_dir("code").exists() {
            assert!(begun.elapsed() < HANG, "it goes on");
        }
        assert_eq!(fs::read_to_string(in_dir("code")).unwrap(), "0\n");
        fs::remove_file(in_dir("code")).unwrap();
    }
    assert_eq!(fs::read_to_string(in_dir("said")).unwrap(), "");
}

/// Like terminals of CI and of session recorders.
#[test]
fn a_terminal_need_not_answer_questions() {
    let scene = Scene::new();
    let mut script = scene.command("script");
    script.args(["-qefc", &format!("{} --until type=synced", command()), "/dev/null"]).env("TERM", "xterm");
    let ran = output(&mut script);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success() && said.contains("\u{1b}[?1049h"), "{said:?}");
}

/// The instance in the kernel's tracing that a watch of root's has for itself goes with it, also where the terminal does.
#[test]
fn nothing_stays_in_the_kernel_however_it_ends() {
    let scene = traced();
    for end in [End::Key("q"), End::Key("C-c"), End::Signal(Signal::TERM), End::Hangup] {
        let terminal = Tmux::open(&scene, (80, 24), &format!("{} --tcp; echo over; exec cat", command()));
        terminal.until_shows("0 services");
        let pid = terminal.child();
        let instance = format!("portolan-{pid}-");
        let instances = || scene.sh("ls /sys/kernel/tracing/instances");
        assert!(instances().contains(&instance), "{end:?}: {}", instances());
        match end {
            End::Key(key) => terminal.press(&[key]),
            End::Signal(signal) => kill(pid, signal),
            End::Hangup => drop(terminal),
        }
        let begun = Instant::now();
        while Path::new(&format!("/proc/{pid}")).exists() {
            assert!(begun.elapsed() < HANG, "{end:?}: it goes on");
        }
        assert!(!instances().contains(&instance), "{end:?}: {}", instances());
    }
}

#[derive(Debug)]
enum End {
    Key(&'static str),
    Signal(Signal),
    /// The terminal is closed.
    Hangup,
}

#[test]
fn an_error_is_seen_after_the_terminal_is_given_back() {
    let scene = Scene::new();
    let terminal = Tmux::open(&scene, (100, 24), &between_settings("--interface nowhere"));
    let screen = terminal.until_shows("over");
    assert!(screen.contains("error: cannot use --interface 'nowhere'") && screen.contains("code=2"), "{screen}");
}

#[test]
fn where_no_table_can_be_drawn_there_are_lines() {
    let scene = Scene::new();
    let _fixture = scene.fixture("tcp=127.0.0.1:80");
    for line in [
        format!("{} --lines --until 'services>=0'", command()),
        format!("{} -o name --until 'services>=0'", command()),
        format!("TERM=dumb {} --until 'services>=0'", command()),
        format!("{} --until 'services>=0' < /dev/null", command()),
        format!("{} --until 'services>=0' | cat", command()),
    ] {
        let terminal = Tmux::open(&scene, (200, 24), &format!("{line}; echo over; exec cat"));
        let screen = terminal.until_shows("over");
        assert!(row(&screen, "added").is_some() && !screen.contains("q quit"), "{line}: {screen}");
    }
}

#[test]
fn it_ends_by_itself_when_asked_to() {
    let scene = Scene::new();
    let terminal = Tmux::open(&scene, (80, 24), &between_settings("--count 1"));
    terminal.until_shows("0 services");
    let (_first, _) = listener(&scene, "127.0.0.1:7001");
    assert!(terminal.until_shows("over").contains("code=0"));
}

#[test]
fn errors_of_a_command_are_shown() {
    let scene = Scene::new();
    let terminal = watch(&scene, (80, 24), "--exec 'sh -c \"echo noise; echo noise >&2; exit 3\"'");
    terminal.until_shows("0 services");
    let (_first, _) = listener(&scene, "127.0.0.1:7001");
    let screen = terminal.until_shows("cannot deliver an event to 'sh': it exited with code 3");
    assert!(!screen.contains("noise"), "{screen}");
}
