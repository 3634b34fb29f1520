//! Differences from an earlier listing: one line for each service that opened, closed or changed.

mod old_items;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use self::old_items::{OldItems, OldMatch};
use super::json::write_json;
use super::{Footer, Format, FormatName, RenderOptions};
use crate::clean::clean;
use crate::model::{
    Address, Completeness, Coverage, NamespaceScope, NetworkNamespace, RawDetail, Selector, Service, SourceName,
    compared_fields,
};

/// State that a comparison shares with its caller.
#[derive(Debug, Default)]
pub(crate) struct DiffContext {
    /// What this run covers, if the source reports it: services of the baseline outside of it are skipped.
    pub(crate) coverage: Mutex<Vec<Coverage>>,
    /// Of a stored run: the part of that where something would be listed if it were open.
    pub(crate) certain: Option<Vec<Coverage>>,
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) changed: AtomicU64,
    /// Services of the baseline that this run does not cover.
    pub(crate) beyond: AtomicU64,
    /// Services of this run that the baseline does not cover.
    pub(crate) unknown_before: AtomicU64,
}

/// The baseline.
pub(crate) struct OldListing {
    pub(crate) services: Vec<Service>,
    /// What the filters of this run keep; `None`: everything.
    pub(crate) now: Option<Selector>,
    /// What those of the baseline kept.
    pub(crate) then: Option<Selector>,
    /// What the baseline covers; empty: everything, or unknown.
    pub(crate) coverage: Vec<Coverage>,
}

/// How the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Text,
    Json,
    Name,
    /// A page, written at the end.
    #[cfg(feature = "html")]
    Html,
}

pub(crate) struct Changes<'w> {
    out: &'w mut (dyn Write + Send),
    style: Style,
    old: OldItems,
    /// Services of this run whose place the baseline has at other names of the host only.
    renamed: Vec<Service>,
    now: Option<Selector>,
    then: Option<Selector>,
    covered_before: Vec<Coverage>,
    shared: Arc<DiffContext>,
    index: u64,
    time: Timestamp,
    color: bool,
    /// The changes so far, for a page.
    #[cfg(feature = "html")]
    rows: Vec<super::html::ChangeRow>,
}

/// An event in the JSON of `--watch`.
#[derive(Serialize)]
struct EventLine<'a> {
    index: u64,
    r#type: &'static str,
    time: Timestamp,
    source: &'a SourceName,
    item: &'a Service,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    changed: &'a [String],
}

impl<'w> Changes<'w> {
    /// `None` if the format cannot express changes.
    pub(crate) fn new(
        name: FormatName,
        out: &'w mut (dyn Write + Send),
        old: OldListing,
        shared: Arc<DiffContext>,
        page: RenderOptions,
    ) -> Option<Self> {
        let style = match name {
            #[cfg(feature = "cli")]
            FormatName::Table | FormatName::Wide => Style::Text,
            FormatName::Json | FormatName::Ndjson => Style::Json,
            FormatName::Name => Style::Name,
            #[cfg(feature = "html")]
            FormatName::Html => Style::Html,
            _ => return None,
        };

        let OldListing { services, now, then, coverage } = old;
        let old = OldItems::new(services);
        let (time, color) = (page.generated, page.color);
        Some(Self {
            out,
            style,
            old,
            renamed: Vec::new(),
            now,
            then,
            covered_before: coverage,
            shared,
            index: 0,
            time,
            color,
            #[cfg(feature = "html")]
            rows: Vec::new(),
        })
    }

