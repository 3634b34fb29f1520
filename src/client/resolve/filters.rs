//! Which endpoints of a service get calls: a chain of filters that counts what each one leaves.

use super::counts::EndpointCounts;
use crate::model::{Endpoint, Instance, VersionRequirement};

/// The filters of a resolver. All of them must match.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointFilters {
    pub(super) version: Option<VersionRequirement>,
    pub(super) tags: Vec<String>,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) zone: Option<String>,
    /// Whether unhealthy endpoints get calls too.
    pub(super) ignores_health: bool,
}

/// The share of the endpoints of a zone, in percent, that must be usable for all calls to stay in the zone.
const MIN_ZONE_PERCENT: usize = 70;

impl EndpointFilters {
    /// The endpoints that match version, tags and metadata.
    pub(super) fn matching<'e, E: AsRef<Endpoint>>(&self, all: &'e [E], counts: &mut EndpointCounts) -> Vec<&'e E> {
        let mut matching = Vec::with_capacity(all.len());
        for endpoint in all {
            counts.named += 1;
            let instance = endpoint.as_ref().instance.as_deref();
            if !self.matches_version(instance, counts) {
                continue;
            }

            counts.matching_version += 1;
            if !self.tags.iter().all(|tag| has_tag(instance, tag)) {
                continue;
            }

            counts.matching_tags += 1;
            if !self.metadata.iter().all(|(key, value)| has_metadata(instance, key, value)) {
                continue;
            }

            counts.matching_metadata += 1;
            matching.push(endpoint);
        }
        matching
    }

    fn matches_version(&self, instance: Option<&Instance>, counts: &mut EndpointCounts) -> bool {
        let Some(filter) = &self.version else { return true };
        let Some(version) = instance.and_then(|instance| instance.version.as_ref()) else { return false };

        counts.unreadable_versions += usize::from(!filter.can_compare(version.as_raw()));
        filter.accepts(version.as_raw())
    }

    /// Whether an endpoint may get calls.
    pub(super) fn is_healthy(&self, endpoint: &Endpoint) -> bool {
        self.ignores_health || endpoint.is_usable()
    }

    /// Whether an endpoint is in the preferred zone; without a preference, all are.
    pub(super) fn is_near(&self, endpoint: &Endpoint) -> bool {
        let Some(preferred) = &self.zone else { return true };
        let zone = endpoint.instance.as_deref().and_then(|instance| instance.zone.as_ref());
        zone.is_some_and(|zone| zone.as_raw() == preferred)
    }
}

/// Whether calls stay in a zone where `usable` of its `all` endpoints can take them; otherwise all zones share them, so that
/// the few that are left are not overloaded.
pub(super) fn stays_in_zone(usable: usize, all: usize) -> bool {
    usable > 0 && usable * 100 >= all * MIN_ZONE_PERCENT
}

fn has_tag(instance: Option<&Instance>, tag: &str) -> bool {
    instance.is_some_and(|instance| instance.tags.iter().any(|own| own.as_raw() == tag))
}

fn has_metadata(instance: Option<&Instance>, key: &str, value: &str) -> bool {
    instance.is_some_and(|instance| {
        let mut entries = instance.metadata.iter();
        entries.any(|(own_key, own_value)| own_key.as_raw() == key && own_value.as_raw() == value)
    })
}
