//! Forwards the updates of a watched source through a channel.

use tokio::sync::mpsc;

use crate::model::{DetailLevel, PartialError, Update, UpdateSink};

/// A message from a source to a monitor, which checks the services in it.
#[derive(Debug)]
pub(crate) enum SourceMessage {
    Updates(Vec<Update>),
    /// Updates that did not come from the source, which may be unreachable.
    Amended(Vec<Update>),
    Failed(PartialError),
}

/// Forwards the updates of a source. It never makes the source wait: the channel holds only descriptions of services,
/// which the monitor takes at once.
#[derive(Debug)]
pub(crate) struct ChannelSink {
    detail_level: DetailLevel,
    messages: mpsc::UnboundedSender<SourceMessage>,
}

impl ChannelSink {
    /// A sink and its receiver. The source reads each service in this detail.
    pub(crate) fn new(detail_level: DetailLevel) -> (Self, mpsc::UnboundedReceiver<SourceMessage>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        (Self { detail_level, messages }, receiver)
    }
}

impl UpdateSink for ChannelSink {
    fn detail_level(&self) -> DetailLevel {
        self.detail_level
    }

    fn apply(&mut self, updates: Vec<Update>) {
        // If the monitor has ended, the message is dropped.
        let _ = self.messages.send(SourceMessage::Updates(updates));
    }

    fn apply_derived(&mut self, updates: Vec<Update>) {
        let _ = self.messages.send(SourceMessage::Amended(updates));
    }

    fn mark_stale(&mut self, error: PartialError) {
        let _ = self.messages.send(SourceMessage::Failed(error));
    }
}
