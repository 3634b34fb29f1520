//! `portolan key list`

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::file::KeyFile;
use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::{Global, stderr, stdout};
use crate::error::Result;
use crate::output::{self, Align};
use crate::server::{ApiKey, ApiKeys};

/// List the keys, without their secrets
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  portolan key list
  portolan key list --all --json
  portolan key list --keys-file /var/lib/portolan/api-keys.json")]
pub(super) struct List {
    /// Also list keys that have expired or were revoked
    #[arg(long)]
    all: bool,
}

impl List {
    pub(super) fn run(&self, file: &KeyFile, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan key list")?;
        let now = Timestamp::now();
        let keys = file.read()?;
        let listed = keys.iter().flat_map(ApiKeys::list);
        let listed: Vec<&ApiKey> = listed.filter(|key| self.all || key.end(now).is_none()).collect();

        stdout::with_stdout(None, |out| {
            if json {
                let items: Vec<Value> = listed.iter().map(|key| item(key, now)).collect();
                return output::write_document(out, &items);
            }
            if listed.is_empty() {
                return Ok(());
            }
            let rows: Vec<_> = listed.iter().map(|key| row(key, now)).collect();
            let head = ["ID", "NAME", "ROLE", "SCOPE", "CREATED", "EXPIRES", "STATE"].map(|name| (name, Align::Left));
            output::write_grid(out, head, &rows)
        })?;
        if listed.is_empty() && !global.quiet && !json {
            stderr::note(&format!("{} has no keys that can be used", file.shown()));
        }
        Ok(Exit::Done)
    }
}

fn row(key: &ApiKey, now: Timestamp) -> [std::borrow::Cow<'static, str>; 7] {
    [
        key.id.clone().into(),
        clean(&key.name).into(),
        role(key).into(),
        clean(&key.scope.to_text()).into(),
        key.created.strftime("%F").to_string().into(),
        key.expires.map_or_else(|| "never".into(), |expires| expires.strftime("%F").to_string().into()),
        key.end(now).unwrap_or("active").into(),
    ]
}

/// The role, or what takes its place.
fn role(key: &ApiKey) -> String {
    if key.permissions.is_empty() { key.role.clone() } else { key.permissions.join(" ") }
}

fn item(key: &ApiKey, now: Timestamp) -> Value {
    json!({
        "id": key.id, "name": key.name, "role": key.role, "permissions": key.permissions,
        "namespaces": key.scope.namespaces, "services": key.scope.services, "hosts": key.scope.hosts,
        "created": key.created,
        "expires": key.expires, "revoked": key.revoked, "state": key.end(now).unwrap_or("active"),
    })
}
