//! Lists of instances by application.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::instance::EurekaInstance;
use super::status::InstanceStatus;
use super::unknown;
use crate::model::DEFAULT_NAMESPACE;
use crate::registry::ChangeKind;
use crate::server::api_error::ApiResult;
use crate::server::recent_changes::RecentChanges;
use crate::server::scoped_view::ScopedView;

/// The instances of the registry, by the names of their applications.
pub(super) struct Applications {
    by_name: BTreeMap<String, Vec<EurekaInstance>>,
    /// Of everything, also in a list of a part.
    hash: String,
    /// The index of the registry: clients take a list whose version they know for one without changes.
    index: u64,
}

/// A list of some applications.
pub(super) struct Selected {
    applications: Vec<Value>,
    hash: String,
    index: u64,
}

impl Applications {
    /// All of them. An instance without a port is none for Eureka.
    pub(super) fn all(view: &ScopedView) -> Self {
        let mut by_name: BTreeMap<String, Vec<EurekaInstance>> = BTreeMap::new();
        let own = view.services().filter(|service| &*service.key.namespace == DEFAULT_NAMESPACE);
        for instance in own.flat_map(|service| service.list()) {
            if instance.instance.registration.port > 0 {
                let instance = EurekaInstance::new(instance, view);
                by_name.entry(instance.app()).or_default().push(instance);
            }
        }

        let hash = hash(by_name.values().flatten());
        Self { by_name, hash, index: view.index() }
    }

    pub(super) fn to_value(&self) -> Value {
        let all = self.by_name.iter().map(|(name, instances)| application(name, &values(instances)));
        list(&all.collect::<Vec<_>>(), (self.index, &self.hash))
    }

    /// One application; `None` if it has no instances.
    pub(super) fn named(&self, name: &str) -> Option<Value> {
        let instances = self.by_name.get(name)?;
        Some(application(name, &values(instances)))
    }

    /// The first instance with this id, of whichever application.
    pub(super) fn instance(&self, id: &str) -> Option<Value> {
        self.by_name.values().flatten().find(|instance| instance.id() == id).map(EurekaInstance::to_value)
    }

    /// The instances with this virtual host name. `field`: `vipAddress` or `secureVipAddress`.
    pub(super) fn with_vip(&self, field: &str, vip: &str) -> Selected {
        let has_it =
            |instance: &&EurekaInstance| instance.vip(field).split(',').any(|own| own.trim().eq_ignore_ascii_case(vip));
        let applications = self.by_name.iter().filter_map(|(name, instances)| {
            let found: Vec<Value> = instances.iter().filter(has_it).map(EurekaInstance::to_value).collect();
            (!found.is_empty()).then(|| application(name, &found))
        });
        Selected { applications: applications.collect(), hash: self.hash.clone(), index: self.index }
    }

    /// What changed lately. The hash is that of everything, so that a client can tell whether it missed something.
    pub(super) fn changed(view: &ScopedView, changes: &RecentChanges) -> Value {
        let all = Self::all(view);
        let mut by_name: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let recent = changes.of(view).into_iter().filter(|(_, one)| one.instance.registration.port > 0);
        for (kind, instance) in recent {
            let action = match kind {
                ChangeKind::Added => "ADDED",
                ChangeKind::Updated => "MODIFIED",
                ChangeKind::Removed => "DELETED",
            };
            let instance = EurekaInstance::new(&instance, view);
            by_name.entry(instance.app()).or_default().push(instance.to_change(action));
        }
        let applications: Vec<Value> = by_name.iter().map(|(name, instances)| application(name, instances)).collect();
        list(&applications, (all.index, &all.hash))
    }
}

impl Selected {
    /// 404 if there are none.
    pub(super) fn or_unknown(self, call: &Call) -> ApiResult<Value> {
        if self.applications.is_empty() {
            Err(unknown(call))
        } else {
            Ok(list(&self.applications, (self.index, &self.hash)))
        }
    }
}

fn values(instances: &[EurekaInstance]) -> Vec<Value> {
    instances.iter().map(EurekaInstance::to_value).collect()
}

fn list(applications: &[Value], (index, hash): (u64, &str)) -> Value {
    json!({ "versions__delta": index.to_string(), "apps__hashcode": hash, "application": applications })
}

fn application(name: &str, instances: &[Value]) -> Value {
    json!({ "name": name, "instance": instances })
}

/// `DOWN_1_UP_3_`: how many instances have each state, by its name. Clients compare it with what they know.
fn hash<'i>(instances: impl Iterator<Item = &'i EurekaInstance>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for status in instances.map(EurekaInstance::status).map(InstanceStatus::as_str) {
        *counts.entry(status).or_default() += 1;
    }
    let parts: Vec<String> = counts.into_iter().map(|(status, count)| format!("{status}_{count}_")).collect();
    parts.concat()
}
