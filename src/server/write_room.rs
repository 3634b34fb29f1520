//! How much memory the writes that wait may take: a bulk request of a few hundred KiB has commands of many MiB, and its client
//! can leave once it has sent it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{CheckDefinition, CheckKind, Registration};
use crate::registry::{CatalogCommand, Command, ConfigCommand, DriftCommand};

/// The KiB of all commands that wait together.
const MAX_KIB: u32 = 128 * 1024;
/// What a command takes beside its texts: itself, its share of the job, and what is known of its sender.
const COMMAND_BYTES: usize = 512;
/// What a text takes beside its bytes: its handle, its place in a list or a map, and what the allocator adds.
const TEXT_BYTES: usize = 64;
/// What a check takes beside its texts.
const CHECK_BYTES: usize = 512;
/// A value of JSON takes this many times the bytes of its text.
const JSON_FACTOR: usize = 8;

/// The room for commands that wait.
#[derive(Debug)]
pub(super) struct WriteRoom(Arc<Semaphore>);

impl WriteRoom {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB as usize)))
    }

    /// Room for commands, until it is dropped. `None`: others take it.
    pub(super) fn take(&self, commands: &[Command]) -> Option<OwnedSemaphorePermit> {
        let bytes: usize = commands.iter().map(bytes_of).sum();
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(MAX_KIB);
        // What is larger than everything waits alone.
        Arc::clone(&self.0).try_acquire_many_owned(kib.min(MAX_KIB)).ok()
    }
}

/// About how much memory a command takes.
fn bytes_of(command: &Command) -> usize {
    let own = match command {
        Command::Register(registration) | Command::Catalog(CatalogCommand::Register { registration, .. }) => {
            bytes_of_registration(registration)
        }
        Command::SetMetadata { entries, .. } => bytes_of_map(entries.iter()),
        Command::SetStatus { reason: Some(text), .. }
        | Command::Renew { report: Some((_, Some(text))), .. }
        | Command::Catalog(
            CatalogCommand::Maintain { reason: text, .. } | CatalogCommand::Report { note: Some(text), .. },
        ) => text.len(),
        Command::Catalog(CatalogCommand::AddCheck { definition, check, .. }) => {
            let given = check.definition.as_ref().map_or(0, bytes_of_json);
            bytes_of_check(definition) + check.output.len() + check.notes.len() + given
        }
        Command::Config(ConfigCommand::Put { value, .. }) => value.as_str().len(),
        Command::Drift(DriftCommand::Report(report)) => {
            let findings = report.findings.iter().map(|finding| COMMAND_BYTES + finding.bytes());
            findings.chain(report.gaps.iter().map(|gap| bytes_of_text(gap))).sum()
        }
        _ => 0,
    };
    COMMAND_BYTES + own
}

fn bytes_of_registration(registration: &Registration) -> usize {
    let catalog = registration.catalog.as_deref().map_or(0, |entry| {
        let checks = entry.checks.iter().map(|check| {
            let given = check.definition.as_ref().map_or(0, bytes_of_json);
            CHECK_BYTES + check.output.len() + check.notes.len() + given
        });
        let addresses = entry.tagged_addresses.iter();
        let addresses = addresses.map(|(tag, place)| bytes_of_text(tag) + bytes_of_text(&place.address));
        checks.chain(addresses).sum::<usize>() + entry.proxy.as_ref().map_or(0, bytes_of_json)
    });
    let lists = registration.tags.iter().chain(&registration.capabilities).map(|text| bytes_of_text(text));
    let checks = registration.checks.iter().map(bytes_of_check);
    let own = registration.name.len() + registration.address.len();

    own + lists.chain(checks).sum::<usize>() + bytes_of_map(registration.metadata.iter()) + catalog
}

fn bytes_of_check(check: &CheckDefinition) -> usize {
    // Its texts are short, except for the path of a request.
    let path = match &check.kind {
        CheckKind::Http { path, .. } => path.len(),
        _ => 0,
    };
    CHECK_BYTES + path
}

fn bytes_of_map<'e>(entries: impl Iterator<Item = (&'e String, &'e String)>) -> usize {
    entries.map(|(key, value)| bytes_of_text(key) + bytes_of_text(value)).sum()
}

fn bytes_of_text(text: &str) -> usize {
    TEXT_BYTES + text.len()
}

fn bytes_of_json(value: &serde_json::Value) -> usize {
    JSON_FACTOR * value.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registration from a hostile client: many short texts, which take far more memory than their bytes.
    fn registration(id: usize) -> Command {
        let mut registration = Registration::new("web", "10.0.0.1:80".parse().unwrap()).id(id.to_string());
        registration.tags = (0..64).map(|tag| tag.to_string()).collect();
        registration.metadata = (0..40).map(|key| (key.to_string(), key.to_string())).collect();
        Command::Register(Arc::new(registration))
    }

    #[test]
    fn what_waits_is_bounded_by_what_it_takes() {
        let room = WriteRoom::new();
        let bulk: Vec<Command> = (0..1_000).map(registration).collect();
        let mut held: Vec<_> = std::iter::from_fn(|| room.take(&bulk)).take(100).collect();
        assert!((8..=20).contains(&held.len()), "{} MiB for 1,000 registrations", 128 / held.len().max(1));
        assert!(room.take(&bulk).is_none());
        let renewal = Command::Renew { id: "i1".into(), generation: None, report: None };
        assert!(room.take(&[renewal]).is_some(), "a short one finds room");

        held.pop();
        assert!(room.take(&bulk).is_some());
        held.clear();
        let huge: Vec<Command> = (0..20_000).map(registration).collect();
        assert!(room.take(&huge).is_some(), "one that is larger than the room waits alone");
    }
}
