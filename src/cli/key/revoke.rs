//! `portolan key revoke`

use clap::Args;
use jiff::Timestamp;

use super::file::KeyFile;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr};
use crate::error::{Error, Result};

/// Revoke keys at once, for good
///
/// A running server refuses them within a second, and ends their event streams.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan key revoke 3f9c0a1b2c3d
  portolan key revoke 3f9c0a1b2c3d 77aa0b1c2d3e
  portolan key revoke 3f9c0a1b2c3d --keys-file api-keys.json")]
pub(super) struct Revoke {
    /// Ids of the keys, as `portolan key list` shows them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Revoke {
    pub(super) fn run(&self, file: &KeyFile, global: &Global) -> Result<Exit> {
        file.change(|keys| {
            let now = Timestamp::now();
            let unknown = self.ids.iter().find(|id| !keys.list().iter().any(|key| key.id == **id));
            if let Some(id) = unknown {
                let why = "no key has this id";
                return Err(Error::usage(
                    clean(id),
                    why,
                    "`portolan key list` shows the ids; the id of a key stands between its underscores",
                ));
            }
            for id in &self.ids {
                keys.revoke(id, now);
            }
            Ok(())
        })?;
        if !global.quiet {
            stderr::note(&format!("revoked {}", self.ids.join(", ")));
        }

        Ok(Exit::Done)
    }
}
