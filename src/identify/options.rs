//! How services are identified.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::identifier::Identifier;
use crate::clean::clean;
use crate::engine::{self, Cancel};
use crate::error::{Error, Result};
use crate::model::{Column, Completeness};
use crate::net::read_file;
use crate::probe::{COLUMNS, Intensity, PortBudget, Probes};
use crate::source::{ItemSink, ListContext, Source};

/// How services are identified.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct IdentifyOptions {
    /// Set how many probes to send to ports whose numbers suggest no protocol.
    pub intensity: Intensity,
    /// The time limit of each port; `None`: 3, 10 or 20 s, by the intensity.
    pub timeout: Option<Duration>,
    /// A TOML file with more probes.
    pub probe_file: Option<PathBuf>,
}

impl IdentifyOptions {
    /// What each port may cost.
    pub(super) fn budget(&self) -> PortBudget {
        PortBudget::new(self.intensity, self.timeout)
    }

    /// The built-in probes and those of the probe file.
    ///
    /// # Errors
    /// If the probe file is invalid, or cannot be read before `cancel` or `until`.
    pub(crate) fn probes(&self, cancel: &Cancel, until: Option<Instant>) -> Result<Probes> {
        let Some(path) = &self.probe_file else { return Ok(Probes::built_in()) };
        let shown = clean(&path.to_string_lossy());

        let text = read_file(path, Probes::LONGEST_FILE, cancel, until).map_err(|error| {
            Error::io(format!("read the probes in {shown}"), error, "name a TOML file with --probes")
        })?;

        Probes::with_file(shown, &text)
    }

    /// A source's columns with those of an identity. They live as long as the process.
    pub(crate) fn columns(source: &'static [Column]) -> &'static [Column] {
        [COLUMNS, source].concat().leak()
    }

    /// Lists a source into `out`, each service with its identity.
    ///
    /// # Errors
    /// As [`Source::list`]; also if no runtime can be started.
    pub(crate) fn list(
        &self,
        probes: Probes,
        source: &dyn Source,
        context: &ListContext,
        out: &mut dyn ItemSink,
    ) -> Result<Completeness> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let mut identifier = Identifier::new(context, out, probes, self.budget(), until);
        let listed = engine::block_on(source.list(context, &mut identifier))?;
        let identified = identifier.finish()?;

        Ok(if identified == Completeness::Complete { listed } else { identified })
    }
}
