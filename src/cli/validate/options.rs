//! The check options: timeouts, samples, trust, and what makes a run fail.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::check::{Resolvers, Roots};
use crate::clean::clean;
use crate::cli::explain;
use crate::error::{Error, Result};
use crate::health::{EvidenceFiles, RunSummary, Thresholds, Validation, Validator, ValidatorOptions};
use crate::model::{CheckSpec, Digest, ParseError, parse_duration};
use crate::net::{TlsIdentity, descriptors_for_sockets};
use crate::source::Source;

/// The check options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Check options")]
pub(in crate::cli) struct ValidateOptions {
    /// Set the timeout of one attempt, as in 500ms or 2s
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "3s")]
    pub(super) timeout: Duration,
    /// Stop the whole run after this time; unfinished checks are reported as incomplete
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "watch")]
    pub(super) deadline: Option<Duration>,
    /// Retry at most N times after a timeout; a reply is never retried
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10), default_value_t = 1)]
    pub(super) retries: u32,
    /// Take N samples of each endpoint; several show how stable it is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), default_value_t = 1, conflicts_with = "watch")]
    pub(super) samples: u32,
    /// Check at most N endpoints at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = 1024)]
    pub(super) concurrency: u32,
    /// Use these DNS resolvers instead of the system's, such as 10.0.0.53 or 127.0.0.1:5353
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', value_parser = parse_resolver)]
    pub(super) resolver: Vec<SocketAddr>,
    /// Trust the certificates in this file (PEM) instead of the system's roots
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) ca: Option<PathBuf>,
    /// Trust the certificate with this SHA-256 and no other
    #[arg(long, value_name = "SHA256", value_parser = parse_pin)]
    pub(super) pin: Vec<Digest>,
    /// Cache DNS and TLS results for this time within a run
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1m")]
    pub(super) cache_ttl: Duration,
    /// Disable the cache
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Ignore findings with these codes
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = parse_code, help_heading = "Output")]
    pub(super) ignore: Vec<String>,
    /// Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]
    #[arg(long, value_name = "N", value_parser = parse_score, help_heading = "Output", conflicts_with = "watch")]
    pub(super) min_score: Option<u8>,
    /// Exit with 1 if any endpoint is unhealthy, even if the others keep its service up
    #[arg(long, help_heading = "Output", conflicts_with = "watch")]
    pub(super) fail_endpoint: bool,
    /// Exit with 1 if any certificate expires in fewer than N days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650), help_heading = "Output", conflicts_with = "watch")]
    pub(super) min_cert_days: Option<u32>,
    /// Exit with 3 if any requested check could not run
    #[arg(long, help_heading = "Output", conflicts_with = "watch")]
    pub(super) require_complete: bool,
    /// Write the evidence into this directory, one file per service, for `portolan score`
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output", conflicts_with = "watch")]
    pub(super) evidence: Option<PathBuf>,
    /// Show every deduction and what to do about it
    #[arg(long, help_heading = "Output", conflicts_with = "watch")]
    pub(super) explain: bool,
}

/// The checks of a spec, with the roots in the file of `--ca` and the defaults of everything else.
///
/// # Errors
/// If a file cannot be used.
pub(in crate::cli) fn plain_validator(ca: Option<&Path>, spec: &CheckSpec) -> Result<Validator> {
    check_client_certificate(spec)?;
    let roots = trusted_roots(ca, Vec::new())?;
    Ok(Validator::new(ValidatorOptions::default()).with_spec(spec.clone()).with_roots(Arc::new(roots)))
}

impl Default for ValidateOptions {
    /// The defaults of the command line.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(3),
            deadline: None,
            retries: 1,
            samples: 1,
            concurrency: 1024,
            resolver: Vec::new(),
            ca: None,
            pin: Vec::new(),
            cache_ttl: Duration::from_mins(1),
            no_cache: false,
            ignore: Vec::new(),
            min_score: None,
            fail_endpoint: false,
            min_cert_days: None,
            require_complete: false,
            evidence: None,
            explain: false,
        }
    }
}

