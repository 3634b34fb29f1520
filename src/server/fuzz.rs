//! The entry point of the fuzz target for bodies and queries of the REST API. `fuzz/` calls it with `--cfg fuzzing`, and the
//! tests with the stored inputs.

#![allow(unreachable_pub, reason = "lib.rs shows it to fuzz/ only")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::form_urlencoded;

use super::params::Params;
use super::routes::bulk;
use super::view::View;
use crate::model::{DriftReport, Query, RegisteredInstance, Registration};
use crate::registry::{Command, Now, Rules, State, step};

/// Reads a registration, a bulk call, a drift report or a query. The first byte chooses. Returns whether it is one.
///
/// # Panics
/// Something is accepted that the registry cannot show.
pub fn rest_body(input: &[u8]) -> bool {
    let Some((choice, body)) = input.split_first() else { return false };
    match choice % 4 {
        0 => registration(body),
        1 => {
            let commands = bulk::commands(body);
            let is_any = !commands.is_empty();
            registry_after(commands);
            is_any
        }
        2 => DriftReport::from_json(body).is_ok(),
        _ => query(&String::from_utf8_lossy(body)),
    }
}

fn registration(body: &[u8]) -> bool {
    let Ok(mut registration) = Registration::from_json(body) else { return false };
    registration.id.get_or_insert_with(|| "a".to_owned());
    // The rules may still refuse it: the method of a check, for example.
    registry_after(vec![Command::Register(Arc::new(registration))]).instances().count() == 1
}

fn query(text: &str) -> bool {
    let _ = Params::read(Some(text), &["name", "tag", "metadata."], &["tag"]);
    let mut query = Query::default();
    form_urlencoded::parse(text.as_bytes()).all(|(name, value)| query.set_parameter(&name, &value) == Ok(true))
}

/// The registry after some commands. It may reject any of them.
///
/// # Panics
/// The JSON of an instance does not read back.
pub(super) fn registry_after(commands: Vec<Command>) -> View {
    let mut state = State::new(Rules::default());
    let now = Now { elapsed: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH };
    for command in commands {
        let _ = step(&mut state, command, now);
    }

    let view = View::new(state.snapshot(), true);
    for instance in view.instances() {
        let json = instance.to_json();
        let read = serde_json::from_slice::<RegisteredInstance>(&json);
        assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(&json));
    }
    view
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Runs an entry point with the stored inputs of its target, cut off anywhere, and with one byte changed. Those whose name
    /// begins with `good` must be read, others with `bad` must not.
    #[track_caller]
    pub(crate) fn run_stored(target: &str, entry: fn(&[u8]) -> bool) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut good = 0;
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let (name, input) = (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
            let is_read = entry(&input);
            assert!(is_read || !name.starts_with("good"), "{name} is not read");
            assert!(!is_read || !name.starts_with("bad"), "{name} is read");
            good += usize::from(is_read);

            for at in (0..input.len()).step_by(input.len() / 64 + 1) {
                entry(&input[..at]);
                let mut changed = input.clone();
                changed[at] ^= 0x15;
                entry(&changed);
            }
        }
        assert!(good > 2, "{target} has too few inputs that are read");
    }

    #[test]
    fn the_stored_bodies_of_the_rest_api_are_read() {
        run_stored("rest_bodies", rest_body);
    }
}
