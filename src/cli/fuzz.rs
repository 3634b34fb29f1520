//! The entry point of the fuzz target for settings files. `fuzz/` calls it with `--cfg fuzzing`, and the tests with the stored
//! inputs.

#![allow(unreachable_pub, reason = "lib.rs shows it to fuzz/ only")]

use std::path::Path;

use clap::{Command, CommandFactory};

use super::{Cli, serve};
use crate::settings::Settings;

thread_local! {
    static COMMAND: Command = Cli::command();
}

/// Reads a settings file of the commands, or one of the server in TOML or YAML. The first byte chooses. Returns whether it is one.
pub fn settings_file(input: &[u8]) -> bool {
    let Some((choice, bytes)) = input.split_first() else { return false };
    let text = String::from_utf8_lossy(bytes);
    match choice % 3 {
        0 => {
            let mut settings = Settings::default();
            COMMAND.with(|command| settings.read_file(command, Path::new("fuzz.toml"), &text).is_ok())
        }
        1 => serve::is_settings_file(Path::new("fuzz.toml"), &text),
        _ => serve::is_settings_file(Path::new("fuzz.yaml"), &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::fuzz::tests::run_stored;

    #[test]
    fn the_stored_settings_files_are_read() {
        run_stored("settings", settings_file);
    }
}
