//! The addresses of the instances that a name selects by protocol or by tag, each list written once for all who ask for it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::service_addresses::{ServiceAddresses, is_udp};
use crate::model::RegisteredInstance;

/// Lists of fewer instances are written for each query: they cost less than the room for them.
const MIN_KEPT: usize = 16;

/// Which of the instances with one name are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressSelection<'s> {
    All,
    /// Those that are not reached over UDP.
    Tcp,
    /// Those that are, or have the tag `udp`.
    Udp,
    /// Those with this tag, in lower case.
    Tag(&'s str),
}

/// What was selected from some instances, as they are now: other instances have lists of their own.
#[derive(Debug, Default)]
pub(super) struct SelectedAddresses {
    all: KeptAddresses,
    tcp: KeptAddresses,
    udp: KeptAddresses,
    tags: OnceLock<TagIndex>,
    /// By tag, which some instances have: what strangers ask for takes no room.
    by_tag: Mutex<HashMap<Box<str>, Arc<ServiceAddresses>>>,
}

/// Empty until the first query; `None`: there is no such instance.
type KeptAddresses = OnceLock<Option<Arc<ServiceAddresses>>>;

impl SelectedAddresses {
    /// Where the selected instances are reached that take calls; `None` if none is selected. `instances` are the same in each
    /// call.
    pub(super) fn get<'i>(
        &self,
        selection: AddressSelection<'_>,
        instances: impl Fn() -> Vec<&'i RegisteredInstance>,
    ) -> Option<Arc<ServiceAddresses>> {
        let (kept, is_selected): (_, fn(&RegisteredInstance) -> bool) = match selection {
            AddressSelection::All => (&self.all, |_| true),
            AddressSelection::Tcp => (&self.tcp, |instance| !is_udp(instance)),
            AddressSelection::Udp => (&self.udp, |instance| is_udp(instance) || has_tag(instance, "udp")),
            AddressSelection::Tag(tag) => return self.tagged(tag, instances),
        };

        let found = kept.get_or_init(|| {
            let all = instances().into_iter();
            written(&all.filter(|instance| is_selected(instance)).collect::<Vec<_>>())
        });
        found.clone()
    }

    fn tagged<'i>(
        &self,
        tag: &str,
        instances: impl Fn() -> Vec<&'i RegisteredInstance>,
    ) -> Option<Arc<ServiceAddresses>> {
        if let Some(known) = self.by_tag.lock().get(tag) {
            return Some(Arc::clone(known));
        }

        let tags = self.tags.get_or_init(|| TagIndex::of(&instances()));
        let places = tags.places(tag);
        if places.is_empty() {
            return None;
        }

        let all = instances();
        let own = places.iter().filter_map(|(_, at)| all.get(usize::try_from(*at).ok()?).copied());
        let own: Vec<&RegisteredInstance> = own.filter(|instance| has_tag(instance, tag)).collect();

        let is_kept = own.len() >= MIN_KEPT;
        let addresses = written(&own)?;
        if is_kept {
            self.by_tag.lock().insert(tag.into(), Arc::clone(&addresses));
        }
        Some(addresses)
    }
}

fn written(selected: &[&RegisteredInstance]) -> Option<Arc<ServiceAddresses>> {
    let usable = selected.iter().copied().filter(|instance| instance.is_usable());
    (!selected.is_empty()).then(|| Arc::new(ServiceAddresses::of(usable)))
}

fn has_tag(instance: &RegisteredInstance, tag: &str) -> bool {
    instance.registration.tags.iter().any(|own| own.eq_ignore_ascii_case(tag))
}

/// Which instances may have a tag: the hash of each tag with the place of its instance, sorted.
#[derive(Debug)]
struct TagIndex {
    hasher: RandomState,
    places: Vec<(u64, u32)>,
}

impl TagIndex {
    fn of(instances: &[&RegisteredInstance]) -> Self {
        let hasher = RandomState::new();
        let mut places: Vec<(u64, u32)> = Vec::new();
        for (at, instance) in (0..).zip(instances) {
            let tags = instance.registration.tags.iter();
            places.extend(tags.map(|tag| (hasher.hash_one(tag.to_ascii_lowercase()), at)));
        }

        places.sort_unstable();
        places.dedup();
        Self { hasher, places }
    }

    /// The places of the instances that may have a tag, in lower case.
    fn places(&self, tag: &str) -> &[(u64, u32)] {
        let hash = self.hasher.hash_one(tag);
        let start = self.places.partition_point(|(known, _)| *known < hash);
        let rest = &self.places[start..];
        &rest[..rest.partition_point(|(known, _)| *known == hash)]
    }
}
