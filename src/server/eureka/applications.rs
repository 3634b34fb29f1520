//! Lists of instances by application.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::json;

use super::format::Format;
use super::instance::{EUREKA_KEY, EurekaInstance};
use super::status::status;
use super::xml;
use crate::model::DEFAULT_NAMESPACE;
use crate::output::XmlWriter;
use crate::registry::ChangeKind;
use crate::server::instance_view::InstanceView;
use crate::server::recent_changes::RecentChanges;
use crate::server::scoped_view::ScopedView;

/// What stands in place of the hash in a list of changes that may lack some: no client counts the same, so that each fetches
/// everything.
const INCOMPLETE: &str = "INCOMPLETE_";

/// Some applications with some of their instances. Each instance is written as it is reached: a document of all of them in
/// memory would take many times the room of its text.
pub(super) struct Applications<'v> {
    view: &'v ScopedView,
    /// With what happened to each instance.
    by_name: BTreeMap<String, Vec<(Arc<InstanceView>, &'static str)>>,
}

impl<'v> Applications<'v> {
    /// These instances.
    fn of(view: &'v ScopedView, instances: impl Iterator<Item = (Arc<InstanceView>, &'static str)>) -> Self {
        let mut by_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (instance, action) in instances {
            by_name.entry(instance.instance.name().to_uppercase()).or_default().push((instance, action));
        }
        Self { view, by_name }
    }

    /// All of them.
    pub(super) fn all(view: &'v ScopedView) -> Self {
        Self::of(view, instances(view).map(|one| (Arc::clone(one), "ADDED")))
    }

    /// The application with this name, in capitals.
    pub(super) fn named(view: &'v ScopedView, name: &str) -> Self {
        let is_it =
            |one: &&Arc<InstanceView>| one.instance.name().chars().flat_map(char::to_uppercase).eq(name.chars());
        Self::of(view, instances(view).filter(is_it).map(|one| (Arc::clone(one), "ADDED")))
    }

    /// The instances with this virtual host name. `field`: `vipAddress` or `secureVipAddress`.
    pub(super) fn with_vip(view: &'v ScopedView, field: &str, vip: &str) -> Self {
        let found = instances(view).filter(|one| {
            may_have_vip(one, vip)
                && EurekaInstance::new(one, view).vip(field).split(',').any(|own| own.trim().eq_ignore_ascii_case(vip))
        });
        Self::of(view, found.map(|one| (Arc::clone(one), "ADDED")))
    }

    /// What changed lately.
    fn changed(view: &'v ScopedView, changes: Vec<(ChangeKind, Arc<InstanceView>)>) -> Self {
        let recent = changes.into_iter().filter(|(_, one)| one.instance.registration.port > 0);
        let recent = recent.map(|(kind, instance)| match kind {
            ChangeKind::Added => (instance, "ADDED"),
            ChangeKind::Updated => (instance, "MODIFIED"),
            ChangeKind::Removed => (instance, "DELETED"),
        });
        Self::of(view, recent)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The list of these applications. The hash is that of everything, so that a client can tell whether it missed something.
    pub(super) fn list(&self, format: Format) -> Vec<u8> {
        self.list_with(format, &hash(self.view))
    }

    fn list_with(&self, format: Format, hash: &str) -> Vec<u8> {
        // Clients take a list whose version they know for one without changes.
        let index = self.view.index();
        match format {
            Format::Json => self.list_json(index, hash),
            // Writing to memory cannot fail.
            Format::Xml => self.list_xml(index, hash).unwrap_or_default(),
        }
    }

    fn list_json(&self, index: u64, hash: &str) -> Vec<u8> {
        let head = format!(
            "{{\"applications\":{{\"versions__delta\":\"{index}\",\"apps__hashcode\":\"{hash}\",\"application\":["
        );
        let mut out = head.into_bytes();
        for (at, name) in self.by_name.keys().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.application_json(&mut out, name);
        }
        out.extend_from_slice(b"]}}");

        out
    }

    fn application_json(&self, out: &mut Vec<u8>, name: &str) {
        out.extend_from_slice(format!("{{\"name\":{},\"instance\":[", json!(name)).as_bytes());
        for (at, (instance, action)) in self.by_name.get(name).into_iter().flatten().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            // Texts and numbers always serialise.
            let _ = serde_json::to_writer(&mut *out, &EurekaInstance::new(instance, self.view).to_change(action));
        }
        out.extend_from_slice(b"]}");
    }

    fn list_xml(&self, index: u64, hash: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = XmlWriter::new(&mut bytes)?;
        writer.open("applications", &[])?;
        xml::element(&mut writer, "versions__delta", &json!(index.to_string()))?;
        xml::element(&mut writer, "apps__hashcode", &json!(hash))?;
        for name in self.by_name.keys() {
            self.application_xml(&mut writer, name)?;
        }
        writer.close("applications")?;
        Ok(bytes)
    }

    fn application_xml(&self, writer: &mut XmlWriter<'_>, name: &str) -> io::Result<()> {
        writer.open("application", &[])?;
        xml::element(writer, "name", &json!(name))?;
        for (instance, action) in self.by_name.get(name).into_iter().flatten() {
            xml::element(writer, "instance", &EurekaInstance::new(instance, self.view).to_change(action))?;
        }
        writer.close("application")
    }

    /// One application as a document of its own; `None` if it is not among these.
    pub(super) fn document(&self, name: &str, format: Format) -> Option<Vec<u8>> {
        self.by_name.get(name)?;
        let mut bytes = Vec::new();
        match format {
            Format::Json => {
                bytes.extend_from_slice(b"{\"application\":");
                self.application_json(&mut bytes, name);
                bytes.push(b'}');
            }
            // Writing to memory cannot fail.
            Format::Xml => {
                let _ = XmlWriter::new(&mut bytes).and_then(|mut writer| self.application_xml(&mut writer, name));
            }
        }

        Some(bytes)
    }
}