    fn write(
        &mut self,
        kind: &'static str,
        item: &Service,
        old: Option<&Service>,
        changed: &[String],
    ) -> io::Result<()> {
        self.index += 1;

        match self.style {
            Style::Json => {
                let Self { index, time, .. } = *self;
                let line = EventLine { index, r#type: kind, time, source: &item.source, item, changed };
                write_json(self.out, &mut Vec::new(), &line, false)?;
                self.out.write_all(b"\n")
            }
            Style::Name => writeln!(self.out, "{kind} {}", item.id),
            #[cfg(feature = "html")]
            Style::Html => {
                let mut line = String::new();
                text(&mut line, kind, item, old, changed).map_err(io::Error::other)?;
                // The sign stands for the kind, which the page says in words.
                let text = line.get(2..).unwrap_or_default().to_owned();
                self.rows.push(super::html::ChangeRow { kind, text });
                Ok(())
            }
            Style::Text => {
                let mut line = String::new();
                text(&mut line, kind, item, old, changed).map_err(io::Error::other)?;
                writeln!(self.out, "{}", colored(&line, kind, self.color))
            }
        }
    }

    /// Writes how a service differs from the baseline's, if it does; returns whether it does.
    fn compare(&mut self, old: &Service, new: &Service, is_at_other_host: bool) -> io::Result<bool> {
        let (mut one, mut other) = (old.clone(), new.clone());
        one.id = other.id.clone();
        comparable(&mut one, &mut other);
        if is_at_other_host {
            [&mut one, &mut other].into_iter().for_each(without_host);
        }

        let mut changed = compared_fields(&one, &other);
        // The same name may be written in another way.
        let is_matched_by_host = is_at_other_host || new.detail.host().is_some();
        changed.retain(|field| !is_matched_by_host || field != HOST_FIELD);
        if changed.is_empty() {
            return Ok(false);
        }

        self.shared.changed.fetch_add(1, Ordering::Relaxed);
        self.write("updated", new, Some(old), &changed)?;
        Ok(true)
    }

    /// Compares the services whose place the baseline has at other names: only what does not depend on the name, and only
    /// if none of these names was compared.
    fn compare_renamed(&mut self) -> io::Result<()> {
        for service in std::mem::take(&mut self.renamed) {
            let old = self.old.at_other_host(&service).cloned();
            let is_changed = old.map_or(Ok(false), |old| self.compare(&old, &service, true))?;
            if !is_changed {
                self.shared.unknown_before.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Whether this run covers a service of the baseline.
    fn is_covered(&self, item: &Service) -> bool {
        let certain = self.shared.certain.as_deref();
        keeps(self.now.as_ref(), item)
            && certain.map_or_else(|| covers(&self.shared.coverage.lock(), item), |certain| covers(certain, item))
    }

    /// Whether a stored run scanned the port of a service that it does not list: the port is not open any more, and may be
    /// closed or silent.
    fn was_scanned(&self, item: &Service) -> bool {
        let coverage = self.shared.coverage.lock();
        self.shared.certain.is_some()
            && keeps(self.now.as_ref(), item)
            && !coverage.is_empty()
            && covers(&coverage, item)
    }

    /// Writes that ports are not open any more.
    fn write_unknown(&mut self, mut items: Vec<Service>) -> io::Result<()> {
        items.sort_by(|one, other| one.id.cmp(&other.id));
        let changed = ["endpoints[0].ready", "detail.state"].map(ToOwned::to_owned);
        for old in &items {
            self.shared.changed.fetch_add(1, Ordering::Relaxed);
            self.write("updated", &in_unknown_state(old), Some(old), &changed)?;
        }
        Ok(())
    }

    /// Whether the baseline covers a service of this run.
    fn was_covered(&self, item: &Service) -> bool {
        keeps(self.then.as_ref(), item) && covers(&self.covered_before, item)
    }
}

/// Whether filters keep a service.
fn keeps(selector: Option<&Selector>, item: &Service) -> bool {
    selector.is_none_or(|keeps| keeps(item))
}

/// Whether a listing covers a service; one that does not say what it covers has everything.
fn covers(scopes: &[Coverage], item: &Service) -> bool {
    let netns = item.detail.netns();
    scopes.is_empty()
        || scopes.iter().any(|scope| has_place(scope, item) && is_within(&scope.scope, netns.as_ref(), scopes))
}

/// Whether the transport, address and port of a service are covered; its network namespace is not compared.
fn has_place(coverage: &Coverage, item: &Service) -> bool {
    let Some(endpoint) = item.endpoints.first() else { return false };

    endpoint.transport == coverage.transport
        && matches!(endpoint.address, Address::Ip(ip) if coverage.addresses.contains(ip))
        && endpoint.port.map_or_else(|| coverage.ports.is_empty(), |port| coverage.ports.contains(port))
}

fn is_within(within: &NamespaceScope, netns: Option<&NetworkNamespace>, scopes: &[Coverage]) -> bool {
    match within {
        NamespaceScope::Own => netns.is_none(),
        NamespaceScope::Other(known) => is_namespace(known, netns),
        NamespaceScope::Gone => netns.is_some() && !scopes.iter().any(|scope| is_other(&scope.scope, netns)),
    }
}

fn is_other(within: &NamespaceScope, netns: Option<&NetworkNamespace>) -> bool {
    matches!(within, NamespaceScope::Other(known) if is_namespace(known, netns))
}

/// Compares by name where there is one: the name is stable, the inode is not.
fn is_namespace(known: &NetworkNamespace, netns: Option<&NetworkNamespace>) -> bool {
    netns.is_some_and(|netns| match &known.name {
        Some(_) => netns.name == known.name,
        None => netns.inode == known.inode,
    })
}

/// `+ tcp 10.0.0.5:80  http`; each changed field is followed by its old and new value.
fn text(line: &mut String, kind: &str, item: &Service, old: Option<&Service>, changed: &[String]) -> std::fmt::Result {
    let sign = match kind {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    };
    let id = item.id.as_raw();
    // An id begins with its source, which is the same in every line.
    let place = id.split_once('/').map_or(id, |(_, place)| place).replacen('/', " ", 1);
    write!(line, "{sign} {}", clean(&place))?;

    if let Some(guess) = item.endpoints.first().and_then(|endpoint| endpoint.port_service.as_deref()) {
        write!(line, "  {}", clean(guess))?;
    }
    if let Some(name) = &item.name {
        write!(line, "  {name}")?;
    }

    // A changed field is named by its path in JSON.
    let (old, item) = match old.filter(|_| !changed.is_empty()) {
        Some(old) => (serde_json::to_value(old).ok(), serde_json::to_value(item).unwrap_or_default()),
        None => (None, Value::Null),
    };

    for (at, path) in changed.iter().enumerate() {
        let comma = if at > 0 { "," } else { " " };
        write!(line, "{comma} {}", clean(path))?;
        if let (Some(old), Some(new)) = (old.as_ref().and_then(|old| shown(old, path)), shown(&item, path)) {
            write!(line, " {old} -> {new}")?;
        }
    }
    Ok(())
}

/// The line of a change in its color, on a terminal that has colors.
fn colored<'l>(line: &'l str, kind: &str, color: bool) -> Cow<'l, str> {
    #[cfg(feature = "cli")]
    if color {
        return super::table::toned(line, super::table::change_tone(kind));
    }
    let _ = (kind, color);
    Cow::Borrowed(line)
}

/// The value at a path such as `endpoints[0].ready`, if it is short enough to show.
fn shown(item: &Value, path: &str) -> Option<String> {
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let value = parts.fold(item, |value, part| match part.parse::<usize>() {
        Ok(at) if value.is_array() => &value[at],
        _ => &value[part],
    });

    match value {
        Value::String(text) => Some(clean(text)),
        Value::Null => Some("none".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn is_ready(item: &Service) -> bool {
    item.endpoints.first().is_none_or(|endpoint| endpoint.ready)
}

/// The field of [`Detail::host`](crate::model::Detail::host).
const HOST_FIELD: &str = "detail.host";

/// Removes what depends on the name of the host, which is another one.
fn without_host(service: &mut Service) {
    service.health = None;
    for endpoint in &mut service.endpoints {
        (endpoint.identity, endpoint.health) = (None, None);
    }
}

/// A scanned port that was open and is not any more: without a reply, or closed.
fn in_unknown_state(old: &Service) -> Service {
    let mut detail = serde_json::to_value(old).map(|mut old| old["detail"].take()).unwrap_or_default();
    if let Some(fields) = detail.as_object_mut() {
        fields.retain(|field, _| !["reason", "rtt_us", "attempts"].contains(&field.as_str()));
        fields.insert("state".to_owned(), "unknown".into());
    }

    let mut service = old.clone();
    service.detail = Arc::new(RawDetail(detail));
    without_host(&mut service);
    service.endpoints.iter_mut().for_each(|endpoint| endpoint.ready = false);
    service
}

/// Removes the fields that only one of the runs looked at.
fn comparable(old: &mut Service, new: &mut Service) {
    if old.health.is_some() != new.health.is_some() {
        (old.health, new.health) = (None, None);
    }

    for (old, new) in old.endpoints.iter_mut().zip(&mut new.endpoints) {
        if old.identity.is_some() != new.identity.is_some() {
            (old.identity, new.identity) = (None, None);
        }
        if old.health.is_some() != new.health.is_some() {
            (old.health, new.health) = (None, None);
        }
    }
}

impl Format for Changes<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        match self.old.take(service) {
            OldMatch::Same(old) => self.compare(&old, service, false).map(|_| ()),
            OldMatch::OtherHost => {
                self.renamed.push(service.clone());
                Ok(())
            }
            OldMatch::New if !self.was_covered(service) => {
                self.shared.unknown_before.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            // A closed port that the baseline does not list is not new.
            OldMatch::New if !is_ready(service) => Ok(()),
            OldMatch::New => {
                self.shared.opened.fetch_add(1, Ordering::Relaxed);
                self.write("added", service, None, &[])
            }
        }
    }

    /// A port that was open may be so still: its state changed, and it is not gone.
    fn unanswered(&mut self, service: &Service) -> io::Result<()> {
        self.service(service)
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        self.compare_renamed()?;

        let old = std::mem::replace(&mut self.old, OldItems::new([]));
        // At another name of a port that is listed, the port was not asked for.
        let (mut gone, mut beyond) = old.into_rest();
        gone.retain(is_ready);
        beyond.retain(is_ready);
        let before = beyond.len() + gone.len();
        let (mut gone, rest): (Vec<_>, Vec<_>) = gone.into_iter().partition(|item| self.is_covered(item));
        let mut unknown: Vec<_> = rest.into_iter().filter(|item| self.was_scanned(item)).collect();
        self.shared.beyond.store((before - gone.len() - unknown.len()) as u64, Ordering::Relaxed);

        // Missing services of an incomplete listing may still be open.
        if end.completeness == Completeness::Incomplete {
            gone.clear();
            unknown.clear();
        }

        self.write_unknown(unknown)?;
        gone.sort_by(|one, other| one.id.cmp(&other.id));
        for item in &gone {
            self.shared.closed.fetch_add(1, Ordering::Relaxed);
            self.write("removed", item, None, &[])?;
        }

        #[cfg(feature = "html")]
        if self.style == Style::Html {
            let page = super::html::changes_page(self.time, &self.rows, end);
            self.out.write_all(page.as_bytes())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
