//! Tables as people choose them: columns, order, groups, colors.

use super::holders::two_listeners;
use super::{portolan, with_settings};

/// What `portolan local` prints of two ports.
fn local(ports: &[u16], args: &str) -> String {
    let list: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let ran = portolan(&format!("local {} {args}", list.join(","))).run();
    assert_eq!(ran.code, Some(0), "{args}: {}", ran.stderr);
    ran.stdout
}

#[test]
fn columns_are_those_that_were_chosen_in_their_order() {
    let (holder, ports) = two_listeners();
    let pid = holder.pid();
    assert_eq!(
        local(&ports, "--columns pid,ADDRESS"),
        format!(
            "PID{0}ADDRESS\n{pid}  127.0.0.1:{1}\n{pid}  127.0.0.1:{2}\n",
            " ".repeat(pid.to_string().len() - 1),
            ports[0],
            ports[1]
        )
    );

    assert_eq!(local(&ports, "--columns port --no-headers"), format!("{}\n{}\n", ports[0], ports[1]));
    // A column of the wide table and one of files need a full listing.
    let text = local(&ports, "--columns exe,processes --no-headers");
    assert!(text.lines().all(|line| line.starts_with('/') && line.ends_with(" 1")), "{text}");
}

#[test]
fn the_order_is_that_of_a_column() {
    let (_holder, ports) = two_listeners();
    let up = format!("{}\n{}\n", ports[0], ports[1]);
    let down = format!("{}\n{}\n", ports[1], ports[0]);
    assert_eq!(local(&ports, "--columns port --no-headers --sort port"), up);
    assert_eq!(local(&ports, "--columns port --no-headers --sort port:desc"), down);
    assert_eq!(local(&ports, "--columns port --no-headers --sort address:desc"), down);
    // All formats have the order.
    let ids = format!("local/tcp/127.0.0.1:{}\nlocal/tcp/127.0.0.1:{}\n", ports[1], ports[0]);
    assert_eq!(local(&ports, "-o name --sort port:desc"), ids);
}

#[test]
fn rows_stand_below_their_group_or_process() {
    let (holder, ports) = two_listeners();
    let text = local(&ports, "--group-by port --columns proto,address --no-headers");
    let expected: Vec<String> =
        ports.iter().flat_map(|port| [format!("{port} (1)"), format!("  tcp    127.0.0.1:{port}")]).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);

    let counts = local(&ports, "--group-by port --counts");
    assert_eq!(counts, format!("COUNT  PORT\n    1  {}\n    1  {}\n", ports[0], ports[1]));
    let alone = portolan("local --counts").run();
    assert!(alone.code == Some(2) && alone.stderr.contains("--group-by"), "{alone:?}");

    let text = local(&ports, "--tree --columns address --no-headers");
    let own = format!("({})", holder.pid());
    let place = text.lines().position(|line| line.contains(&own)).unwrap_or_else(|| panic!("no {own} in\n{text}"));
    let below: Vec<&str> = text.lines().skip(place + 1).map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(below, ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>());
    let parent = std::process::id();
    assert!(text.lines().take(place).any(|line| line.contains(&format!("({parent})"))), "{text}");
}

#[test]
fn color_is_for_terminals_and_for_those_who_ask() {
    let (_holder, ports) = two_listeners();
    assert!(!local(&ports, "").contains('\u{1b}'));
    let colored = local(&ports, "--color always");
    assert!(colored.contains("\u{1b}[1mADDRESS\u{1b}[0m"), "{colored:?}");
    let port = ports[0];
    let scan = portolan(&format!("scan 127.0.0.1 -p {port} --color always")).run();
    assert!(scan.stdout.contains("\u{1b}[32mopen\u{1b}[0m"), "{scan:?}");

    let plain = portolan(&format!("scan 127.0.0.1 -p {port} --color always")).env("NO_COLOR", "1").run();
    assert!(plain.stdout.contains('\u{1b}'), "an option on the line is stronger than NO_COLOR");
    let files = portolan(&format!("scan 127.0.0.1 -p {port} --color always -o table=t -o name"));
    let path = files.path("t");
    let mut files = files;
    files.command.output().unwrap();

    assert!(!std::fs::read_to_string(path).unwrap().contains('\u{1b}'), "files have no color");
}

/// Columns and an order of a user's own, for each source: what is typed prevails, and JSON has no columns.
#[test]
fn columns_and_order_are_settings_of_a_source() {
    let (_holder, ports) = two_listeners();
    let file = "[discover.local]\ncolumns = [\"port\"]\nsort = \"port:desc\"\n[discover.scan]\ncolumns = \"address\"\n";
    for words in ["local", "discover local"] {
        let line = format!("{words} -p {},{} -q", ports[0], ports[1]);
        let ran = with_settings(file, &format!("{line} --no-headers")).run();
        assert_eq!((ran.code, ran.stdout), (Some(0), format!("{}\n{}\n", ports[1], ports[0])), "{}", ran.stderr);
        let typed = with_settings(file, &format!("{line} --columns pid,port --sort port")).run();
        assert!(typed.stdout.starts_with("PID"), "{typed:?}");
        assert!(typed.stdout.ends_with(&format!("  {}\n", ports[1])), "{typed:?}");
        let json = with_settings(file, &format!("{line} --json")).run();
        assert!(json.code == Some(0) && json.stdout.starts_with('{'), "{json:?}");
    }

    let file = "[discover.local]\ncolumns = [\"address\", \"scope\"]\nsort = \"scope\"\n";
    let other = with_settings(file, "local --connections -q").run();
    assert_eq!(other.code, Some(0), "connections have no scope: {}", other.stderr);
    let typo = with_settings("[discover.local]\ncolumns = \"adress\"\n", "local -q").run();
    let refused = "cannot use the setting columns = 'adress': there is no such column";
    assert!(typo.code == Some(2) && typo.stderr.contains(refused), "{}", typo.stderr);
}
