//! Whether a gRPC server says that it is serving, by the health protocol (grpc.health.v1).

use serde::{Deserialize, Serialize};

use super::findings;
use crate::model::{Finding, Group};

findings! { Group::App;
    NOT_SERVING = "grpc-not-serving", cap 30, "The server's own health check says that it is not serving.",
        "look at the service's own log";
    UNKNOWN_SERVICE = "grpc-unknown-service", 15, cap 60, "The server's health check does not know the service, or there is none.",
        "look at the service's name (--grpc-service), and whether the server registers its health";
    TIMEOUT = "grpc-timeout", cap 20, "The server's health check does not answer.",
        "look whether gRPC is spoken on that port, and at the service's own log";
}

/// What asking for the health of a service showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// The service; empty asks for the server as a whole.
    pub(crate) service: String,
    /// How long the answer took, in microseconds.
    pub(crate) us: u64,
    pub(crate) answer: Answer,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// It is serving.
    Serving,
    /// It is not; the text is its word for that.
    NotServing(String),
    /// It does not know such a service.
    UnknownService,
    /// It has no health check.
    Unimplemented,
    /// It failed to say; the text says how.
    Failed(String),
    /// Nothing.
    TimedOut,
}

impl Seen {
    pub(crate) fn judge(&self) -> Vec<Finding> {
        let service = if self.service.is_empty() { "the server" } else { &self.service };
        let finding = match &self.answer {
            Answer::Serving => None,
            Answer::NotServing(word) => Some(NOT_SERVING.seen(format!("health of {service}: {word}"))),
            Answer::UnknownService => Some(UNKNOWN_SERVICE.seen(format!("health of {service}: no such service"))),
            Answer::Unimplemented => Some(UNKNOWN_SERVICE.seen("the server has no health service")),
            Answer::Failed(why) => Some(TIMEOUT.seen(format!("health of {service}: {why}"))),
            Answer::TimedOut => Some(TIMEOUT.seen(format!("health of {service}: no answer in time"))),
        };
        finding.into_iter().collect()
    }

    /// Whether no answer came at all.
    pub(crate) fn is_silent(&self) -> bool {
        self.answer == Answer::TimedOut
    }

    /// Takes in what was seen at a later look: the later is what holds.
    pub(crate) fn absorb(&mut self, later: Self) {
        *self = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::codes;

    #[test]
    fn answers_by_their_meaning() {
        let judged = |answer| codes(&Seen { service: "shop".into(), us: 1, answer }.judge());
        assert_eq!(judged(Answer::Serving), [""; 0]);
        assert_eq!(judged(Answer::NotServing("NOT_SERVING".into())), ["grpc-not-serving"]);
        assert_eq!(judged(Answer::UnknownService), ["grpc-unknown-service"]);
        assert_eq!(judged(Answer::Unimplemented), ["grpc-unknown-service"]);
        assert_eq!(judged(Answer::TimedOut), ["grpc-timeout"]);
        assert_eq!(judged(Answer::Failed("it is HTTP/1.1".into())), ["grpc-timeout"]);
    }
}
