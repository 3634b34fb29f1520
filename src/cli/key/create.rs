//! `portolan key create`

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::file::KeyFile;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr, stdout};
use crate::error::{Error, Result};
use crate::model::parse_duration;
use crate::output;
use crate::server::{NewApiKey, Permission, Role, Scope};

/// The longest name.
const MAX_NAME_CHARS: usize = 100;

/// Create a key and print it once
///
/// The key itself goes to standard output. portolan stores only its hash, and cannot show the key again. Clients send it as
/// `Authorization: Bearer KEY` or `X-API-Key: KEY`; portolan reads it from PORTOLAN_TOKEN or --token-file.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan key create --name deploy --role operator
  portolan key create --name shop --role operator --service shop- --expires 90d
  portolan key create --name web1 --role agent --host web1
  portolan key create --name grafana --permission read_status --json")]
pub(super) struct Create {
    /// Set the name of the key, which logs and lists show
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Set the role: viewer, agent, operator or admin [default: viewer]
    #[arg(long, value_name = "ROLE", default_value = "viewer", hide_default_value = true)]
    role: Role,
    /// Grant only this permission: discover, read_status, heartbeat, register, configure, run_checks, reset_counters,
    /// administer or report_drift; can be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// Limit the key to this namespace; can be repeated
    #[arg(long = "namespace", value_name = "NAMESPACE")]
    namespaces: Vec<String>,
    /// Limit the key to services whose names begin with this; can be repeated
    #[arg(long = "service", value_name = "PREFIX")]
    services: Vec<String>,
    /// Let the key change only instances of this host, and report only on it; can be repeated
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Expire after this time, such as 90d; at most 365d [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    expires: Option<Duration>,
}

impl Create {
    pub(super) fn run(&self, file: &KeyFile, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan key create")?;
        let now = Timestamp::now();
        let new = self.checked(now)?;
        let expires = new.expires;
        let scope = new.scope.to_text();

        let (id, key) = file.change(|keys| {
            keys.create(new, now).map_err(|why| Error::usage("the key", why, "revoke keys that are no longer used"))
        })?;
        stdout::with_stdout(None, |out| {
            if !json {
                return writeln!(out, "{}", key.expose());
            }
            let item = json!({
                "id": id, "key": key.expose(), "name": self.name, "role": self.role.as_str(), "scope": scope,
                "expires": expires,
            });
            output::write_value(out, &item)
        })?;
        if !global.quiet && !json {
            let ends = expires.map_or_else(String::new, |expires| format!(", until {}", expires.strftime("%F %T UTC")));
            let role = self.role;
            stderr::note(&format!(
                "created key {id} ({role}, {scope}{ends}) in {}; it is shown only now",
                file.shown()
            ));
        }
        Ok(Exit::Done)
    }

    /// No name has these characters, so that the key would see nothing.
    fn refuse_patterns(&self) -> Result<()> {
        let limits = [("--namespace", &self.namespaces), ("--service", &self.services), ("--host", &self.hosts)];
        let mut all = limits.iter().flat_map(|(option, texts)| texts.iter().map(move |text| (*option, text)));
        let Some((option, text)) = all.find(|(_, text)| text.contains(['*', '?'])) else { return Ok(()) };

        let hint = match (option, text.strip_suffix('*')) {
            ("--service", Some("")) => "leave it out: without --service the key is for all services".to_owned(),
            ("--service", Some(prefix)) if !prefix.contains(['*', '?']) => {
                format!("write --service {}: it is the beginning of the names", clean(prefix))
            }
            ("--service", _) => "write the beginning of the names, as in --service shop-".to_owned(),
            (option, _) => format!("write a whole name, and repeat {option} for others"),
        };
        Err(Error::usage(format!("{option} '{}'", clean(text)), "it has no wildcards", hint))
    }

    fn checked(&self, now: Timestamp) -> Result<NewApiKey> {
        if self.name.trim().is_empty() || self.name.chars().count() > MAX_NAME_CHARS {
            let why = format!("a name has 1 to {MAX_NAME_CHARS} characters");
            return Err(Error::usage("--name", why, "name the program or the person that will use the key"));
        }
        let mut limits = self.namespaces.iter().chain(&self.services).chain(&self.hosts);
        if let Some(empty) = limits.find(|text| text.is_empty()) {
            let why = "an empty text would be no limit";
            return Err(Error::usage(
                format!("--namespace, --service or --host '{empty}'"),
                why,
                "leave the option out",
            ));
        }
        self.refuse_patterns()?;
        if self.role.needs_hosts() && self.hosts.is_empty() {
            let why = "the key of an agent is for one host";
            return Err(Error::usage("--role agent", why, "name the host, as in --role agent --host web1"));
        }
        let expires = self.expires.map(|life| {
            let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::ZERO);
            now.saturating_add(life).unwrap_or(Timestamp::MAX)
        });

        Ok(NewApiKey {
            name: self.name.clone(),
            role: self.role,
            permissions: self.permissions.clone(),
            scope: Scope {
                namespaces: self.namespaces.clone(),
                services: self.services.clone(),
                hosts: self.hosts.clone(),
            },
            expires,
        })
    }
}