/// The list of what changed lately.
pub(super) fn changes(view: &ScopedView, changes: &RecentChanges, format: Format) -> Vec<u8> {
    let recent = changes.of(view);
    let hash = if recent.is_complete { hash(view) } else { INCOMPLETE.to_owned() };
    Applications::changed(view, recent.changes).list_with(format, &hash)
}

/// The first instance with this id, of whichever application.
pub(super) fn instance(view: &ScopedView, id: &str) -> Option<EurekaInstance> {
    // An id within an application is the end of that in the registry, unless it is the same.
    let candidates = instances(view).filter(|one| {
        one.instance.id.strip_suffix(id).is_some_and(|before| before.is_empty() || before.ends_with(':'))
    });
    let mut found = candidates.map(|one| EurekaInstance::new(one, view)).filter(|one| one.id() == id);
    found.next()
}

/// Every instance. One without a port is none for Eureka.
fn instances(view: &ScopedView) -> impl Iterator<Item = &Arc<InstanceView>> {
    let own = view.services().filter(|service| &*service.key.namespace == DEFAULT_NAMESPACE);
    own.flat_map(|service| service.list()).filter(|one| one.instance.registration.port > 0)
}

/// Whether an instance can have a virtual host name: reading what it has is slow.
fn may_have_vip(one: &InstanceView, vip: &str) -> bool {
    let has_vip =
        |text: &str| text.as_bytes().windows(vip.len().max(1)).any(|part| part.eq_ignore_ascii_case(vip.as_bytes()));
    // JSON writes these in another way.
    let is_escaped = vip.contains(|c: char| c.is_control() || c == '"' || c == '\\');
    let own = one.instance.registration.metadata.get(EUREKA_KEY);
    is_escaped || has_vip(one.instance.name()) || own.is_some_and(|text| has_vip(text))
}

/// `DOWN_1_UP_3_`: how many instances have each state, by its name. Clients compare it with what they know.
fn hash(view: &ScopedView) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in instances(view) {
        *counts.entry(status(one, view).as_str()).or_default() += 1;
    }
    let parts: Vec<String> = counts.into_iter().map(|(status, count)| format!("{status}_{count}_")).collect();
    parts.concat()
}
