//! Takes the terminal for the live view, and restores it.

use std::io;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

/// Whether the terminal is in our mode. Global: there is one terminal, and any thread may panic.
static OURS: AtomicBool = AtomicBool::new(false);

/// Holds the terminal in raw mode on the alternate screen. Restores it when dropped, and before a panic prints its
/// message.
pub(super) struct Screen(());

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// If it is not a terminal, or its mode cannot be set.
    pub(super) fn take() -> io::Result<Self> {
        restore_before_panics();
        // From here on any failure restores the terminal, by dropping this.
        let screen = Self(());
        enter()?;
        Ok(screen)
    }

    /// Takes the terminal again after this process was stopped, in whatever state other programs left it. In the background
    /// that stops this process once more.
    pub(super) fn take_back() -> io::Result<()> {
        // crossterm does not set raw mode again while it believes that it is set.
        disable_raw_mode()?;
        enter()
    }

    /// Restores the terminal, until `take_back`.
    pub(super) fn give_back() {
        give_back();
    }

    /// Whether the terminal may be drawn on; false after a panic.
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
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, Hide)
}

fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        // These fail if the terminal is gone, which leaves nothing to restore.
        let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
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

    /// Set in the process that the test starts on its own terminal.
    const CHILD: &str = "PANIC_AT_A_TERMINAL";

    #[test]
    fn a_panic_gives_the_terminal_back_first() {
        if env::var_os(CHILD).is_some() {
            let _screen = Screen::take().unwrap();
            assert!(crossterm::terminal::is_raw_mode_enabled().unwrap());
            // From another thread, so that this one survives.
            let ended = std::thread::spawn(|| panic!("as planned")).join();
            assert!(ended.is_err() && !crossterm::terminal::is_raw_mode_enabled().unwrap());
            return;
        }
        let test = env::current_exe().unwrap();
        let name = "cli::watch::live::screen::tests::a_panic_gives_the_terminal_back_first";
        // Without --nocapture the test harness would capture the panic message.
        let line = format!("stty -g; '{}' --exact {name} --nocapture; stty -g", test.display());
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).env(CHILD, "1").env("TERM", "xterm").stdin(Stdio::null());
        let output = String::from_utf8(script.output().unwrap().stdout).unwrap();

        let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.first(), lines.last(), "the terminal was restored: {output:?}");
        let (entered, left) =
            (output.find("\u{1b}[?1049h").expect(&output), output.find("\u{1b}[?1049l").expect(&output));
        let message = output.find("as planned").expect(&output);
        assert!(entered < left && left < message, "{output:?}");
        assert!(output.contains("1 passed"), "{output:?}");
    }
}
