//! One-way copies of registrations, from one registry to another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::registry::Registry;
use crate::clean::Untrusted;
use crate::model::{Completeness, Endpoint, IMPORTED_FROM, Listing, PartialError, Registration, Service};

/// The key of a copy's metadata that holds the name of the registry it was copied from. Only instances with it are changed or
/// removed.
pub const SYNCED_FROM: &str = "synced_from";
/// The key that holds a digest of what was copied: registries differ in which fields they return, so these are not compared.
const SYNCED_DIGEST: &str = "synced_digest";

/// The most registrations that are written at the same time.
const MAX_WRITES: usize = 16;
/// The number of failures after which the rest is not tried: the registry is down, or refuses everything.
const MAX_FAILURES: usize = 10;

/// What a one-way copy of a registry's services to another one would change there.
///
/// Instances that take calls are copied; one that stops taking calls is removed from the target until it takes them again.
/// Copies have no lease, and no checks except those of a services file: they last until the next copy removes them.
///
/// ```
/// use portolan::client::SyncPlan;
/// use portolan::model::Listing;
///
/// let plan = SyncPlan::new("consul", &Listing::default(), &Listing::default());
/// assert!(plan.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct SyncPlan {
    /// Instances that the target does not have.
    pub add: Vec<Registration>,
    /// Copies that differ from what they were copied from.
    pub change: Vec<Registration>,
    /// Copies whose original is gone, or takes no calls. Empty if the original list is incomplete: what it lacks may still exist.
    pub remove: Vec<StaleCopy>,
    /// The number of copies that stay as they are.
    pub unchanged: usize,
    /// Instances that cannot be copied.
    pub skipped: Vec<SkippedInstance>,
}

/// A copy whose original is gone.
#[derive(Clone, Debug)]
pub struct StaleCopy {
    service: Arc<Service>,
    endpoint: Endpoint,
}

/// An instance that cannot be copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedInstance {
    /// The name of its service.
    pub service: Untrusted,
    /// Its address, or the path of its socket.
    pub address: String,
    /// The reason.
    pub reason: String,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct SyncOutcome {
    /// The number of instances that were added.
    pub added: usize,
    /// The number of copies that were replaced.
    pub changed: usize,
    /// The number of copies that were removed.
    pub removed: usize,
    /// What failed. After ten failures the rest is not tried.
    pub errors: Vec<PartialError>,
    /// The number of changes that were not tried.
    pub not_tried: usize,
}

impl StaleCopy {
    /// The name of its service.
    pub fn service(&self) -> &Untrusted {
        self.service.name.as_ref().unwrap_or(&EMPTY)
    }

    /// Its address and port.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Its id in the target.
    pub fn id(&self) -> &str {
        self.endpoint.instance.as_deref().map_or("", |instance| instance.id.as_str())
    }
}

static EMPTY: std::sync::LazyLock<Untrusted> = std::sync::LazyLock::new(|| Untrusted::from(""));

impl SyncPlan {
    /// Compares the services of a registry with their copies in another. `name` is what the first is called in the metadata of
    /// its copies: the copies of another name are not touched.
    pub fn new(name: &str, original: &Listing, target: &Listing) -> Self {
        let mut plan = Self::default();
        let mut wanted = BTreeMap::new();
        for service in &original.services {
            for endpoint in service.endpoints.iter().filter(|endpoint| is_copied(service, endpoint)) {
                match copy_of(name, service, endpoint) {
                    Ok(copy) => drop(wanted.insert(copy.id.clone().unwrap_or_default(), copy)),
                    Err(skipped) => plan.skipped.push(skipped),
                }
            }
        }

        for service in &target.services {
            let shared = Arc::new(service.clone());
            for endpoint in service.endpoints.iter().filter(|endpoint| is_copy_of(endpoint, name)) {
                plan.compare(&shared, endpoint, &mut wanted);
            }
        }
        plan.add = wanted.into_values().collect();
        if original.completeness != Completeness::Complete {
            plan.unchanged += plan.remove.len();
            plan.remove.clear();
        }
        plan
    }

