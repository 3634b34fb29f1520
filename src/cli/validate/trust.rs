//! What the checks of `portolan scan --validate` and `portolan local --validate` trust.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{ValidateOptions, parse_pin};
use crate::error::{Error, Result};
use crate::model::{CheckSpec, Digest};

// The TLS options of `portolan validate`, for sources that have no options of these names themselves.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct CheckTrust {
    /// With --validate, trust the certificates in this file (PEM) instead of the system's roots
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Check options")]
    ca: Option<PathBuf>,
    /// With --validate, trust the certificate with this SHA-256 and no other
    #[arg(long, value_name = "SHA256", value_parser = parse_pin, help_heading = "Check options")]
    pin: Vec<Digest>,
    /// With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates
    #[arg(long, value_name = "NAME", help_heading = "Check options")]
    server_name: Option<String>,
    /// With --validate, present this client certificate to servers that require one: a PEM file with its chain
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Check options")]
    cert: Option<PathBuf>,
    /// Use this private key for --cert: a PEM file [default: the file of --cert]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert", help_heading = "Check options")]
    key: Option<PathBuf>,
}

impl CheckTrust {
    /// # Errors
    /// If one is given: nothing is checked.
    pub(in crate::cli) fn check_unused(&self) -> Result<()> {
        let options = [
            ("--ca", self.ca.is_some()),
            ("--pin", !self.pin.is_empty()),
            ("--server-name", self.server_name.is_some()),
            ("--cert", self.cert.is_some()),
        ];
        match options.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::usage(*option, "it requires checks", "add --validate, or leave it out")),
            None => Ok(()),
        }
    }

    pub(super) fn options(&self) -> ValidateOptions {
        ValidateOptions { ca: self.ca.clone(), pin: self.pin.clone(), ..ValidateOptions::default() }
    }

    pub(super) fn spec(&self) -> CheckSpec {
        let (server_name, cert, key) = (self.server_name.clone(), self.cert.clone(), self.key.clone());
        CheckSpec { server_name, cert, key, ..CheckSpec::default() }
    }
}
