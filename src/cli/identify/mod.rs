//! `--identify`: every service that a source hands over is asked what it is, on its way to the output.

mod asking;
mod identified;
mod notes;
mod reach;
mod watched;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use self::asking::Identifier;
pub(super) use self::identified::Identified;
use super::reading::read;
use crate::clean::clean;
use crate::engine::{self, Cancel};
use crate::error::{Error, Result};
use crate::model::{Column, Completeness};
use crate::probe::{COLUMNS, Intensity, Probes};
use crate::source::{ItemSink, ListContext, Source};

/// Whether and how to ask services what they are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Identification")]
pub(super) struct Identify {
    /// Ask each service what it is: protocol, product, version
    ///
    /// Without it nothing is ever sent to a service. Nobody is logged in, and nothing is changed. A service that greets is
    /// listened to, others are asked what their port's number hints at, then what is most likely. In a watch each is asked
    /// when it comes, and again when another process serves there; what it says is told as an update, as soon as it has said it.
    #[arg(long = "identify", id = "identify", global = true)]
    pub(super) asked: bool,
    /// How much to ask of ports whose numbers hint at nothing
    #[arg(long, value_enum, value_name = "LEVEL", global = true, requires = "identify", default_value_t)]
    intensity: Intensity,
    /// Also ask by the probes in this TOML file
    ///
    /// Each begins with the line `[[probe]]` and has protocol, its name, and pattern, a regular expression that its answers are
    /// known by, whose named groups become product, version and facts. Beside them: ports and tls-ports; send, which may hold
    /// escapes as in '\r\n' and '\x00', and without which it waits for a greeting; transport, "tcp" or "udp"; product; and
    /// likelihood, from 0 (asked only on its own ports) to 9 (asked wherever nothing is hinted at). A pattern is tried on whole lines, and on all that came, of the
    /// first 1,024 bytes. A file has at most 1 MiB and 128 probes, whose patterns may grow to 256 KiB together when they
    /// are compiled; one that matches the empty text is refused.
    #[arg(long, value_name = "FILE", global = true, requires = "identify", value_hint = clap::ValueHint::FilePath)]
    probes: Option<PathBuf>,
}

impl Identify {
    /// The protocols to ask for.
    ///
    /// # Errors
    /// A file of probes that cannot be used, or not be read before `cancel` or `until`.
    pub(super) fn probes(&self, cancel: &Cancel, until: Option<Instant>) -> Result<Probes> {
        let Some(path) = &self.probes else { return Ok(Probes::built_in()) };
        let shown = clean(&path.to_string_lossy());
        let text = read(path, Probes::LONGEST_FILE, cancel, until).map_err(|error| {
            Error::io(format!("read the probes in {shown}"), error, "name a TOML file with --probes")
        })?;
        Probes::with_file(shown, &text)
    }

    /// The columns of a source, and those of what it is asked.
    pub(super) fn columns(&self, source: &'static [Column]) -> &'static [Column] {
        // Made once, and good for as long as the program runs.
        if self.asked { [COLUMNS, source].concat().leak() } else { source }
    }

    /// Lists a source into `out`, each service with what it says of itself.
    ///
    /// # Errors
    /// As the source says; where there is no runtime to be had.
    pub(super) fn list(
        &self,
        probes: Probes,
        source: &dyn Source,
        context: &ListContext,
        out: &mut dyn ItemSink,
    ) -> Result<Completeness> {
        let until = source.deadline().and_then(|deadline| Instant::now().checked_add(deadline));
        let mut asking = Identifier::new(context, out, probes, self.intensity, until);
        let listed = engine::block_on(source.list(context, &mut asking))?;
        let answered = asking.finish()?;
        Ok(if answered == Completeness::Complete { listed } else { answered })
    }
}
