//! The keys and the mouse of the live view, as people know them from k9s and htop.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::live::{assert_kept, row, watch};
use crate::support::{HANG, Scene, Tmux};

const FIXTURE: &str = "name=harbour tcp=127.0.0.1:80 tcp=127.0.0.2:5432 [ name=store tcp=127.0.0.1:6379 ]";

#[test]
fn help_opens_at_four_sizes_and_escape_never_quits() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    for size in [(40, 12), (80, 24), (120, 40), (200, 50)] {
        let terminal = watch(&scene, size, "");
        let before = terminal.until_shows("3 services");
        terminal.press(&["?"]);
        let screen = terminal.until_shows("Enter    details of the row");
        assert!(screen.lines().all(|line| line.chars().count() <= size.0.into()), "{screen}");
        if size.1 < 40 {
            // Only the box: where the table below it stands depends on the length of a pid.
            let lines = screen.lines().filter_map(|line| Some(&line[line.find(['│', '┌', '└'])?..]));
            let lines = lines.map(|line| line.rfind(['│', '┐', '┘']).map_or(line, |end| &line[..end + '│'.len_utf8()]));
            let help: String = lines.flat_map(|line| [line, "\n"]).collect();
            assert_kept(&format!("help-{}x{}", size.0, size.1), &help);
        }
        // Its end can be reached at any size.
        terminal.press(&["PageDown", "PageDown", "PageDown", "PageDown"]);
        terminal.until_shows("loopback: this machine only");

        terminal.press(&["Escape"]);
        terminal.until(|screen| screen == before);
        terminal.press(&["Escape"]);
        let screen = terminal.until_shows("press q to quit");
        assert!(screen.contains("3 services"), "{screen}");
    }
}

#[test]
fn escape_takes_back_one_thing_after_the_other() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (100, 30), "");
    let before = terminal.until_shows("3 services");
    terminal.press(&["/", "8", "0", "Enter", "Enter"]);
    terminal.until(|screen| screen.contains("filter: 80") && screen.contains("local/tcp/127.0.0.1:80"));
    terminal.press(&["Escape"]);
    terminal.until(|screen| screen.contains("filter: 80") && !screen.contains("local/tcp/127.0.0.1:80"));
    terminal.press(&["Escape"]);
    terminal.until(|screen| screen == before);
}

#[test]
fn a_menu_sorts() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (100, 30), "");
    terminal.until_shows("3 services");
    terminal.press(&["s"]);
    let screen = terminal.until_shows("* port (default)");
    assert!(screen.contains("Enter sort") && screen.contains("  user"), "{screen}");
    // The second one after the default order.
    terminal.press(&["Down", "Down", "Enter"]);

    let screen = terminal.until_shows("ADDRESS▲");
    let place = |text: &str| screen.find(text).unwrap();
    assert!(place("127.0.0.1:6379") < place("127.0.0.2:5432") && !screen.contains("Sort by"), "{screen}");
    terminal.press(&["s"]);
    terminal.until_shows("* address");
    terminal.press(&["Home", "Enter"]);
    let screen = terminal.until(|screen| !screen.contains('▲'));

    assert!(screen.find("127.0.0.2:5432") < screen.find("127.0.0.1:6379"), "{screen}");
}

#[test]
fn columns_are_chosen_in_a_menu() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (120, 40), "");
    terminal.until_shows("3 services");
    terminal.press(&["c"]);
    let screen = terminal.until_shows(">[x] proto");
    assert!(screen.contains("[ ] exe"), "columns that no table shows by itself too: {screen}");
    terminal.press(&["Space"]);
    terminal.until_shows("[ ] proto");
    // The column of the command line.
    let items = screen.lines().filter(|line| line.contains("[x] ") || line.contains("[ ] "));

    let place = items.clone().position(|line| line.contains("[ ] command")).unwrap();
    for _ in 0..place {
        terminal.press(&["Down"]);
    }
    terminal.press(&["Space"]);
    terminal.until_shows("[x] command");
    terminal.press(&["Escape"]);
    // The menu is closed a frame later than the column appears.
    let screen = terminal.until(|screen| screen.contains("COMMAND") && !screen.contains("[x]"));
    assert!(!screen.contains("PROTO"), "{screen}");
    // The same columns for services that come later.
    let (_late, _) = crate::watched::listener(&scene, "127.0.0.1:7001");
    let screen = terminal.until_shows("4 services");

    assert!(screen.contains("COMMAND") && !screen.contains("PROTO"), "{screen}");
}

#[test]
fn a_narrow_table_scrolls_sideways() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (40, 12), "");
    let before = terminal.until_shows("3 services");
    assert!(!before.contains("SCOPE") && before.contains('…'), "{before}");

    for _ in 0..20 {
        terminal.press(&["Right"]);
        if terminal.screen().contains("SCOPE") {
            break;
        }
    }
    let screen = terminal.until_shows("SCOPE");
    assert!(screen.contains('‹') && screen.contains("127.0.0.1:80"), "beside the address: {screen}");
    terminal.press(&["Escape"]);

    terminal.until(|screen| screen == before);
}

