//! Why something cannot be stored, or a store cannot be opened.

use std::path::PathBuf;

/// Why something cannot be stored, or a store cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process uses the database.
    #[error("cannot open database {}: another process uses it", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// A newer portolan wrote the database.
    #[error("cannot open database {}: it has format {format}, and this portolan knows up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The newest known format.
        known: u32,
    },
    /// The database is damaged.
    #[error("cannot use database {}: it is damaged: {detail}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file is not a database of portolan.
    #[error("cannot open database {}: {detail}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        detail: &'static str,
    },
    /// The file cannot be opened or made.
    #[error("cannot open database {}: {cause}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// A copy of the database cannot be written.
    #[error("cannot write a copy of the database to {}: {cause}", path.display())]
    Uncopied {
        /// The copy.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The log of an earlier database lies beside a file, and would be merged into it.
    #[error("cannot use database {}: {} of another database is beside it", path.display(), log.display())]
    StrayLog {
        /// The database.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// There is something at the place of a new file.
    #[error("cannot write {}: it exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Beside the place of a new database lies the log of an old one.
    #[error("cannot write a database beside {}: that is the log of an older one, which would damage it", path.display())]
    Leftover {
        /// The log.
        path: PathBuf,
    },
    /// No room is left.
    #[error("cannot store the change: no space is left on the disk")]
    Full,
    /// The disk failed.
    #[error("cannot store the change: {cause}")]
    Failed {
        /// What the operating system or the database said.
        cause: String,
    },
    /// The database server does not reply. Whether a change that it was sent is stored is not known.
    #[error("cannot store the change: the database does not reply: {cause}")]
    Away {
        /// Why.
        cause: String,
    },
    /// A database cannot be used at the moment. That may pass by itself.
    #[error("cannot use database {database}: {cause}")]
    NotReady {
        /// The database, without its password.
        database: String,
        /// Why.
        cause: String,
        /// What to try.
        hint: &'static str,
    },
    /// A database can be read and not written to: a standby, until it is promoted.
    #[error("cannot use database {database}: it is a standby, which cannot be written to")]
    ReadOnly {
        /// The database, without its password.
        database: String,
    },
    /// The database of a server cannot be used.
    #[error("cannot use database {database}: {cause}")]
    Unusable {
        /// The database, without its password.
        database: String,
        /// Why.
        cause: String,
        /// What to try.
        hint: &'static str,
    },
    /// Too many batches wait already.
    #[error("cannot store the change: too many others wait to be stored")]
    Overloaded,
    /// A batch does not follow the last one, most likely because that one could not be stored.
    #[error("cannot store the change: it follows index {after}, but {last} is the last that is stored")]
    OutOfOrder {
        /// The index that the batch follows.
        after: u64,
        /// The index of the last stored change.
        last: u64,
    },
    /// The store was closed.
    #[error("cannot store the change: the store is closed")]
    Closed,
    /// The store is not one of files.
    #[error("cannot write a backup: this server keeps everything in memory")]
    NoFiles,
}

impl StoreError {
    /// What to try.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "stop the other server, or give this one another database",
            Self::Newer { .. } => "use the version of portolan that wrote it, or give another database",
            Self::Damaged { .. } => {
                "restore a backup: first remove the file and those with -wal and -shm after its name; or move all of them away to begin with an empty registry"
            }
            Self::StrayLog { .. } => {
                "remove that file, and the others with -wal and -shm after the name of the database"
            }
            Self::Foreign { .. } => "give the path of a portolan database, or of a file that does not exist yet",
            Self::Inaccessible { .. } => "check the path and its permissions; the directory must exist and be writable",
            Self::Uncopied { .. } => {
                "check the directory, its permissions, and that it has room for the whole database"
            }
            Self::Leftover { .. } => "remove that file if its database is gone, or give another path",
            Self::Exists { .. } => "give the path of a file that does not exist yet",
            Self::Full => "free space on the disk of the database; reads continue meanwhile",
            Self::Failed { .. } => "check the disk of the database; reads continue meanwhile",
            Self::Overloaded | Self::OutOfOrder { .. } => "try again",
            Self::Away { .. } => "read whether it was written, and try again; reads and heartbeats continue meanwhile",
            Self::NotReady { hint, .. } | Self::Unusable { hint, .. } => hint,
            Self::ReadOnly { .. } => {
                "name the primary too, as in postgresql://HOST1,HOST2/NAME: the host that can be written to is used"
            }
            Self::Closed => "restart the server",
            Self::NoFiles => "start the server with a database",
        }
    }
}
