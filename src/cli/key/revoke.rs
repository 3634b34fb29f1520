//! `portolan key revoke`

use clap::Args;
use jiff::Timestamp;

use super::file::KeyFile;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr};
use crate::error::{Error, Result};
use crate::server::ApiKey;

/// Revoke keys at once and permanently
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
        if file.read()?.is_none() {
            let what = format!("the key file {}", file.shown());
            let hint = "name the server's settings with --config, or its key file with --keys-file";
            return Err(Error::usage(what, "there is no such file", hint));
        }

        file.change(|keys| {
            let now = Timestamp::now();
            let unknown = self.ids.iter().find(|id| !keys.list().iter().any(|key| key.id == **id));
            if let Some(id) = unknown {
                return Err(unknown_id(id, keys.list()));
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

/// An id that no key has may be the name of one, or a key itself.
fn unknown_id(id: &str, keys: &[ApiKey]) -> Error {
    let named: Vec<&str> = keys.iter().filter(|key| key.name == id).map(|key| key.id.as_str()).collect();
    let hint = match named.as_slice() {
        [] => "`portolan key list` shows the ids; the id is the part of a key between its underscores".to_owned(),
        ids => format!("it is the name of {}: give the id", ids.join(", ")),
    };
    Error::usage(clean(id), "no key has this id", hint)
}
