//! A reply that is a stream of lines.

use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;

use super::failure::{RegistryCause, RegistryFailure};

/// The lines of a reply, as they arrive.
#[derive(Debug)]
pub(crate) struct RegistryLines {
    response: Response,
    failure: RegistryFailure,
    /// The maximum length of a line.
    limit: usize,
    silence: Option<Duration>,
    buffer: Vec<u8>,
    /// How much of the buffer has no line end.
    searched: usize,
    is_over: bool,
}

impl RegistryLines {
    pub(super) fn new(response: Response, failure: RegistryFailure, limit: usize, silence: Option<Duration>) -> Self {
        Self { response, failure, limit, silence, buffer: Vec::new(), searched: 0, is_over: false }
    }

    /// The next line that is not empty, without its line end; `None` when the server ends the reply.
    ///
    /// Can be cancelled: a line that had begun is kept.
    ///
    /// # Errors
    /// The connection broke, a line is too long, or the server was silent for too long.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, RegistryFailure> {
        loop {
            if let Some(line) = self.take_line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.is_over {
                return Ok(None);
            }

            if self.buffer.len() > self.limit {
                return Err(self.failure(RegistryCause::TooLarge(self.limit)));
            }
            self.receive().await?;
        }
    }

    async fn receive(&mut self) -> Result<(), RegistryFailure> {
        let chunk = match self.silence {
            Some(silence) => timeout(silence, self.response.chunk()).await,
            None => Ok(self.response.chunk().await),
        };
        match chunk {
            Err(_) => Err(self.failure(RegistryCause::Silent(self.silence.unwrap_or_default()))),
            Ok(Err(error)) => Err(self.failure(RegistryCause::of(&error))),
            Ok(Ok(Some(chunk))) => {
                self.buffer.extend_from_slice(&chunk);
                Ok(())
            }
            Ok(Ok(None)) => {
                self.is_over = true;
                // A last line without its end.
                self.buffer.push(b'\n');
                Ok(())
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + end + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        line.pop();
        Some(line)
    }

    /// The failure that a line does not follow the API.
    pub(crate) fn malformed(&self, why: impl Into<String>) -> RegistryFailure {
        self.failure(RegistryCause::Malformed(why.into()))
    }

    /// The failure of this stream for that reason.
    pub(crate) fn failure(&self, cause: RegistryCause) -> RegistryFailure {
        self.failure.clone().because(cause)
    }
}
