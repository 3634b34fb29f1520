//! What a watched source says, handed on through a channel.

use tokio::sync::mpsc;

use crate::model::{DetailLevel, PartialError, Update, UpdateSink};

/// What a source says to a monitor, which looks at what it hears of.
#[derive(Debug)]
pub(crate) enum SourceMessage {
    Updates(Vec<Update>),
    /// They are not from the source itself, which may be out of reach.
    Amended(Vec<Update>),
    Failed(PartialError),
}

/// Hands on what a source says. It never makes the source wait: what is not taken yet are descriptions of services, which
/// the monitor takes at once.
#[derive(Debug)]
pub(crate) struct ChannelSink {
    detail_level: DetailLevel,
    messages: mpsc::UnboundedSender<SourceMessage>,
}

impl ChannelSink {
    /// A relay, and where its words come out. A source reads so much of each service.
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
        // A monitor that is gone wants to know nothing.
        let _ = self.messages.send(SourceMessage::Updates(updates));
    }

    fn apply_derived(&mut self, updates: Vec<Update>) {
        let _ = self.messages.send(SourceMessage::Amended(updates));
    }

    fn mark_stale(&mut self, error: PartialError) {
        let _ = self.messages.send(SourceMessage::Failed(error));
    }
}
