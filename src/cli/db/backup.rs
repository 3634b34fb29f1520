//! `portolan db backup`

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::copy::copy;
use super::place::{Database, DatabasePlace};
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stderr};
use crate::error::{Error, Result};
use crate::net::runtime;

/// Write a backup of a database to a new SQLite file
///
/// The file of a running server cannot be opened: with --registry, the server makes the backup itself while it keeps
/// running. A backup of PostgreSQL is a snapshot, even while servers write to it. When the command ends, the backup is
/// either complete and on disk, or it does not exist. To restore it, start a server with that file (--data), or copy it to
/// an empty PostgreSQL database with `portolan db copy`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan db backup registry-backup.db
  portolan db backup registry-backup.db --database postgresql://portolan@db1/registry
  portolan db backup registry-backup.db --config serve.yaml
  portolan db backup registry-backup.db --registry portolan://127.0.0.1:7440    while that server runs")]
pub(super) struct Backup {
    /// Write the backup to this file, which must not exist
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Back up this database: a file, or postgresql://HOST/NAME [default: the one in the server's settings]
    #[arg(long, value_name = "DATABASE", value_hint = ValueHint::AnyPath)]
    database: Option<String>,
    /// Back up through the server that uses the file, without stopping it, as in portolan://127.0.0.1:7440. If the server
    /// has authentication, PORTOLAN_TOKEN must hold a key with the role admin
    #[arg(long, visible_alias = "server", value_name = "URL", conflicts_with = "database")]
    registry: Option<String>,
}

impl Backup {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        if self.registry.is_some() {
            return self.through_server(global);
        }
        let from = Database::choose(self.database.as_deref(), global.config.as_ref())?;
        let to = Database { place: DatabasePlace::File(self.file.clone()), cluster: from.cluster.clone() };
        let copied = runtime(1)?.block_on(copy(&from, &to))?;
        if !global.quiet {
            stderr::note(&copied.to_text(&from, &to));
        }
        Ok(Exit::Done)
    }

    fn through_server(&self, global: &Global) -> Result<Exit> {
        RegistryOptions::of_url(self.registry.clone()).run(async |registry| {
            let mut file = NewFile::create(&self.file)?;
            let mut backup = registry.server()?.back_up().await?;
            while let Some(part) = backup.next().await? {
                file.write(part.as_ref())?;
            }

            let bytes = file.finish()?;
            if !global.quiet {
                stderr::note(&format!("wrote {bytes} bytes to {}", clean(&self.file.to_string_lossy())));
            }
            Ok(Exit::Done)
        })
    }
}

/// A file that has its name only once it is complete and on the disk.
struct NewFile<'p> {
    path: &'p Path,
    partial: PathBuf,
    file: File,
    bytes: u64,
}

impl<'p> NewFile<'p> {
    fn create(path: &'p Path) -> Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        for taken in [path, Path::new(&log)] {
            if taken.symlink_metadata().is_ok() {
                let hint = "give the path of a file that does not exist yet";
                return Err(Error::usage(clean(&taken.to_string_lossy()), "it exists", hint));
            }
        }

        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // What an earlier attempt left.
        let _ = fs::remove_file(&partial);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| fault(path, error))?;
        Ok(Self { path, partial, file, bytes: 0 })
    }

    fn write(&mut self, part: &[u8]) -> Result<()> {
        self.bytes += part.len() as u64;
        self.file.write_all(part).map_err(|error| fault(self.path, error))
    }

    /// Makes it durable, and gives it its name. Returns its size.
    fn finish(self) -> Result<u64> {
        self.file.sync_all().map_err(|error| fault(self.path, error))?;
        // Unlike a renaming, a link replaces no file that came meanwhile.
        fs::hard_link(&self.partial, self.path).map_err(|error| fault(self.path, error))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| fault(self.path, error))?;
        Ok(self.bytes)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.partial);
    }
}

fn fault(path: &Path, error: std::io::Error) -> Error {
    Error::io(
        format!("write {}", clean(&path.to_string_lossy())),
        error,
        "check the directory, its permissions and its room",
    )
}
