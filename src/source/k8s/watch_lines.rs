//! The lines of a watch: one JSON object each, of limited length.

use std::collections::VecDeque;
use std::marker::PhantomData;

use http::Request;
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;

use super::exchange::{read, retry_after};
use super::failure::ApiFailure;

/// The maximum length of a line. The largest object that a server stores has 1.5 MiB, in a format that is shorter than JSON.
const MAX_LINE: usize = 8 << 20;
/// The maximum length of an error reply.
const MAX_ERROR: usize = 1 << 20;

/// A watch whose response has begun.
pub(super) struct WatchLines<K> {
    body: Body,
    /// The line that is incomplete.
    rest: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
    objects: PhantomData<fn() -> K>,
}

impl<K: DeserializeOwned> WatchLines<K> {
    /// Sends the request of a watch.
    pub(super) async fn open(client: &Client, request: Request<Vec<u8>>) -> Result<Self, ApiFailure> {
        let response = client.send(request.map(Body::from)).await.map_err(|error| ApiFailure::of_client(&error))?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            let body = read(body, MAX_ERROR).await?;
            return Err(ApiFailure::of_answer(parts.status.as_u16(), &body, retry_after(&parts.headers)));
        }
        Ok(Self { body, rest: Vec::new(), lines: VecDeque::new(), objects: PhantomData })
    }

    /// The next event; `None` at the end. Safe to cancel.
    pub(super) async fn next(&mut self) -> Option<Result<WatchEvent<K>, ApiFailure>> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                let event = serde_json::from_slice(&line);
                return Some(event.map_err(|error| ApiFailure::Malformed(error.to_string())));
            }

            match self.body.frame().await {
                // A line that was cut off is not the end of a watch in good order.
                None if self.rest.is_empty() => return None,
                None => self.lines.push_back(std::mem::take(&mut self.rest)),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if let Err(failure) = self.split(&data) {
                        return Some(Err(failure));
                    }
                }
                Some(Err(error)) => return Some(Err(ApiFailure::of_client(&kube::Error::Service(error.into())))),
            }
        }
    }

    /// Splits what came into lines.
    fn split(&mut self, data: &[u8]) -> Result<(), ApiFailure> {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if self.rest.len() + piece.len() > MAX_LINE {
                return Err(ApiFailure::TooLarge);
            }
            self.rest.extend_from_slice(piece);

            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                self.lines.extend(Some(line).filter(|line| !line.trim_ascii().is_empty()));
            }
        }
        Ok(())
    }
}