    /// Decides about a copy that the target has.
    fn compare(&mut self, service: &Arc<Service>, endpoint: &Endpoint, wanted: &mut BTreeMap<String, Registration>) {
        let Some(instance) = endpoint.instance.as_deref() else { return };
        // Consul and etcd put the node or the key before the id.
        let id = instance.id.rsplit('/').next().unwrap_or_default();
        match wanted.remove(id) {
            None => self.remove.push(StaleCopy { service: Arc::clone(service), endpoint: endpoint.clone() }),
            Some(copy)
                if instance.metadata_value(SYNCED_DIGEST) == copy.metadata.get(SYNCED_DIGEST).map(String::as_str) =>
            {
                self.unchanged += 1;
            }
            Some(copy) => self.change.push(copy),
        }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.change.is_empty() && self.remove.is_empty()
    }

    /// The percentage of the present copies that it would change or remove, rounded up.
    pub fn changed_percent(&self) -> usize {
        let touched = self.change.len() + self.remove.len();
        let present = touched + self.unchanged;
        if present == 0 { 0 } else { (touched * 100).div_ceil(present) }
    }

    /// Carries it out. Additions come first and removals last, so that no service is without instances in between.
    pub async fn apply(self, target: &Registry) -> SyncOutcome {
        let mut outcome = SyncOutcome::default();
        let total = self.add.len() + self.change.len() + self.remove.len();
        outcome.put_all(target, self.add, self.change).await;
        outcome.remove_all(target, &self.remove).await;

        let SyncOutcome { added, changed, removed, ref errors, .. } = outcome;
        outcome.not_tried = total - added - changed - removed - errors.len();
        outcome
    }
}

impl SyncOutcome {
    async fn put_all(&mut self, target: &Registry, add: Vec<Registration>, change: Vec<Registration>) {
        let puts = add.into_iter().map(|copy| (true, copy)).chain(change.into_iter().map(|copy| (false, copy)));
        let puts = puts.map(|(is_new, copy)| async move { (is_new, target.put(copy).await) });
        let mut puts = stream::iter(puts).buffer_unordered(MAX_WRITES);

        while let Some((is_new, result)) = puts.next().await {
            match result {
                Ok(()) if is_new => self.added += 1,
                Ok(()) => self.changed += 1,
                Err(error) => self.errors.push(PartialError::from(&error)),
            }
            if self.errors.len() >= MAX_FAILURES {
                break;
            }
        }
    }

    async fn remove_all(&mut self, target: &Registry, stale: &[StaleCopy]) {
        for stale in stale {
            if self.errors.len() >= MAX_FAILURES {
                break;
            }
            let Some(instance) = stale.endpoint.instance.as_deref() else { continue };
            match target.remove(&stale.service, instance).await {
                // One that is gone already is what was wanted.
                Ok(_) => self.removed += 1,
                Err(error) => self.errors.push(PartialError::from(&error)),
            }
        }
    }
}

/// Whether it takes calls, and is one of the users'.
fn is_copied(service: &Service, endpoint: &Endpoint) -> bool {
    let serves = endpoint.instance.as_deref().is_none_or(|instance| instance.serving);
    endpoint.is_usable() && serves && service.is_of_users()
}

/// What the target imports itself is no copy, although its original may be one.
fn is_copy_of(endpoint: &Endpoint, name: &str) -> bool {
    endpoint.instance.as_deref().is_some_and(|instance| {
        instance.metadata_value(SYNCED_FROM) == Some(name) && instance.metadata_value(IMPORTED_FROM).is_none()
    })
}

/// The registration of a copy. Its id is the same each time.
fn copy_of(name: &str, service: &Service, endpoint: &Endpoint) -> Result<Registration, SkippedInstance> {
    let skipped = |reason: String| SkippedInstance {
        service: service.name.clone().unwrap_or_else(|| service.id.to_string().into()),
        address: endpoint.to_string(),
        reason,
    };
    let mut copy = Registration::copied(name, service, endpoint).map_err(skipped)?;
    copy.metadata.insert(SYNCED_FROM.to_owned(), name.to_owned());
    // A registration of texts and numbers always serialises.
    let fields = serde_json::to_vec(&copy).unwrap_or_default();
    copy.metadata.insert(SYNCED_DIGEST.to_owned(), hex(&digest(&SHA256, &fields).as_ref()[..8]));

    match copy.problem() {
        Some(problem) => Err(skipped(problem.to_string())),
        None => Ok(copy),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
