//! Flag > environment > file > default.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use super::{Portolan, RunOutput, portolan, with_settings};

const LEVELS: &str = "the values are light, normal, all";

/// The line of `config show` about one key.
#[track_caller]
fn shown(portolan: Portolan, key: &str) -> String {
    let ran = portolan.args(["config", "show"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let begins = [format!("{key} ="), format!("# {key} =")];
    let mut lines = ran.stdout.lines().filter(|line| begins.iter().any(|begin| line.starts_with(begin)));
    lines.next().unwrap_or_else(|| panic!("no {key} in\n{}", ran.stdout)).to_owned()
}

#[test]
fn each_layer_goes_before_the_next() {
    let file = "color = \"never\"\n";
    assert_eq!(shown(portolan(""), "color"), "color = \"auto\"  # default");
    assert_eq!(shown(with_settings(file, ""), "color"), "color = \"never\"  # from c.toml:1");
    let both = with_settings(file, "").env("PORTOLAN_COLOR", "always");
    assert_eq!(shown(both, "color"), "color = \"always\"  # from PORTOLAN_COLOR");
    // An empty variable is an unset one.
    let empty = with_settings(file, "").env("PORTOLAN_COLOR", "");
    assert_eq!(shown(empty, "color"), "color = \"never\"  # from c.toml:1");
}

#[test]
fn settings_change_what_a_command_does() {
    let is_json = |ran: RunOutput| ran.code == Some(0) && ran.stdout.starts_with('{');
    assert!(!is_json(portolan("ports ssh").run()));
    assert!(is_json(with_settings("output = \"json\"", "ports ssh").run()));
    assert!(is_json(portolan("ports ssh").env("PORTOLAN_OUTPUT", "json").run()));
    // The flag takes precedence over both.
    assert!(!is_json(with_settings("output = \"json\"", "ports ssh -o table").run()));
    assert!(!is_json(portolan("ports ssh -o table").env("PORTOLAN_OUTPUT", "json").run()));
}

#[test]
fn a_setting_is_no_conflict_for_an_option() {
    for portolan in [
        with_settings("output = \"yaml\"", "ports ssh --json"),
        portolan("ports ssh --json").env("PORTOLAN_OUTPUT", "yaml"),
        with_settings("[discover.local]\nports = \"22\"", "discover local --unix"),
        with_settings("[discover.local]\nunix = true", "discover local -p 22"),
        with_settings("[discover.local]\nunix = false\nports = \"22\"", "discover local"),
    ] {
        let ran = portolan.run();
        assert_eq!((ran.code, ran.stderr.contains("error")), (Some(0), false), "{ran:?}");
    }

    with_settings("[discover.local]\nports = \"22\"\nunix = true", "discover local").refuses(
        "settings c.toml:3:8: discover.local.unix cannot be 'true': it cannot be combined with discover.local.ports",
        "leave one of them out",
    );
}

#[test]
fn a_flag_of_the_settings_can_be_taken_back() {
    let note = "no port has that name or number\n";
    let stderr = |portolan: Portolan| portolan.run().stderr;
    assert_eq!(stderr(portolan("ports nothing-like-it")), note);
    assert_eq!(stderr(portolan("ports nothing-like-it --no-quiet")), note);
    assert_eq!(stderr(with_settings("quiet = true", "ports nothing-like-it")), "");
    assert_eq!(stderr(with_settings("quiet = true", "ports nothing-like-it --no-quiet")), note);
    assert_eq!(stderr(with_settings("quiet = true", "--no-quiet ports nothing-like-it")), note);
    assert_eq!(stderr(portolan("ports nothing-like-it --no-quiet").env("PORTOLAN_QUIET", "1")), note);
    assert_eq!(stderr(portolan("ports nothing-like-it --no-quiet -q")), "");
    assert_eq!(stderr(portolan("ports nothing-like-it -q --no-quiet")), note);
}

#[test]
fn truth_in_the_environment_is_what_people_write() {
    for (value, truth) in [("1", true), ("true", true), ("YES", true), ("on", true), ("0", false), ("off", false)] {
        let line = shown(portolan("").env("PORTOLAN_QUIET", value), "quiet");
        assert_eq!(line, format!("quiet = {truth}  # from PORTOLAN_QUIET"));
    }
}

#[test]
fn the_environment_is_refused_by_the_name_of_its_variable() {
    portolan("ports").env("PORTOLAN_OUTPUT", "jsn").refuses(
        "PORTOLAN_OUTPUT='jsn': there is no such value",
        "did you mean 'json'? the values are table, wide, json, ndjson, csv, yaml, prometheus-sd, nmap-xml, junit, prometheus, explain, html, svg, dot, mermaid, name, address",
    );
    portolan("ports")
        .env("PORTOLAN_QUIET", "maybe\u{1b}[2J")
        .refuses("PORTOLAN_QUIET='maybe\\u{1b}[2J': it is neither true nor false", "write 1 or 0, true or false");
    portolan("ports")
        .env("PORTOLAN_COLOR", OsStr::from_bytes(b"caf\xe9"))
        .refuses("PORTOLAN_COLOR='caf\u{fffd}': it is not UTF-8", "write it in UTF-8");

    portolan("ports")
        .env("PORTOLAN_CONFIG", "gone.toml")
        .refuses("settings gone.toml: No such file or directory", "name an existing file with --config");
}

#[test]
fn variables_that_are_not_options_of_every_command_are_let_be() {
    // What Kubernetes puts into every pod beside a Service called portolan, and an option of one source.
    let portolan = portolan("discover local")
        .env("PORTOLAN_PORT", "tcp://10.0.0.1:80")
        .env("PORTOLAN_SERVICE_HOST", "10.0.0.1")
        .env("PORTOLAN_SORT", "nonsense");
    assert_eq!(portolan.run().code, Some(0));
}

#[test]
fn values_that_clap_refuses_are_found_in_the_file() {
    with_settings("\n[discover]\nintensity = \"norml\"", "ports").refuses(
        "settings c.toml:3:13: discover.intensity cannot be 'norml': there is no such value",
        &format!("did you mean 'normal'? {LEVELS}"),
    );
    with_settings("[discover.local]\nports = \"90-80\"", "ports").refuses(
        "settings c.toml:2:9: discover.local.ports cannot be '90-80': the range runs backwards",
        "write 80-90",
    );

    with_settings("[discover.local]\nstate = [\"listen\", \"lost\"]", "ports").refuses(
        "settings c.toml:2:9: discover.local.state cannot be 'lost': there is no such value",
        "did you mean 'listen'? the values are listen, unconnected, connected, published",
    );
}

#[test]
fn values_of_the_wrong_type() {
    with_settings("quiet = \"yes\"", "ports")
        .refuses("settings c.toml:1:9: quiet takes true or false, not a string", "write quiet = true");
    with_settings("[discover.local]\nports = [22, 80]", "ports").refuses(
        "settings c.toml:2:9: discover.local.ports takes one string or number, not an array",
        "write ports = \"…\"",
    );
    with_settings("[discover.local]\nstate = [true]", "ports").refuses(
        "settings c.toml:2:10: discover.local.state takes a list of strings or numbers, not a boolean",
        "write state = [\"…\", \"…\"]",
    );

    with_settings("discover = 1", "ports")
        .refuses("settings c.toml:1:1: discover is a section, not a key", "write [discover] on a line of its own");
}

#[test]
fn unknown_keys() {
    with_settings("[discover.local]\nskip_loopback = true", "ports").refuses(
        "settings c.toml:2:1: there is no key 'skip_loopback' in [discover.local]",
        "did you mean 'skip-loopback'?",
    );
    with_settings("exposed = true", "ports")
        .refuses("settings c.toml:1:1: there is no key 'exposed' at the top", "exposed belongs to [discover.local]");
    // The columns of one listing are not those of the next.
    with_settings("[discover]\nsort = \"pid\"", "ports").refuses(
        "settings c.toml:2:1: there is no key 'sort' in [discover]",
        "sort belongs to each source, as in [discover.local]",
    );

    with_settings("[discover.local]\noutput = \"json\"", "ports").refuses(
        "settings c.toml:2:1: there is no key 'output' in [discover.local]",
        "output belongs above the first section",
    );
    with_settings("json = true", "ports").refuses(
        "settings c.toml:1:1: there is no key 'json' at the top",
        "--json is for the command line only; the keys here are color, output, quiet, discover, validate, score, wait, resolve, register, health, audit, export, drift, agent, sync, doctor, key, db, config",
    );
    with_settings("[ports]\nfilter = 1", "ports").refuses(
        "settings c.toml:2:1: there is no key 'filter' in [ports]",
        "this command has no settings; `portolan config show` prints all that there are",
    );

    with_settings("no-quiet = true", "ports").refuses(
        "settings c.toml:1:1: there is no key 'no-quiet' at the top",
        "the keys here are color, output, quiet, discover, validate, score, wait, resolve, register, health, audit, export, drift, agent, sync, doctor, key, db, config; `portolan config show` prints all keys",
    );
}

#[test]
fn a_list_may_be_a_list_or_one_text_with_commas() {
    for (written, shown_as) in [
        ("[\"listen\", \"connected\"]", "[\"listen\", \"connected\"]"),
        ("\"listen,connected\"", "[\"listen,connected\"]"),
    ] {
        let text = format!("[discover.local]\nstate = {written}");
        assert_eq!(with_settings(&text, "discover local").run().code, Some(0));
        assert_eq!(shown(with_settings(&text, ""), "state"), format!("state = {shown_as}  # from c.toml:2"));
    }
    assert_eq!(shown(with_settings("[discover.local]\nstate = []", ""), "state"), "# state =  # not set");
}

#[test]
fn the_usual_place_follows_the_environment() {
    let place = |portolan: &Portolan, directory: &str, color: &str| {
        let directory = portolan.path(directory).join("portolan");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), format!("color = \"{color}\"")).unwrap();
    };
    let origin = |xdg: Option<&str>, named: Option<&str>| {
        let mut portolan = Portolan::new().file("named.toml", "color = \"auto\"");
        place(&portolan, "home/.config", "never");
        place(&portolan, "xdg", "always");
        let (home, xdg) = (portolan.path("home"), xdg.map(|xdg| portolan.path(xdg)));
        portolan = portolan.env("HOME", home);
        if let Some(xdg) = xdg {
            portolan = portolan.env("XDG_CONFIG_HOME", xdg);
        }
        if let Some(named) = named {
            portolan = portolan.env("PORTOLAN_CONFIG", named);
        }
        let directory = format!("{}/", portolan.directory.display());
        shown(portolan, "color").replace(&directory, "")
    };
    assert_eq!(origin(None, None), "color = \"never\"  # from home/.config/portolan/config.toml:1");
    assert_eq!(origin(Some("xdg"), None), "color = \"always\"  # from xdg/portolan/config.toml:1");
    assert_eq!(origin(Some("xdg"), Some("named.toml")), "color = \"auto\"  # from named.toml:1");
    // Which file that is, or would be, stands in the first line.
    let first = |portolan: Portolan| portolan.args(["config", "show"]).run().stdout.lines().next().map(str::to_owned);

    assert_eq!(first(with_settings("", "")).unwrap(), "# settings file: c.toml");
    let gone = "# settings file: /nowhere/.config/portolan/config.toml (does not exist)";
    assert_eq!(first(portolan("").env("HOME", "/nowhere")).unwrap(), gone);
    assert_eq!(first(portolan("")).unwrap(), "# settings file: none: there is no home directory");
    // A missing file is not an error, nor is an invalid home.
    assert_eq!(origin(Some("nowhere"), None), "color = \"auto\"  # default");

    assert_eq!(shown(portolan("").env("HOME", "/dev/null"), "color"), "color = \"auto\"  # default");
}

