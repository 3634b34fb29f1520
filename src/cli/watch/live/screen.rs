//! The terminal while it is ours, and how it gets back what it was.

use std::io;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

/// Whether the terminal is ours. There is one terminal, and a panic may come from any thread.
static OURS: AtomicBool = AtomicBool::new(false);

/// Holds the terminal, on a screen of our own where keys come one by one. Gives it back as it was when it is dropped, and
/// before a panic says what it has to say.
pub(super) struct Screen(());

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Where it is none, or does not do as it is told.
    pub(super) fn take() -> io::Result<Self> {
        restore_before_panics();
        // From here on whatever fails gives it back.
        let screen = Self(());
        enter()?;
        Ok(screen)
    }

    /// Takes the terminal again after this process was stopped, whatever somebody did to it meanwhile. In the background that
    /// stops it once more.
    pub(super) fn take_back() -> io::Result<()> {
        // What is believed to be in force is not put in force again.
        disable_raw_mode()?;
        enter()
    }

    /// Gives the terminal back for a while.
    pub(super) fn give_back() {
        give_back();
    }

    /// Whether it may be drawn on: after a panic it may not.
    pub(super) fn is_ours() -> bool {
        OURS.load(Ordering::SeqCst)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    OURS.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        // Where the terminal has gone there is nothing to give back to.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, Stdio};

    use super::*;

    /// Set in the process that the test starts at a terminal of its own.
    const CHILD: &str = "PANIC_AT_A_TERMINAL";

    #[test]
    fn a_panic_gives_the_terminal_back_first() {
        if env::var_os(CHILD).is_some() {
            let _screen = Screen::take().unwrap();
            assert!(crossterm::terminal::is_raw_mode_enabled().unwrap());
            // From another thread, whose end this one survives.
            let ended = std::thread::spawn(|| panic!("as planned")).join();
            assert!(ended.is_err() && !crossterm::terminal::is_raw_mode_enabled().unwrap());
            return;
        }
        let test = env::current_exe().unwrap();
        let name = "cli::watch::live::screen::tests::a_panic_gives_the_terminal_back_first";
        // Without --nocapture the test harness would keep the words of a panic to itself.
        let line = format!("stty -g; '{}' --exact {name} --nocapture; stty -g", test.display());
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).env(CHILD, "1").env("TERM", "xterm").stdin(Stdio::null());
        let said = String::from_utf8(script.output().unwrap().stdout).unwrap();
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.first(), lines.last(), "the terminal is what it was: {said:?}");
        let (entered, left) = (said.find("\u{1b}[?1049h").expect(&said), said.find("\u{1b}[?1049l").expect(&said));
        let words = said.find("as planned").expect(&said);
        assert!(entered < left && left < words, "{said:?}");
        assert!(said.contains("1 passed"), "{said:?}");
    }
}
