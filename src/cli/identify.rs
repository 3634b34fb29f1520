//! `--identify` and the options that go with it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::identify::IdentifyOptions;
use crate::model::{Column, parse_duration};
use crate::probe::Intensity;

/// Whether and how to identify services.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Identification")]
pub(super) struct IdentifyArgs {
    /// Identify each service: protocol, product, version
    ///
    /// Without this option, portolan sends no data to any service. Probes never log in and never change anything. A service
    /// that sends a greeting is identified by it; others get the probe that their port number suggests, then the most
    /// likely ones. In a watch, portolan identifies each service when it appears, when it returns, and when all its
    /// processes have been replaced, and reports the result as an update. Events never wait for this.
    #[arg(long = "identify", id = "identify", global = true)]
    pub(super) asked: bool,
    /// Set how many probes to send to ports whose numbers suggest no protocol
    #[arg(long, value_enum, value_name = "LEVEL", global = true, requires = "identify", default_value_t)]
    intensity: Intensity,
    /// Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]
    ///
    /// Some servers greet only after seconds, and reject clients that send something earlier. On the usual ports of SMTP,
    /// portolan waits 70% of this time before it sends anything; with --intensity all, it waits 35% on every port whose
    /// number suggests no protocol. On other ports, a second, silent connection waits for a greeting until the time is up,
    /// while probes run.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, global = true, requires = "identify", allow_hyphen_values = true)]
    identify_timeout: Option<Duration>,
    /// Add the probes in this TOML file
    ///
    /// Each probe begins with the line `[[probe]]` and needs protocol, its name, and pattern, a regular expression that matches
    /// its replies; named groups become product, version and facts. Optional: ports and tls-ports; send, which may contain
    /// escapes such as '\r\n' and '\x00' (without send the probe waits for a greeting); transport, "tcp" or "udp"; product; and
    /// likelihood, from 0 (only on its own ports) to 9 (on every port whose number suggests no protocol). A pattern is matched
    /// against each line and against the whole of the first 1,024 bytes. A file has at most 1 MiB and 128 probes; their compiled
    /// patterns take at most 256 KiB together. A pattern that matches the empty string is refused.
    #[arg(long, value_name = "FILE", global = true, requires = "identify", value_hint = clap::ValueHint::FilePath)]
    probes: Option<PathBuf>,
}

impl IdentifyArgs {
    /// How to identify, as the library takes it.
    pub(super) fn options(&self) -> IdentifyOptions {
        IdentifyOptions { intensity: self.intensity, timeout: self.identify_timeout, probe_file: self.probes.clone() }
    }

    /// The columns of a source, with those of an identity if requested.
    pub(super) fn columns(&self, source: &'static [Column]) -> &'static [Column] {
        if self.asked { IdentifyOptions::columns(source) } else { source }
    }
}
