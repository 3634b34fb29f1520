//! The body of a reply, with which its call ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Body as HttpBody;

use super::is_unavailable;
use crate::client::resolve::Call;

type Frame = hyper::body::Frame<Bytes>;

/// A reply that is read as a stream.
pub(super) struct CallBody {
    body: Body,
    /// `None` once its outcome is reported.
    call: Option<Call>,
}

impl CallBody {
    pub(super) fn new(body: Body, call: Call) -> Self {
        Self { body, call: Some(call) }
    }

    fn end(&mut self, is_ok: bool) {
        if let Some(call) = self.call.take() {
            call.done(is_ok);
        }
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            None => self.end(true),
            Some(Err(_)) => self.end(false),
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.end(!is_unavailable(trailers));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
