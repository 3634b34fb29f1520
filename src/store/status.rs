//! What a database is and holds, for people.

use super::ClusterServer;

/// What a database is and holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreStatus {
    /// The program that keeps it, with its version: `SQLite 3.51.1`.
    pub engine: String,
    /// Its format; 0 if it has no tables yet.
    pub format: u32,
    /// The newest format that this portolan knows. It migrates older ones, and refuses newer ones.
    pub newest_format: u32,
    /// The cluster that it belongs to; `None` if only one server can use it.
    pub cluster: Option<String>,
    /// The index of the last change.
    pub index: u64,
    /// Identifies its history.
    pub epoch: String,
    /// Its size.
    pub bytes: u64,
    /// Its tables with their numbers of rows.
    pub tables: Vec<(&'static str, u64)>,
    /// How far its clock is before that of this machine, in seconds; `None` if it has no clock of its own.
    pub clock_ahead: Option<f64>,
    /// The servers that use it at this moment, as far as they say so.
    pub servers: Vec<ClusterServer>,
}
