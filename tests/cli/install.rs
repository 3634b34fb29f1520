//! `completions --install` and `man --install`: files where shells and `man` find them.

use std::fs;

use rustix::process::geteuid;

use super::{Portolan, portolan};

/// Only in a directory of the test: root installs for all users.
fn is_root() -> bool {
    geteuid().is_root()
}

/// portolan of a user whose home is the directory of the test.
fn at_home(words: &str) -> Portolan {
    let portolan = portolan(words);
    let home = portolan.directory.clone();
    let mut portolan = portolan.env("HOME", home);
    if is_root() {
        use std::os::unix::process::CommandExt;
        std::os::unix::fs::chown(&portolan.directory, Some(65534), Some(65534)).unwrap();
        portolan.command.uid(65534).gid(65534);
    }
    portolan
}

#[test]
fn completions_are_where_each_shell_looks() {
    for (shell, file) in [
        ("bash", ".local/share/bash-completion/completions/portolan"),
        ("fish", ".config/fish/completions/portolan.fish"),
        ("zsh", ".local/share/zsh/site-functions/_portolan"),
    ] {
        let mut portolan = at_home(&format!("completions {shell} --install"));
        let output = portolan.command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"".as_slice()), "{said}");
        assert!(said.contains(file), "{said}");
        let written = fs::read_to_string(portolan.path(file)).unwrap();
        let printed = super::portolan(&format!("completions {shell}")).run().stdout;
        assert_eq!(written, printed, "{shell}");
        assert_eq!(said.contains("fpath=("), shell == "zsh", "zsh searches no directory of a user by itself: {said}");
    }
}

#[test]
fn the_shell_is_that_of_the_user() {
    let mut portolan = at_home("completions --install --quiet").env("SHELL", "/usr/bin/fish");
    let output = portolan.command.output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    assert!(portolan.path(".config/fish/completions/portolan.fish").exists());
    at_home("completions --install")
        .env("SHELL", "/bin/csh")
        .refuses("--install: there are no completions for csh", "name one: portolan completions bash --install");
    at_home("completions elvish --install").refuses(
        "--install: elvish searches no directory for completions",
        "write it to a file that your startup file reads: portolan completions elvish > FILE",
    );
}

#[test]
fn manual_pages_are_installed_whole() {
    let mut portolan = at_home("man --install");
    let output = portolan.command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let page = fs::read_to_string(portolan.path(".local/share/man/man1/portolan-wait.1")).unwrap();
    for section in ["NAME", "SYNOPSIS", "EXAMPLES", "\"SEE ALSO\""] {
        assert!(page.contains(&format!(".SH {section}\n")), "{section}");
    }
    let synopsis = page.split(".SH SYNOPSIS\n").nth(1).unwrap().lines().next().unwrap().replace("\\-", "-");
    assert!(synopsis.contains("<TARGET>...") && synopsis.contains("[-- <"), "{synopsis}");
}
