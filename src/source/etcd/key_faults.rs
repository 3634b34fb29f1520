//! The keys whose values are not registrations.

use std::collections::BTreeSet;

use crate::clean::clean;
use crate::model::{PartialError, Update};

const HINT: &str = "write JSON with an address and a port, or host:port; or choose another --prefix";
/// Errors of single keys that are reported for a list; the others are counted.
const MAX_ERRORS: usize = 20;

/// The keys whose values are not registrations, and which of them were reported.
#[derive(Debug, Default)]
pub(super) struct KeyFaults {
    reported: BTreeSet<Vec<u8>>,
    /// Those that one error counts.
    counted: BTreeSet<Vec<u8>>,
    /// The operation of that error.
    operation: Option<String>,
}

impl KeyFaults {
    /// The error of a key whose value changed.
    pub(super) fn report(&mut self, key: &[u8], why: &str) -> PartialError {
        self.reported.insert(key.to_vec());
        PartialError { operation: read_key(key), cause: clean(why), hint: HINT.to_owned() }
    }

    /// The errors of a list of keys, each with its reason.
    pub(super) fn report_list(&mut self, faults: Vec<(Vec<u8>, String)>) -> Vec<PartialError> {
        let more = faults.len().saturating_sub(MAX_ERRORS);
        let mut errors = Vec::new();
        for (key, why) in faults {
            if errors.len() < MAX_ERRORS {
                errors.push(self.report(&key, &why));
            } else {
                self.counted.insert(key);
            }
        }

        if more > 0 {
            let operation = format!("read {more} more keys");
            self.operation = Some(operation.clone());
            let cause = "their values are not registrations either".to_owned();
            errors.push(PartialError { operation, cause, hint: HINT.to_owned() });
        }
        errors
    }

    /// The key has a registration now, or is gone: the ends of its errors.
    pub(super) fn recover(&mut self, key: &[u8]) -> impl Iterator<Item = Update> + use<> {
        let own = self.reported.remove(key).then(|| read_key(key));
        let was_last = self.counted.remove(key) && self.counted.is_empty();
        let counted = self.operation.take_if(|_| was_last);
        own.into_iter().chain(counted).map(Update::Recovered)
    }
}

fn read_key(key: &[u8]) -> String {
    format!("read the key '{}'", clean(&String::from_utf8_lossy(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovered(faults: &mut KeyFaults, key: &[u8]) -> Vec<String> {
        faults
            .recover(key)
            .filter_map(|update| match update {
                Update::Recovered(operation) => Some(operation),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn each_reported_error_ends_once() {
        let mut faults = KeyFaults::default();
        let list = (0..22_u8).map(|at| (vec![b'a' + at], "no port".to_owned())).collect();
        let errors = faults.report_list(list);
        assert_eq!((errors.len(), errors[20].operation.as_str()), (21, "read 2 more keys"));

        let nothing: [&str; 0] = [];
        assert_eq!(recovered(&mut faults, b"a"), ["read the key 'a'"]);
        assert_eq!(recovered(&mut faults, b"a"), nothing);
        assert_eq!(recovered(&mut faults, b"u"), nothing, "one of the two that are counted");
        faults.report(b"v", "no address");
        assert_eq!(recovered(&mut faults, b"v"), ["read the key 'v'", "read 2 more keys"]);
        assert_eq!(recovered(&mut faults, b"v"), nothing);
    }
}