#[test]
fn a_tree_shows_who_started_whom() {
    let scene = Scene::new();
    let fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (120, 40), "");
    terminal.until_shows("3 services");
    terminal.press(&["t"]);
    let screen = terminal.until_shows("└─ store (");
    let lines: Vec<&str> = screen.lines().collect();
    let place = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{screen}"));
    let parent = place("harbour (");
    assert!(parent < place("127.0.0.1:80 ") && place("127.0.0.1:80 ") < place("└─ store ("), "{screen}");
    assert!(place("└─ store (") < place("127.0.0.1:6379"), "{screen}");
    assert!(fixture.truth.pids().iter().any(|pid| lines[parent].contains(&format!("({pid}"))), "{screen}");

    // The cursor is on rows only, and details are theirs.
    terminal.press(&["g", "Enter"]);
    terminal.until_shows("local/tcp/127.0.0.1:80");
    terminal.press(&["j", "j"]);
    terminal.until_shows("local/tcp/127.0.0.1:6379");
    terminal.press(&["Escape", "t"]);
    terminal.until(|screen| !screen.contains("└─"));
}

#[test]
fn the_mouse_selects_sorts_and_scrolls() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (100, 30), "");
    let before = terminal.until_shows("3 services");
    let line = |screen: &str, text: &str| {
        u16::try_from(screen.lines().position(|line| line.contains(text)).unwrap()).unwrap() + 1
    };
    terminal.click(20, line(&before, ":6379"));
    terminal.until(|screen| row(screen, ":6379").is_some_and(|row| row.starts_with('>')));

    let header = before.lines().nth(1).unwrap();
    let column = header.find("ADDRESS").unwrap();
    terminal.click(u16::try_from(column).unwrap() + 2, 2);
    terminal.until_shows("ADDRESS▲");
    terminal.click(u16::try_from(column).unwrap() + 2, 2);
    let screen = terminal.until_shows("ADDRESS▼");
    assert!(row(&screen, ":6379").unwrap().starts_with('>'), "the cursor stays on its row: {screen}");
    // A wheel up.
    terminal.ask(&["send-keys", "-l", "\u{1b}[<64;20;5M"]);
    terminal.until(|screen| row(screen, "127.0.0.2:5432").is_some_and(|row| row.starts_with('>')));
}

#[test]
fn y_copies_the_row_to_the_clipboard() {
    let scene = Scene::new();
    let _fixture = scene.fixture(FIXTURE);
    let terminal = watch(&scene, (100, 30), "");
    terminal.until_shows("3 services");
    // tmux is the terminal here.
    terminal.ask(&["set-option", "-s", "set-clipboard", "on"]);
    terminal.press(&["y"]);

    terminal.until_shows("sent the row to the terminal's clipboard");
    let begun = Instant::now();
    while !terminal.ask(&["list-buffers"]).contains("buffer") {
        assert!(begun.elapsed() < HANG, "nothing was copied");
    }
    let copied = terminal.ask(&["show-buffer"]);

    assert!(copied.starts_with("tcp\t127.0.0.1:80\thttp\tharbour\t"), "{copied:?}");
}

#[test]
fn a_process_is_ended_after_a_question_only() {
    let scene = Scene::new();
    let _fixture = scene.fixture("name=harbour tcp=127.0.0.1:80");
    let victim = scene.fixture("name=victim tcp=127.0.0.1:7001");
    let pid = *victim.truth.pids().first().unwrap();
    let terminal = watch(&scene, (100, 30), "");
    terminal.until_shows("2 services");
    terminal.press(&["G", "K"]);
    let screen = terminal.until_shows("[y/N]");
    assert!(screen.contains(&format!("Send SIGTERM to victim (pid {pid})")), "{screen}");
    assert!(screen.contains("which listens on tcp 127.0.0.1:7001"), "{screen}");
    terminal.press(&["n"]);
    terminal.until(|screen| !screen.contains("[y/N]"));
    assert!(Path::new(&format!("/proc/{pid}")).exists());

    terminal.press(&["K"]);
    terminal.until_shows("[y/N]");
    terminal.press(&["y"]);
    terminal.until_shows(&format!("sent SIGTERM to victim (pid {pid})"));
    terminal.until_shows("local  1 service\n");
}

/// portolan does not end what the signal is refused for, and says why.
#[test]
fn hidden_owners_are_said_and_never_signalled() {
    let scene = Scene::new();
    let fixture = scene.fixture("name=harbour tcp=127.0.0.1:80");
    let command = scene.portolan().by_nobody().args("--watch").command();
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let terminal = Tmux::open(&scene, (100, 30), &line.join(" "));

    let screen = terminal.until_shows("1 row without its owner: no permission (`portolan help permissions`)");
    assert!(screen.contains("127.0.0.1:80"), "{screen}");
    terminal.press(&["K"]);
    terminal.until_shows("no permission to see the process");
    let pid = *fixture.truth.pids().first().unwrap();

    assert!(fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "harbour"));
}