impl ValidateOptions {
    /// Prepares the checks.
    ///
    /// # Errors
    /// If a file or directory cannot be used.
    pub(in crate::cli) fn open<'s>(
        &self,
        source: &'s dyn Source,
        spec: &CheckSpec,
        generated: Timestamp,
    ) -> Result<Validation<'s>> {
        check_client_certificate(spec)?;
        let roots = trusted_roots(self.ca.as_deref(), self.pin.clone())?;
        let resolvers = Resolvers::new(self.resolver.clone(), self.timeout);
        let evidence =
            self.evidence.as_deref().map(|directory| EvidenceFiles::create(directory, generated)).transpose()?;

        let concurrency = usize::try_from(self.concurrency).unwrap_or(usize::MAX);
        Ok(Validation {
            source,
            options: ValidatorOptions {
                timeout: self.timeout,
                retries: self.retries,
                samples: self.samples,
                deadline: self.deadline,
                // Each endpoint has one connection at a time.
                concurrency: concurrency.min(descriptors_for_sockets()),
                cache_ttl: (!self.no_cache).then_some(self.cache_ttl),
                ..ValidatorOptions::default()
            },
            spec: spec.clone(),
            ignored: self.ignore.clone(),
            evidence,
            roots: Arc::new(roots),
            resolvers: Arc::new(resolvers),
            thresholds: Thresholds::default(),
            via: source.proxy().map(|proxy| proxy.0),
            latest: None,
            summary: Mutex::new(RunSummary::against(self.min_score)),
            source_notes: Mutex::default(),
        })
    }
}

/// The roots in the file of `--ca`.
fn trusted_roots(ca: Option<&Path>, pins: Vec<Digest>) -> Result<Roots> {
    Roots::of_file(ca, pins).map_err(|cause| {
        let file = ca.unwrap_or(Path::new("")).to_string_lossy();
        let hint = "name a file with one or more certificates (-----BEGIN CERTIFICATE-----)";
        Error::usage(format!("--ca '{}'", clean(&file)), cause, hint)
    })
}

/// # Errors
/// If the client certificate of a spec cannot be used.
fn check_client_certificate(spec: &CheckSpec) -> Result<()> {
    let Some(cert) = &spec.cert else { return Ok(()) };
    let identity = TlsIdentity::read(cert, spec.key.as_deref());
    identity.map(drop).map_err(|cause| {
        Error::usage("--cert", cause, "name PEM files with a certificate and its private key (--cert FILE --key FILE)")
    })
}

fn parse_resolver(text: &str) -> Result<SocketAddr, ParseError> {
    const DNS: u16 = 53;
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS)));
    address.ok_or_else(|| ParseError::new("it is not an address", "write 10.0.0.53, 127.0.0.1:5353 or [::1]:5353"))
}

/// 64 hexadecimal digits, with or without colons, as `openssl x509 -fingerprint -sha256` prints them.
pub(super) fn parse_pin(text: &str) -> Result<Digest, ParseError> {
    let hint = "write 64 hexadecimal digits, as from openssl x509 -fingerprint -sha256";
    Digest::from_hex(text).ok_or_else(|| ParseError::new("it is not a SHA-256 fingerprint", hint))
}

pub(super) fn parse_code(text: &str) -> Result<String, ParseError> {
    match explain::named(text) {
        Ok(kind) => Ok(kind.code.to_owned()),
        Err(error) => Err(ParseError::new("no finding has that code", error.hint().to_owned())),
    }
}

pub(in crate::cli) fn parse_score(text: &str) -> Result<u8, ParseError> {
    let score = text.parse().ok().filter(|score| *score <= 100);
    score.ok_or_else(|| ParseError::new("it is not a score", "write a number from 0 to 100"))
}
