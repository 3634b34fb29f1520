//! What PostgreSQL's errors mean here.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::url::PostgresUrl;
use crate::clean::clean;
use crate::net::{describe_tls_error, find_tls_error};
use crate::store::StoreError;

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PostgresFailure {
    /// The code of PostgreSQL, if it said anything.
    code: Option<String>,
    cause: String,
    hint: &'static str,
}

const UNREACHABLE: &str = "check that PostgreSQL runs at this address, and that a firewall lets it through";

impl PostgresFailure {
    /// No reply within this time.
    pub(super) fn silent(time: Duration) -> Self {
        Self { code: None, cause: format!("no reply within {} s", time.as_secs_f64()), hint: UNREACHABLE }
    }

    /// The database does not do what it should.
    pub(super) fn broken(cause: impl Into<String>) -> Self {
        Self { code: None, cause: cause.into(), hint: "see the log of PostgreSQL" }
    }

    /// Its tables cannot be migrated while servers of an older portolan use them.
    pub(super) fn used_by_older(names: &str) -> Self {
        let cause = format!("servers of an older portolan use it: {}", clean(names));
        Self { code: None, cause, hint: "stop them first; servers of both cannot run together" }
    }

    /// TLS cannot be used.
    pub(super) fn tls(cause: String) -> Self {
        Self { code: None, cause, hint: "name the authority of its certificate with ?sslrootcert=FILE" }
    }

    /// Whether PostgreSQL itself refused, so that the connection can still be used.
    pub(super) fn is_refusal(&self) -> bool {
        self.code.as_deref().is_some_and(|code| !code.starts_with("57P") && !code.starts_with("08"))
    }

    /// Whether it may pass by itself: the database cannot be reached, starts, has no room for a connection, or does not get on.
    fn may_pass(&self) -> bool {
        match self.code.as_deref() {
            Some(code) => matches!(code, "57014" | "57P01" | "57P02" | "57P03" | "53300") || code.starts_with("08"),
            None => self.hint == UNREACHABLE,
        }
    }

    /// Whether the database can be read and not written to.
    fn is_read_only(&self) -> bool {
        self.hint == READ_ONLY
    }

    /// How much it tells of a database with several hosts: what a server says more than silence, and least of all that a
    /// standby is one.
    fn weight(&self) -> u8 {
        match &self.code {
            _ if self.is_read_only() => 0,
            None => 1,
            Some(_) => 2,
        }
    }

    /// Whether the statement took too long: for a lock, or for a machine that does not get on.
    fn is_timeout(&self) -> bool {
        self.code.as_deref() == Some(SqlState::QUERY_CANCELED.code())
    }
}

impl From<tokio_postgres::Error> for PostgresFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            let code = refusal.code().code().to_owned();
            // The rule that would let it in is one for TLS.
            let needs_tls = refusal.message().contains("no encryption");
            let hint = if needs_tls { NEEDS_TLS } else { hint(refusal.code()) };
            return Self { cause: clean(refusal.message()), code: Some(code), hint };
        }

        if let Some(error) = find_tls_error(&error) {
            let cause = format!("TLS failed: {}", describe_tls_error(error));
            return Self { code: None, cause, hint: tls_hint(error) };
        }
        let cause = innermost(&error);
        let text = error.to_string();
        if text.contains("TLS") || cause.contains("certificate") {
            let hint =
                "add ?sslrootcert=FILE with the authority of its certificate, or ?sslmode=disable on this machine";
            return Self { code: None, cause: format!("TLS failed: {cause}"), hint };
        }
        if cause.contains("does not allow writes") {
            return Self { code: None, cause: STANDBY.to_owned(), hint: READ_ONLY };
        }
        if text.contains("password") || cause.contains("password") {
            return Self { code: None, cause: "it asks for a password".to_owned(), hint: PASSWORD };
        }
        let is_of_network = error.is_closed() || sources(&error).any(<dyn std::error::Error>::is::<std::io::Error>);
        Self { code: None, cause, hint: if is_of_network { UNREACHABLE } else { NOT_POSTGRES } }
    }
}

/// What a database is that can only be read.
const STANDBY: &str = "it is a standby, which cannot be written to";
/// Marks such a fault: its error has a hint of its own.
const READ_ONLY: &str = "read-only";
const NOT_POSTGRES: &str = "check that it is PostgreSQL that listens at this address";
const PASSWORD: &str = "check the user and the password; database.postgres.password_file or PGPASSWORD has the one that the URL leaves out";

const NEEDS_TLS: &str = "it may require TLS: replace ?sslmode=disable by ?sslmode=require; otherwise check the user";

fn tls_hint(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as E;

    match error {
        rustls::Error::InvalidCertificate(E::NotValidForName | E::NotValidForNameContext { .. }) => {
            "name the host in the URL as its certificate does"
        }
        // An authority that was made anew has the name of the old one, and another key.
        rustls::Error::InvalidCertificate(E::UnknownIssuer | E::BadSignature) => {
            "add ?sslrootcert=FILE with the authority of its certificate, or ?sslmode=disable on this machine"
        }
        _ => "check the certificate and the TLS settings of PostgreSQL",
    }
}

