//! The roots of services that have a trust of their own, each loaded once.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::check::{CheckResult, LocalFailure, Roots};
use crate::clean::clean;
use crate::model::{CheckLimits, Digest};

/// The roots by the file and the pins that they come from.
#[derive(Debug, Default)]
pub(super) struct Trusts(Mutex<Vec<LoadedTrust>>);

#[derive(Debug)]
struct LoadedTrust {
    ca: Option<PathBuf>,
    pins: Vec<Digest>,
    roots: Result<Arc<Roots>, String>,
}

impl Trusts {
    /// The roots for a service; `common` if it has none of its own.
    pub(super) fn of(&self, limits: &CheckLimits, common: &Arc<Roots>) -> CheckResult<Arc<Roots>> {
        if !limits.has_own_trust() {
            return Ok(Arc::clone(common));
        }

        let mut loaded = self.0.lock();
        let known = loaded.iter().find(|trust| trust.ca == limits.ca && trust.pins == limits.pin);
        let roots = match known {
            Some(trust) => trust.roots.clone(),
            None => {
                let roots = Roots::of_file(limits.ca.as_deref(), limits.pin.clone()).map(Arc::new);
                loaded.push(LoadedTrust { ca: limits.ca.clone(), pins: limits.pin.clone(), roots: roots.clone() });
                roots
            }
        };

        roots.map_err(|cause| {
            let file = limits.ca.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
            LocalFailure::new(format!("cannot use the certificates in '{}': {cause}", clean(&file)))
        })
    }
}
