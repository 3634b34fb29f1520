//! Each deduction of each endpoint and its hint, for people.

use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::clean::{clean, escaped};
use crate::model::{Endpoint, Finding, Health, Service};

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
        health.hindered.iter().try_for_each(|why| writeln!(self.out, "    not checked: {}", clean(why)))
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

fn number(number: Option<u8>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}