#[test]
fn help_and_version_do_not_need_good_settings() {
    assert_eq!(with_settings("broken", "--version").run().code, Some(0));
    assert_eq!(with_settings("broken", "discover local --help").run().code, Some(0));
    assert_eq!(with_settings("broken", "ports").run().code, Some(2));
}

#[test]
fn what_config_show_prints_is_a_settings_file() {
    let text = "output = \"table\"\nquiet = true\n[discover]\nstrict = true\n[discover.local]\n\
                process = \"a\\\"b\\\\\\u001b*\"\nports = \"22,http\"\nstate = [\"listen\", \"connected\"]\n";
    let values = |ran: RunOutput| {
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout.parse::<toml::Table>().unwrap()
    };
    let first = with_settings(text, "config show").run();
    let second = with_settings(&first.stdout, "config show").run();
    assert!(second.stdout.contains("color = \"auto\"  # from c.toml:"), "{}", second.stdout);
    let table = values(first);
    assert_eq!(table["discover"]["local"]["process"].as_str(), Some("a\"b\\\u{1b}*"));
    assert_eq!(table["discover"]["strict"].as_bool(), Some(true));
    assert_eq!(table, values(second));
}

#[test]
fn config_show_as_json() {
    let ran = with_settings("[discover.local]\nuser = \"root\"", "config show --json").run();
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["schema"], "portolan/v1");
    let item = |key: &str| document["items"].as_array().unwrap().iter().find(|item| item["key"] == key).unwrap();
    assert_eq!(item("discover.local.user")["value"], "root");
    assert_eq!(item("discover.local.user")["origin"], "c.toml:2");
    assert_eq!(item("quiet")["value"], false);
    assert_eq!(item("quiet")["origin"], "default");
    assert!(item("discover.local.ports")["value"].is_null() && item("discover.local.ports")["origin"].is_null());
}

/// `portolan scan` is a short way to write `portolan discover scan`, and has the same settings.
#[test]
fn a_short_form_has_the_settings_of_the_long_one() {
    for words in ["scan 10.0.0.0/8", "discover scan 10.0.0.0/8"] {
        let ran = with_settings("[discover.scan]\nports = \"1-2\"", words).run();
        assert!(ran.stderr.contains("2 ports of 16777216 hosts"), "{words}: {}", ran.stderr);
    }
    let ran = with_settings("[scan]\nports = \"1-2\"", "scan local").run();
    assert_eq!(ran.code, Some(2), "there is one place for them: {}", ran.stderr);
    let bad = with_settings("[discover.scan]\nrate = 0", "scan local").run();
    assert!(bad.stderr.contains("c.toml:2:"), "{}", bad.stderr);
}
