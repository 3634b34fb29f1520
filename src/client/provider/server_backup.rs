//! The backup of a running server's database.

use std::time::Duration;

use super::server_api::{RegistryServer, refused};
use crate::error::{Error, Result};
use crate::net::registry_http::{RegistryBytes, RegistryRequest};

/// How long the server may take to copy its database before the first byte.
const COPY_TIMEOUT: Duration = Duration::from_mins(10);
/// The longest time between two parts of the copy.
const SILENCE: Duration = Duration::from_secs(30);

/// A backup on its way.
#[derive(Debug)]
pub(crate) struct ServerBackup(RegistryBytes);

impl RegistryServer {
    /// Has the server copy its database, and begins to read the copy.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or has no file of its own.
    pub(crate) async fn back_up(&self) -> Result<ServerBackup> {
        let request = RegistryRequest::get("/api/v1/backup").waiting(COPY_TIMEOUT);
        let bytes = self.http().stream_bytes(&request, SILENCE).await;
        bytes.map(ServerBackup).map_err(|failure| refused(failure).into_error(what()))
    }
}

impl ServerBackup {
    /// The next part; `None` once the backup is complete.
    ///
    /// # Errors
    /// If the connection breaks.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Error> {
        self.0.next().await.map_err(|failure| failure.into_error(what()))
    }
}

fn what() -> String {
    "back up the database of the registry".to_owned()
}
