//! `--identify` and the options that go with it.

use std::path::PathBuf;

use clap::Args;

use crate::identify::IdentifyOptions;
use crate::model::Column;
use crate::probe::Intensity;

/// Whether and how to ask services what they are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Identification")]
pub(super) struct IdentifyArgs {
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

impl IdentifyArgs {
    /// How to identify, as the library takes it.
    pub(super) fn options(&self) -> IdentifyOptions {
        IdentifyOptions { intensity: self.intensity, probe_file: self.probes.clone() }
    }

    /// The columns of a source, with those of an identity where that is asked for.
    pub(super) fn columns(&self, source: &'static [Column]) -> &'static [Column] {
        if self.asked { IdentifyOptions::columns(source) } else { source }
    }
}
