//! How a service splits its traffic: all of it to some instances at once, or step by step, and by which strategy.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::selector::Selector;
use super::shift::{Shift, ShiftPlan};
use crate::model::json_fields::json_duration;

/// The most services that split their traffic or have a strategy of their own.
pub const MAX_TRAFFIC_RULES: usize = 10_000;

/// What an operator decided about the traffic of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTraffic {
    /// `NAMESPACE/NAME` of the service.
    pub service: Arc<str>,
    /// The index of the last change.
    pub index: u64,
    /// The strategy of clients that ask for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Arc<str>>,
    /// The instances that get all calls, except for what a shift moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched_to: Option<Selector>,
    /// The shift that runs, or the last one that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<Shift>,
}

impl ServiceTraffic {
    /// The shift that moves traffic at present.
    pub fn active_shift(&self) -> Option<&Shift> {
        self.shift.as_ref().filter(|shift| shift.is_active())
    }

    /// Whether weights differ from those of the instances.
    pub fn is_split(&self) -> bool {
        self.switched_to.is_some() || self.active_shift().is_some()
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.strategy.is_none() && self.switched_to.is_none() && self.shift.is_none()
    }

    /// It as it is answered with.
    pub fn to_item(&self) -> Value {
        json!({
            "strategy": self.strategy.as_deref(),
            "switched_to": self.switched_to,
            "shift": self.shift.as_ref().map(shift_item),
            "index": self.index,
        })
    }
}

fn shift_item(shift: &Shift) -> Value {
    json!({
        "to": shift.plan.to,
        "steps": shift.plan.steps,
        "every": json_duration(shift.plan.every),
        "abort_below": shift.plan.abort_below,
        "step": shift.step + 1,
        "percent": shift.percent(),
        "phase": shift.phase,
        "reason": shift.reason,
        "started_at": shift.started_at.to_string(),
        "changed_at": shift.changed_at.to_string(),
    })
}

/// What is done with the traffic of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrafficCommand {
    /// Sends all calls to these instances, in one change.
    Switch(Selector),
    /// Gives all instances their own weights again.
    Reset,
    /// Sets the strategy of clients that ask for none; `None` is that of the server.
    SetStrategy(Option<Arc<str>>),
    /// Starts a shift.
    Start(ShiftPlan),
    /// Keeps a shift at its step.
    Pause,
    /// Lets a shift go on. Its step lasts its whole time again.
    Resume,
    /// Ends a shift with the weights from before.
    Abort(String),
    /// Ends a shift with all calls to its instances.
    Finish,
    /// Takes the score of the instances of a shift; `None`: it is not known.
    Score(Option<u8>),
}
