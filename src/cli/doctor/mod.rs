//! `portolan doctor`: looks for what keeps portolan, or services in a registry, from working.

mod database;
mod diagnosis;
mod machine;
mod server;
mod service;

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use self::diagnosis::{Diagnosis, DiagnosisState};
use super::exit::Exit;
use super::registry::RegistryOptions;
use super::{Global, stdout, user_settings};
use crate::clean::clean;
use crate::error::Result;
use crate::model::SCHEMA;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  portolan doctor       this machine, and the registry of this machine
  portolan doctor web   also: is web registered, checked, and called?
  portolan doctor web --server http://registry:7440
  portolan doctor --config /etc/portolan/serve.yaml  also the database of a server with these settings
  portolan doctor --json | jq '.diagnoses[] | select(.state != \"ok\")'";

/// Find problems with this machine, a registry or a service, and say what to do
///
/// Reads sockets, permissions, limits, name servers and the local database, and asks the registry for its state. With the name
/// of a service it answers three questions: is the service registered, why are its health checks failing, and which of its
/// instances get calls. It changes nothing, and contacts only the registry.
///
/// Without --registry, DISCOVERY_PROVIDER and the variables of that provider select the registry; if they are not set, it
/// is the one on this machine, at 127.0.0.1:7440. If the file of --config is YAML, it holds the settings of a server, and
/// portolan checks the database of that server too.
///
/// Each line is ok, warn (it works, with a limit), fail, or cannot tell. Exits with 1 if any line is fail.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    /// A service of the registry, as in web or NAMESPACE/web
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    #[command(flatten)]
    registry: RegistryOptions,
}

#[derive(Serialize)]
struct DoctorDocument<'d> {
    schema: &'static str,
    /// Whether no line is `fail`.
    passed: bool,
    diagnoses: &'d [Diagnosis],
}

impl Doctor {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan doctor")?;
        let mut diagnoses = machine::diagnose();
        let server_settings = global.config.as_ref().filter(|path| user_settings::is_yaml(path));
        diagnoses.extend(database::diagnose(server_settings)?);
        let limit = self.registry.timeout;

        self.registry.run(async |registry| {
            let found = server::diagnose(&registry, self.registry.is_named(), limit).await;
            let is_reachable = found.iter().all(|found| found.name != server::REGISTRY || is_passed(found));
            diagnoses.extend(found);
            if let Some(name) = self.service.as_deref() {
                let found = if is_reachable {
                    service::diagnose(&registry, name, limit).await
                } else {
                    vec![service::without_registry(name)]
                };
                diagnoses.extend(found);
            }
            write(&diagnoses, json)
        })
    }
}

fn is_passed(diagnosis: &Diagnosis) -> bool {
    matches!(diagnosis.state, DiagnosisState::Ok | DiagnosisState::Warn)
}

/// Writes what was found.
///
/// # Errors
/// Standard output cannot be written to.
fn write(diagnoses: &[Diagnosis], json: bool) -> Result<Exit> {
    let passed = diagnoses.iter().all(|diagnosis| diagnosis.state != DiagnosisState::Fail);
    stdout::with_stdout(None, |out| {
        if json {
            output::write_value(out, &DoctorDocument { schema: SCHEMA, passed, diagnoses })
        } else {
            diagnoses.iter().try_for_each(|diagnosis| write_line(out, diagnosis))
        }
    })?;
    Ok(if passed { Exit::Done } else { Exit::ConditionFailed })
}

fn write_line(out: &mut (dyn Write + Send), diagnosis: &Diagnosis) -> io::Result<()> {
    let Diagnosis { name, state, text, hint } = diagnosis;
    writeln!(out, "{:<11}  {name:<13}  {}", state.as_str(), clean(text))?;
    if hint.is_empty() { Ok(()) } else { writeln!(out, "{:<11}  {:<13}  hint: {}", "", "", clean(hint)) }
}
