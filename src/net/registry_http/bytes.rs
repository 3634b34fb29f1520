//! A reply as a stream of bytes.

use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;

use super::{RegistryCause, RegistryFailure};

/// The bytes of a reply, as they arrive.
#[derive(Debug)]
pub(crate) struct RegistryBytes {
    pub(super) response: Response,
    pub(super) failure: RegistryFailure,
    /// The longest time between two parts.
    pub(super) silence: Duration,
}

impl RegistryBytes {
    /// The next part; `None` once the reply is complete.
    ///
    /// # Errors
    /// The connection broke, or the server was silent for too long.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, RegistryFailure> {
        match timeout(self.silence, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.failure.clone().because(RegistryCause::of(&error))),
            Err(_) => Err(self.failure.clone().because(RegistryCause::Silent(self.silence))),
        }
    }
}
