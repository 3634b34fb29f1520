//! `portolan score`: scores services again from evidence files.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::identify::IdentifyArgs;
use crate::cli::listing::ExitRules;
use crate::error::Result;
use crate::health::{COLUMNS, Evidence, ReadBack, RunSummary, read_evidence, set_health};
use crate::model::{Column, Completeness, Service};
use crate::output::FormatName;
use crate::source::{ItemSink, ListContext, ListFuture, Source, source_findings};

/// Score services again from the evidence of `portolan validate --evidence`
///
/// Reads only these files: the same evidence gives the same score, on any machine, at any time.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan validate shop.internal:443 --evidence seen/
  portolan score seen/*.json --explain
  portolan score seen/*.json --ignore cert-life-third --json")]
pub(in crate::cli) struct ScoreAgain {
    /// Files that `portolan validate --evidence DIR` wrote
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Ignore findings with these codes too
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = super::options::parse_code)]
    ignore: Vec<String>,
    /// Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]
    #[arg(long, value_name = "N", value_parser = super::options::parse_score)]
    min_score: Option<u8>,
    /// Show every deduction and what to do about it
    #[arg(long)]
    explain: bool,
}

impl ScoreAgain {
    pub(in crate::cli) fn run(&self, global: &Global) -> Result<Exit> {
        let mut global = global.clone();
        if self.explain {
            global.format = FormatName::Explain;
        }

        let mut generated = Timestamp::MIN;
        let mut services = Vec::new();
        for path in &self.files {
            let ReadBack { generated: at, mut ignored, min_score, mut service, evidence, .. } = read_evidence(path)?;
            generated = generated.max(at);
            ignored.extend(self.ignore.iter().cloned());
            service.resolve_findings(source_findings);
            service.clear_health();
            set_health(&mut service, evidence.iter().map(Option::as_ref), &ignored);
            services.push(ScoredService { service, evidence, min_score });
        }

        let scored = ScoredFiles { services, summary: Mutex::new(RunSummary::against(self.min_score)) };
        let exit = ExitRules::of(generated).list(&scored, &IdentifyArgs::default(), &global)?;
        let summary = scored.summary.lock();
        let fails = summary.has_failed() || (self.min_score.is_some() && summary.is_empty());
        Ok(if fails { exit.max(Exit::ConditionFailed) } else { exit })
    }
}

/// A service with its health, the evidence of its endpoints, and the score that it must reach.
struct ScoredService {
    service: Service,
    evidence: Vec<Option<Evidence>>,
    min_score: Option<u8>,
}

/// The services of all files.
struct ScoredFiles {
    services: Vec<ScoredService>,
    summary: Mutex<RunSummary>,
}

impl Source for ScoredFiles {
    fn name(&self) -> &'static str {
        "score"
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            let mut summary = self.summary.lock();
            for ScoredService { service, evidence, min_score } in &self.services {
                let mut service = service.clone();
                summary.require_score(&mut service, *min_score);
                summary.count(&service, evidence);
                if out.service(service).is_break() {
                    break;
                }
            }

            summary.notes().into_iter().for_each(|note| out.note(note));
            let faults = summary.faults();
            let completeness = if faults.is_empty() { Completeness::Complete } else { Completeness::Incomplete };
            for fault in faults {
                out.partial_error(fault);
            }
            Ok(completeness)
        })
    }
}
