//! The instances that an operator means: by their ids, or by the names of their services.

use std::collections::{BTreeSet, HashSet};

use crate::clean::{Untrusted, clean};
use crate::cli::exit::Exit;
use crate::cli::{stderr, terminal};
use crate::model::{Endpoint, Instance, Listing, Service, ServiceId};

/// A registered instance.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct InstanceRef<'l> {
    pub(in crate::cli) service: &'l Service,
    pub(in crate::cli) endpoint: &'l Endpoint,
    pub(in crate::cli) instance: &'l Instance,
}

/// The instances that some words mean.
#[derive(Debug, Default)]
pub(in crate::cli) struct InstanceSelection<'l> {
    pub(in crate::cli) chosen: Vec<InstanceRef<'l>>,
    /// The words that mean no instance.
    pub(in crate::cli) missing: Vec<&'l str>,
    /// The names that services of several namespaces have, with these namespaces. None of their instances is chosen.
    ambiguous: Vec<(&'l str, Vec<String>)>,
    /// The names that mean several instances.
    several: Vec<(&'l str, usize)>,
    /// The node that has none of the instances.
    absent_node: Option<&'l str>,
}

impl<'l> InstanceSelection<'l> {
    /// The instances in a listing that these words mean. A word is an id, or else the name of a service.
    pub(in crate::cli) fn of(listing: &'l Listing, words: &'l [String]) -> Self {
        let mut selection = Self::default();
        let mut known: HashSet<(&ServiceId, &str)> = HashSet::new();
        for word in words {
            let by_id: Vec<InstanceRef<'l>> = all(listing).filter(|chosen| has_id(chosen.instance, word)).collect();
            let is_id = !by_id.is_empty();
            let found = if is_id { by_id } else { all(listing).filter(|c| c.service.has_name(word)).collect() };
            let namespaces: BTreeSet<&str> = found.iter().filter_map(InstanceRef::namespace).collect();
            if !is_id && namespaces.len() > 1 {
                selection.ambiguous.push((word, namespaces.into_iter().map(clean).collect()));
                continue;
            }

            match found.len() {
                0 => selection.missing.push(word),
                1 => {}
                count => selection.several.push((word, count)),
            }
            let new = found.into_iter().filter(|c| known.insert((&c.service.id, c.instance.id.as_str())));
            selection.chosen.extend(new);
        }
        selection
    }

    /// The instances on a node that these words mean; without words, all instances of the node.
    pub(in crate::cli) fn on_node(listing: &'l Listing, words: &'l [String], node: &'l str) -> Self {
        let mut selection = match words {
            [] => Self { chosen: all(listing).collect(), ..Self::default() },
            words => Self::of(listing, words),
        };
        selection.chosen.retain(|chosen| chosen.instance.node.as_ref().is_some_and(|own| own.as_raw() == node));

        selection.several.clear();
        match selection.chosen.len() {
            0 => selection.absent_node = Some(node),
            1 => {}
            count => selection.several.push((node, count)),
        }
        selection
    }

    /// Whether the user confirms what a single word does to several instances. `verb`: `Deregister`.
    pub(in crate::cli) fn is_confirmed(&self, verb: &str, yes: bool) -> bool {
        yes || self
            .several
            .iter()
            .all(|(word, count)| terminal::ask(&format!("{verb} all {count} instances of {word}?")))
    }
}

impl<'l> InstanceRef<'l> {
    fn namespace(&self) -> Option<&'l str> {
        self.service.namespace.as_ref().map(Untrusted::as_raw)
    }
}

fn all(listing: &Listing) -> impl Iterator<Item = InstanceRef<'_>> {
    listing.services.iter().flat_map(|service| {
        let endpoints = service.endpoints.iter();
        endpoints.filter_map(move |endpoint| {
            let instance = endpoint.instance.as_deref()?;
            Some(InstanceRef { service, endpoint, instance })
        })
    })
}

/// Whether it has this id. That of Consul begins with its node, and that of etcd may be a whole key.
fn has_id(instance: &Instance, word: &str) -> bool {
    instance.id.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('/')) && !word.is_empty()
}

/// `web 10.0.0.7:8080 (ID)`
impl std::fmt::Display for InstanceRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.service.name.as_ref().map(ToString::to_string).unwrap_or_default();
        write!(f, "{name} {} ({})", clean(&self.endpoint.to_string()), clean(&self.instance.id))
    }
}

