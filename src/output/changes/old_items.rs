//! The services of the baseline, by their place and the name of their host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::Service;

/// The services of the baseline that were not compared yet.
pub(super) struct OldItems(HashMap<String, OldPlace>);

/// An address and port, which one listing may have at several names of its host.
#[derive(Default)]
struct OldPlace {
    items: Vec<OldItem>,
    /// Whether this run lists the place too, at whatever name.
    is_listed: bool,
}

struct OldItem {
    host: Option<String>,
    /// `None` once it was compared.
    service: Option<Service>,
}

/// What the baseline has for a service of this run.
pub(super) enum OldMatch {
    /// The same service.
    Same(Box<Service>),
    /// Only services at other names of the host.
    OtherHost,
    /// Nothing.
    New,
}

impl OldItems {
    /// Of several services with one place and name, the last counts.
    pub(super) fn new(services: impl IntoIterator<Item = Service>) -> Self {
        let mut places = HashMap::<String, OldPlace>::new();
        for service in services {
            let (place, host) = place_and_host(&service);
            let items = &mut places.entry(place).or_default().items;
            items.retain(|known| known.host != host);
            items.push(OldItem { host, service: Some(service) });
        }
        Self(places)
    }

    /// Takes what the baseline has for a service of this run.
    pub(super) fn take(&mut self, new: &Service) -> OldMatch {
        let (place, host) = place_and_host(new);
        let Entry::Occupied(mut known) = self.0.entry(place) else { return OldMatch::New };

        let known = known.get_mut();
        known.is_listed = true;
        let same = known.items.iter_mut().find(|item| item.host == host).and_then(|item| item.service.take());
        same.map_or(OldMatch::OtherHost, |same| OldMatch::Same(Box::new(same)))
    }

    /// A service of the baseline at the place of this one, if no name there was compared.
    pub(super) fn at_other_host(&self, new: &Service) -> Option<&Service> {
        let items = &self.0.get(&place_and_host(new).0)?.items;
        let is_compared = items.iter().any(|item| item.service.is_none());
        items.first().filter(|_| !is_compared)?.service.as_ref()
    }

    /// The services that were not compared: those of places that this run does not list, and those at other names of its
    /// places.
    pub(super) fn into_rest(self) -> (Vec<Service>, Vec<Service>) {
        let (mut unlisted, mut unnamed) = (Vec::new(), Vec::new());
        for OldPlace { items, is_listed } in self.0.into_values() {
            let rest = if is_listed { &mut unnamed } else { &mut unlisted };
            rest.extend(items.into_iter().filter_map(|item| item.service));
        }
        (unlisted, unnamed)
    }
}

/// The id of a service without the name of its host, and that name. The first name of an address is not in the id, and which
/// one is the first depends on the order of the targets.
fn place_and_host(service: &Service) -> (String, Option<String>) {
    let id = service.id.as_raw();
    let Some(host) = service.detail.host() else { return (id.to_owned(), None) };

    let place = id.strip_suffix(&format!("/{host}")).unwrap_or(id);
    // DNS does not distinguish cases, and a dot at the end only says that the name is complete.
    let host = host.as_raw().trim_end_matches('.').to_ascii_lowercase();
    (place.to_owned(), Some(host))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scanned(id: &str, host: Option<&str>) -> Service {
        let detail =
            json!({ "state": "open", "reason": "syn-ack", "rtt_us": null, "attempts": 1, "host": host, "netns": null });
        serde_json::from_value(json!({ "id": id, "source": "scan", "endpoints": [], "detail": detail })).unwrap()
    }

    #[test]
    fn names_of_one_address_are_matched_in_any_order() {
        let old =
            [scanned("scan/tcp/127.0.0.1:80", Some("a.test")), scanned("scan/tcp/127.0.0.1:80/b.test", Some("b.test"))];
        let mut items = OldItems::new(old);
        let (b, a) = (
            scanned("scan/tcp/127.0.0.1:80", Some("B.test.")),
            scanned("scan/tcp/127.0.0.1:80/a.test", Some("a.test")),
        );
        assert!(matches!(items.take(&b), OldMatch::Same(old) if old.id == *"scan/tcp/127.0.0.1:80/b.test"));
        assert!(matches!(items.take(&a), OldMatch::Same(old) if old.id == *"scan/tcp/127.0.0.1:80"));
        let (unlisted, unnamed) = items.into_rest();
        assert_eq!((unlisted.len(), unnamed.len()), (0, 0));
    }

    #[test]
    fn another_name_of_a_known_place_is_not_new() {
        let old = [scanned("scan/tcp/127.0.0.1:80", Some("a.test")), scanned("scan/tcp/127.0.0.1:81", Some("a.test"))];
        let mut items = OldItems::new(old);
        let by_address = scanned("scan/tcp/127.0.0.1:80", None);
        assert!(matches!(items.take(&by_address), OldMatch::OtherHost));
        assert!(items.at_other_host(&by_address).is_some());
        assert!(matches!(items.take(&scanned("scan/tcp/127.0.0.1:82", None)), OldMatch::New));

        let (unlisted, unnamed) = items.into_rest();
        assert_eq!(
            (unlisted[0].id.as_raw(), unnamed[0].id.as_raw()),
            ("scan/tcp/127.0.0.1:81", "scan/tcp/127.0.0.1:80")
        );
    }

    #[test]
    fn a_place_that_was_compared_says_nothing_of_other_names() {
        let mut items = OldItems::new([scanned("scan/tcp/127.0.0.1:80", Some("a.test"))]);
        let further = scanned("scan/tcp/127.0.0.1:80/b.test", Some("b.test"));
        assert!(matches!(items.take(&further), OldMatch::OtherHost));
        assert!(matches!(items.take(&scanned("scan/tcp/127.0.0.1:80", Some("a.test"))), OldMatch::Same(_)));
        assert!(items.at_other_host(&further).is_none());
    }
}
