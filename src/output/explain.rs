//! Each deduction of each endpoint and its hint, for people.

use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::clean::{clean, escaped};
use crate::model::{Certificate, CertificateTime, Endpoint, Finding, Health, Service, TlsFacts};

pub(super) struct Explain<'w> {
    out: &'w mut (dyn Write + Send),
    first: bool,
}

impl<'w> Explain<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), _page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, first: true })
    }

    fn endpoint(&mut self, endpoint: &Endpoint, health: &Health) -> io::Result<()> {
        let grade = health.grade.map_or("-", |grade| grade.as_str(health.complete));

        write!(self.out, "  {endpoint}  {grade} {}", number(health.score))?;
        if health.uncapped != health.score {
            write!(self.out, " (uncapped {})", number(health.uncapped))?;
        }
        let only = if health.is_of_connection_only() { " (tcp only)" } else { "" };
        write!(self.out, "{only} {}  coverage: {}", health.state.as_str(), health.covered())?;
        if let Some(address) = health.figures.address {
            write!(self.out, "  at {address}")?;
        }
        match health.age_ms {
            Some(age) => writeln!(self.out, "  (in part from the cache, {age} ms old)")?,
            None => writeln!(self.out)?,
        }

        health.findings.iter().try_for_each(|finding| self.finding(finding))?;
        if health.figures.certificate_name_unchecked {
            writeln!(
                self.out,
                "    not checked: name (nothing says which one the certificate must cover; --server-name does)"
            )?;
        }
        health.hindered.iter().try_for_each(|why| writeln!(self.out, "    not checked: {}", clean(why)))?;
        health.tls.as_ref().map_or(Ok(()), |facts| self.tls(facts))
    }

    /// The handshake, the server's own certificate, and those above it that it sent.
    fn tls(&mut self, facts: &TlsFacts) -> io::Result<()> {
        let TlsFacts { version, cipher, alpn, chain_length, certificates } = facts;
        if let Some(version) = version {
            write!(self.out, "    tls: {} {}", clean(version), clean(cipher.as_deref().unwrap_or_default()))?;
            match alpn {
                Some(alpn) => writeln!(self.out, ", ALPN {alpn}")?,
                None => writeln!(self.out)?,
            }
        }

        let Some((own, above)) = certificates.split_first() else { return Ok(()) };
        self.certificate(own)?;
        for Certificate { subject, issuer, not_after, .. } in above {
            writeln!(self.out, "    chain: {subject}, issued by {issuer}, valid until {}", time(*not_after))?;
        }
        match chain_length.saturating_sub(certificates.len()) {
            0 => Ok(()),
            more => writeln!(self.out, "    chain: {more} more"),
        }
    }

    fn certificate(&mut self, certificate: &Certificate) -> io::Result<()> {
        let Certificate { subject, issuer, names, name_count, not_before, not_after, key, .. } = certificate;
        let mut listed: Vec<String> = names.iter().take(MAX_NAMES).map(ToString::to_string).collect();
        if let Some(more @ 1..) = name_count.checked_sub(listed.len()) {
            listed.push(format!("and {more} more"));
        }
        let names = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
        let bits = key.bits.map(|bits| format!(" {bits}")).unwrap_or_default();

        writeln!(self.out, "    certificate: {subject}\n      issuer: {issuer}\n      names: {names}")?;
        writeln!(self.out, "      valid: {} to {}", time(*not_before), time(*not_after))?;
        let signature = clean(&certificate.signature_algorithm);
        writeln!(self.out, "      key: {}{bits}, signed with {signature}", clean(&key.kind))?;
        writeln!(self.out, "      serial: {}\n      sha256: {}", clean(&certificate.serial), certificate.sha256)
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        writeln!(self.out, "    {finding}\n      hint: {}", escaped(finding.hint()))
    }
}

impl Format for Explain<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            writeln!(self.out)?;
        }

        match &service.name {
            Some(name) => write!(self.out, "{name}")?,
            None => write!(self.out, "{}", service.id)?,
        }

        match &service.health {
            None => writeln!(self.out, "  not checked")?,
            Some(health) => match (health.grade, health.score) {
                (Some(grade), Some(score)) => {
                    write!(self.out, "  {} {score} {}", grade.as_str(health.complete), health.state.as_str())?;
                    match service.score_rule() {
                        Some(rule) => writeln!(self.out, ": {rule}")?,
                        None => writeln!(self.out)?,
                    }
                }
                _ => writeln!(self.out, "  {}", health.state.as_str())?,
            },
        }

        for endpoint in &service.endpoints {
            match &endpoint.health {
                Some(health) => self.endpoint(endpoint, health)?,
                None => writeln!(self.out, "  {endpoint}  not checked")?,
            }
        }

        service.findings.iter().try_for_each(|finding| self.finding(finding))
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Names of a certificate that are shown.
const MAX_NAMES: usize = 10;

fn time(time: Option<CertificateTime>) -> String {
    time.map_or_else(|| "unknown".to_owned(), |time| time.to_string())
}

fn number(number: Option<u8>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
