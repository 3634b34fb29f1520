//! An instance as readers get it: its record, its times, and its JSON once a list has it.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::balancing::InstanceCounters;
use super::times::{LeaseTimes, WIDTH};
use crate::model::RegisteredInstance;

/// An instance, and its JSON once a list has it.
#[derive(Debug)]
pub(super) struct InstanceView {
    pub(super) instance: RegisteredInstance,
    pub(super) times: LeaseTimes,
    pub(super) counters: Arc<InstanceCounters>,
    /// Made by the first list that has it: most instances of a large registry are in none between two changes.
    listed: OnceLock<Box<WrittenInstance>>,
}

/// The JSON of an instance, and where its times are.
#[derive(Debug)]
struct WrittenInstance {
    json: Box<[u8]>,
    last_seen_at: Option<usize>,
    expires_at: Option<usize>,
}

/// What stands in the JSON in place of the times until an answer is written. No instance lives in those years.
const LAST_SEEN: &str = "1111-11-11T11:11:11.111Z";
const EXPIRES: &str = "2222-02-22T22:22:22.222Z";
const LAST_SEEN_FIELD: &[u8] = b"\"last_seen\":\"1111-11-11T11:11:11.111Z\"";
const EXPIRES_FIELD: &[u8] = b"\"expires\":\"2222-02-22T22:22:22.222Z\"";
/// Room for the JSON of most instances, so that it is written without growing.
pub(super) const USUAL_JSON_BYTES: usize = 1_024;

impl InstanceView {
    pub(super) fn new(instance: RegisteredInstance, known: Option<&Arc<InstanceView>>) -> Self {
        Self {
            listed: OnceLock::new(),
            counters: known.map_or_else(Arc::default, |known| Arc::clone(&known.counters)),
            times: LeaseTimes::new(instance.last_seen, instance.lease.as_ref().map(|lease| lease.expires)),
            instance,
        }
    }

    /// Its JSON, with the times of now. It is not kept.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = json_with_places(&self.instance);
        let places = (place(&json, LAST_SEEN_FIELD), place(&json, EXPIRES_FIELD));
        self.write_times(&mut json, places);
        json
    }

    /// Appends its JSON, with the times of now. It is kept for further lists.
    pub(super) fn write_listed(&self, out: &mut Vec<u8>) {
        let (start, written) = (out.len(), self.listed());
        out.extend_from_slice(&written.json);
        self.write_times(&mut out[start..], (written.last_seen_at, written.expires_at));
    }

    /// The length of its JSON, which is kept for a list.
    pub(super) fn listed_bytes(&self) -> usize {
        self.listed().json.len()
    }

    fn listed(&self) -> &WrittenInstance {
        self.listed.get_or_init(|| {
            let json = json_with_places(&self.instance);
            let (last_seen_at, expires_at) = (place(&json, LAST_SEEN_FIELD), place(&json, EXPIRES_FIELD));
            Box::new(WrittenInstance { json: json.into(), last_seen_at, expires_at })
        })
    }

    fn write_times(&self, json: &mut [u8], (last_seen_at, expires_at): (Option<usize>, Option<usize>)) {
        if let Some(at) = last_seen_at {
            json[at..at + WIDTH].copy_from_slice(&self.times.last_seen());
        }
        if let Some(at) = expires_at {
            json[at..at + WIDTH].copy_from_slice(&self.times.expires());
        }
    }

    /// Whether another view of this instance would have the same JSON, except for its times.
    pub(super) fn has_same_text(&self, other: &RegisteredInstance) -> bool {
        let own = &self.instance;
        (own.index, own.protected, own.generation) == (other.index, other.protected, other.generation)
            && self.instance.report == other.report
            && self.instance.checks == other.checks
    }

    /// The ids of its checks that Consul's agent API knows.
    pub(super) fn agent_checks(&self) -> impl Iterator<Item = &str> {
        let entry = self.instance.registration.catalog.as_ref().filter(|entry| !entry.is_external);
        entry.into_iter().flat_map(|entry| entry.checks.iter().map(|check| check.id.as_str()))
    }
}

/// The JSON with fixed texts in place of the times.
fn json_with_places(instance: &RegisteredInstance) -> Vec<u8> {
    let mut instance = instance.clone();
    instance.last_seen = LAST_SEEN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    if let Some(lease) = &mut instance.lease {
        lease.expires = EXPIRES.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    }
    let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
    // An instance of texts and numbers always serialises.
    let _ = serde_json::to_writer(&mut json, &instance);
    json
}

/// Where the value of a time begins. The field stands behind everything that a client wrote, and quotes in a text are
/// escaped, so the last such field is the right one.
fn place(json: &[u8], field: &[u8]) -> Option<usize> {
    let mut starts = (0..=json.len().checked_sub(field.len())?).rev();
    // Few places have the first letter of the name, so that few are compared as a whole.
    let at = starts.find(|at| json[at + 1] == field[1] && json[*at..].starts_with(field))?;
    Some(at + field.len() - WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HealthState, OperatorStatus, RegisteredLease, Registration};

    fn instance(id: &str) -> RegisteredInstance {
        let registration = Registration::new("web", "10.0.0.1:80".parse().unwrap())
            // What a client writes cannot be taken for the registry's own fields.
            .meta("last_seen", LAST_SEEN)
            .meta("expires", EXPIRES)
            .meta("x", format!("\"last_seen\":\"{LAST_SEEN}\""));
        let now: Timestamp = "2026-11-29T12:00:00.5Z".parse().unwrap();

        RegisteredInstance {
            registration: Arc::new(registration),
            id: id.into(),
            generation: 7,
            index: 7,
            status: OperatorStatus::Up,
            status_reason: None,
            weight: 3,
            own_weight: None,
            health: HealthState::Healthy,
            lease: Some(RegisteredLease { ttl: std::time::Duration::from_secs(30), expires: now, expired: false }),
            report: None,
            checks: Vec::new(),
            node_down: false,
            flapping: false,
            monitoring_stopped: false,
            protected: false,
            registered_at: now,
            last_seen: now,
        }
    }

    #[test]
    fn a_heartbeat_changes_the_times_of_a_written_instance_and_nothing_else() {
        let view = InstanceView::new(instance("a"), None);
        let mut before = b"[".to_vec();
        view.write_listed(&mut before);
        assert_eq!(view.to_json(), before[1..]);
        let later: Timestamp = "2027-01-02T03:04:05.678Z".parse().unwrap();
        view.times.set(later, Some(later));
        let mut after = b"[".to_vec();
        view.write_listed(&mut after);
        assert_eq!(view.to_json(), after[1..]);

        let mut expected: serde_json::Value = serde_json::from_slice(&before[1..]).unwrap();
        assert_eq!(expected["last_seen"], "2026-11-29T12:00:00.500Z");
        expected["last_seen"] = "2027-01-02T03:04:05.678Z".into();
        expected["lease"]["expires"] = "2027-01-02T03:04:05.678Z".into();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&after[1..]).unwrap(), expected);
        assert_eq!(expected["metadata"]["last_seen"], LAST_SEEN);
    }
}