/// The errors that led to one.
fn sources(error: &tokio_postgres::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// The text of the error that began it.
fn innermost(error: &tokio_postgres::Error) -> String {
    let cause = sources(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    // Rust's suffix means nothing to a user.
    let end = cause.find(" (os error").unwrap_or(cause.len());
    clean(&cause[..end])
}

fn hint(code: &SqlState) -> &'static str {
    match code.code() {
        "28P01" | "28000" => PASSWORD,
        "3D000" => "create it with `createdb NAME`, or name another one",
        "42501" => "let the user create a schema: GRANT CREATE ON DATABASE name TO user",
        "25006" => READ_ONLY,
        "53300" => "raise max_connections of PostgreSQL; each server needs two connections",
        "57P03" | "57P01" | "57P02" => "wait until PostgreSQL has started",
        "57014" => "see which transactions hold locks: SELECT * FROM pg_stat_activity",
        "53100" => "free space on the disk of PostgreSQL",
        _ => "see the log of PostgreSQL",
    }
}

/// The fault to report of two hosts.
pub(super) fn more_telling(first: Option<PostgresFailure>, second: PostgresFailure) -> PostgresFailure {
    match first {
        Some(first) if first.weight() >= second.weight() => first,
        _ => second,
    }
}

/// Why a database cannot be used at the start.
pub(super) fn opening(url: &PostgresUrl, fault: Option<PostgresFailure>) -> StoreError {
    match fault {
        Some(fault) if fault.may_pass() => url.not_ready(fault.cause, fault.hint),
        Some(fault) if fault.is_read_only() => StoreError::ReadOnly { database: url.to_string() },
        Some(fault) => url.unusable(fault.cause, fault.hint),
        None => url.unusable("it has no host", UNREACHABLE),
    }
}

/// What fails at the start is a database that cannot be used; later it is one that is away.
pub(super) fn away(error: StoreError) -> StoreError {
    match error {
        StoreError::Unusable { cause, .. } | StoreError::NotReady { cause, .. } => StoreError::Away { cause },
        StoreError::ReadOnly { .. } => StoreError::Away { cause: STANDBY.to_owned() },
        other => other,
    }
}

/// Why a change cannot be stored, or nothing can be read.
pub(super) fn running(fault: &PostgresFailure) -> StoreError {
    match fault.code.as_deref() {
        Some("53100") => StoreError::Full,
        Some("53200" | "54000" | "42501" | "42P01" | "3F000" | "40P01" | "40001") => {
            StoreError::Failed { cause: fault.cause.clone() }
        }
        _ if fault.is_timeout() => StoreError::Away { cause: "a statement took longer than 3 s".to_owned() },
        _ => StoreError::Away { cause: fault.cause.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Option<&str>, hint: &'static str) -> PostgresFailure {
        PostgresFailure { code: code.map(str::to_owned), cause: format!("{code:?}"), hint }
    }

    fn opened(hosts: &[PostgresFailure]) -> StoreError {
        let url = "postgresql://portolan@a,b/registry".parse().unwrap();
        opening(&url, hosts.iter().cloned().fold(None, |first, next| Some(more_telling(first, next))))
    }

    /// During a failover the primary is away and the standby not yet promoted, whichever the URL names first.
    #[test]
    fn a_host_that_may_come_back_outranks_a_standby() {
        let standby = fault(None, READ_ONLY);
        for primary in [
            fault(None, UNREACHABLE),
            PostgresFailure::silent(Duration::from_secs(3)),
            fault(Some("57P03"), "starts"),
            fault(Some("53300"), "full"),
            fault(Some("57014"), "slow"),
        ] {
            for hosts in [[standby.clone(), primary.clone()], [primary.clone(), standby.clone()]] {
                assert!(matches!(opened(&hosts), StoreError::NotReady { .. }), "{hosts:?}");
            }
        }
        assert!(matches!(opened(&[standby.clone(), standby.clone()]), StoreError::ReadOnly { .. }));

        // What does not pass by itself tells more than silence.
        let wrong = fault(Some("28P01"), PASSWORD);
        let silent = fault(None, UNREACHABLE);
        for hosts in [[wrong.clone(), silent.clone()], [silent, wrong.clone()], [standby, wrong]] {
            assert!(matches!(opened(&hosts), StoreError::Unusable { .. }), "{hosts:?}");
        }
    }

    #[test]
    fn while_a_server_runs_its_database_is_away() {
        let hosts = [fault(None, READ_ONLY)];
        assert_eq!(away(opened(&hosts)), StoreError::Away { cause: STANDBY.to_owned() });
        let away = [fault(None, UNREACHABLE), fault(Some("28P01"), PASSWORD)].map(|fault| away(opened(&[fault])));
        assert!(away.iter().all(|error| matches!(error, StoreError::Away { .. })), "{away:?}");
    }
}