/// Reports the words that mean no instance.
pub(in crate::cli) fn report_missing(selection: &InstanceSelection<'_>) -> Exit {
    for word in &selection.missing {
        let text = format!("no instance has the id {0}, and no service the name {0}", clean(word));
        stderr::failure(&text, "`portolan services list` shows the names, `portolan services get NAME` the ids");
    }
    for (word, namespaces) in &selection.ambiguous {
        let text = format!("several namespaces have a service {}: {}", clean(word), namespaces.join(", "));
        let first = namespaces.first().map_or("NAMESPACE", String::as_str);
        stderr::failure(&text, &format!("name the namespace too, as in {first}/{}", clean(word)));
    }
    if let Some(node) = selection.absent_node.filter(|_| selection.missing.is_empty()) {
        let text = format!("no such instance is on the node {}", clean(node));
        stderr::failure(&text, "`portolan services get NAME` shows the node of each instance");
    }
    let is_whole = selection.missing.is_empty() && selection.ambiguous.is_empty() && selection.absent_node.is_none();

    if is_whole { Exit::Done } else { Exit::ConditionFailed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RegistryDetail, Transport};

    fn service(id: &str, name: &str, instances: &[&str]) -> Service {
        let endpoints = instances.iter().map(|id| {
            let instance = Instance { id: (*id).to_owned(), ..Instance::default() };
            let place =
                Endpoint::new("10.0.0.1".parse().map(crate::model::Address::Ip).unwrap(), Some(80), Transport::Tcp);
            Endpoint { instance: Some(Box::new(instance)), ..place }
        });
        let service = Service::new(id, "x", endpoints.collect(), RegistryDetail::default());
        Service { name: Some(name.into()), ..service }.erase()
    }

    fn chosen(words: &[&str]) -> (Vec<String>, Vec<String>, bool) {
        let services = vec![service("x/web", "web", &["n1/a", "n1/b"]), service("x/db", "db", &["n1/web", "c"])];
        let listing = Listing { services, ..Listing::default() };
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let selection = InstanceSelection::of(&listing, &words);
        let ids = selection.chosen.iter().map(|chosen| chosen.instance.id.clone()).collect();
        let missing = selection.missing.iter().map(|word| (*word).to_owned()).collect();
        (ids, missing, selection.several.is_empty())
    }

    #[test]
    fn an_id_comes_before_a_name_and_several_are_asked_for() {
        for (words, ids, missing, is_clear) in [
            (&["a"] as &[&str], &["n1/a"] as &[&str], &[] as &[&str], true),
            (&["n1/a", "a", "c"], &["n1/a", "c"], &[], true),
            (&["db"], &["n1/web", "c"], &[], false),
            (&["web"], &["n1/web"], &[], true),
            (&["", "x", "1/a"], &[], &["", "x", "1/a"], true),
        ] {
            let (found, gone, clear) = chosen(words);
            assert_eq!((found.as_slice(), gone.as_slice(), clear), (&*own(ids), &*own(missing), is_clear), "{words:?}");
        }
    }

    #[test]
    fn a_name_in_several_namespaces_chooses_nothing() {
        let of = |namespace: &str, id: &str| {
            let service = service(&format!("x/{namespace}/web"), "web", &[id]);
            Service { namespace: Some(namespace.into()), ..service }
        };
        let listing = Listing { services: vec![of("default", "a"), of("prod", "b")], ..Listing::default() };
        for (word, ids, is_ambiguous) in [
            ("web", &[] as &[&str], true),
            ("prod/web", &["b"], false),
            ("default/web", &["a"], false),
            ("b", &["b"], false),
        ] {
            let words = own(&[word]);
            let selection = InstanceSelection::of(&listing, &words);
            let found: Vec<&str> = selection.chosen.iter().map(|chosen| chosen.instance.id.as_str()).collect();
            assert_eq!((found.as_slice(), !selection.ambiguous.is_empty()), (ids, is_ambiguous), "{word}");
            assert_eq!(report_missing(&selection) == Exit::Done, !is_ambiguous, "{word}");
        }
    }

    #[test]
    fn a_node_has_the_instances_that_are_on_it() {
        let mut web = service("x/web", "web", &["a", "b", "c"]);
        for (endpoint, node) in web.endpoints.iter_mut().zip(["web1", "web2", "web1"]) {
            endpoint.instance.as_mut().unwrap().node = Some(node.into());
        }
        let listing = Listing { services: vec![web, service("x/db", "db", &["d"])], ..Listing::default() };
        for (words, node, ids, is_clear, is_absent) in [
            (&[] as &[&str], "web1", &["a", "c"] as &[&str], false, false),
            (&["web"], "web2", &["b"], true, false),
            (&["db"], "web1", &[], true, true),
            (&[], "web3", &[], true, true),
        ] {
            let words = own(words);
            let selection = InstanceSelection::on_node(&listing, &words, node);
            let found: Vec<&str> = selection.chosen.iter().map(|chosen| chosen.instance.id.as_str()).collect();
            assert_eq!(found, ids, "{words:?} {node}");
            assert_eq!(
                (selection.several.is_empty(), selection.absent_node.is_some()),
                (is_clear, is_absent),
                "{node}"
            );
        }
    }

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }
}
