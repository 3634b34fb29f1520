//! A real terminal: tmux, with no client attached.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::process::{output, tool};
use super::scene::only_child;
use super::{HANG, Scene};

/// A terminal with a given number of columns and lines in a scene, closed when it is dropped.
pub struct Tmux<'s> {
    scene: &'s Scene,
    socket: PathBuf,
}

impl<'s> Tmux<'s> {
    /// Opens it on a shell script, which begins at once.
    pub fn open(scene: &'s Scene, (columns, lines): (u16, u16), script: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let tmux = Self { scene, socket: scene.dir().join(format!("tmux-{number}")) };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        tmux.ask(&["new-session", "-d", "-x", &columns, "-y", &lines, script]);
        tmux
    }

    fn command(&self) -> Command {
        let mut command = self.scene.command(tool("tmux").get_program());
        // A locale in which it draws what is no ASCII.
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("HOME", self.scene.dir()).env("SHELL", "/bin/sh");
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket);
        command
    }

    /// Runs a command of tmux, and returns what it prints.
    pub fn ask(&self, args: &[&str]) -> String {
        let out = output(self.command().args(args));
        assert!(out.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("UTF-8")
    }

    /// Presses keys, by tmux's names: `q`, `Enter`, `C-c`.
    pub fn press(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    /// Clicks with the left button; columns and lines count from 1.
    pub fn click(&self, column: u16, line: u16) {
        for end in ["M", "m"] {
            self.ask(&["send-keys", "-l", &format!("\u{1b}[<0;{column};{line}{end}")]);
        }
    }

    pub fn resize(&self, columns: u16, lines: u16) {
        self.ask(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
    }

    /// The current screen, line by line without trailing blanks.
    pub fn screen(&self) -> String {
        let text = self.ask(&["capture-pane", "-p"]);
        text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    /// Waits for a screen that satisfies the condition.
    #[track_caller]
    pub fn until(&self, wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < HANG, "it never came to that, but to:\n{screen}");
        }
    }

    #[track_caller]
    pub fn until_shows(&self, text: &str) -> String {
        self.until(|screen| screen.contains(text))
    }

    /// The one process that the script runs now.
    pub fn child(&self) -> u32 {
        let shell = self.ask(&["display-message", "-p", "#{pane_pid}"]);
        only_child(shell.trim().parse().expect("a pid"))
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        // It may be gone with what ran in it.
        let _ = output(self.command().arg("kill-server"));
    }
}
