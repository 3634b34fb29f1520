//! Where the registry is kept: memory, or a file.

use std::path::PathBuf;

use super::given::{Given, GivenValue, Variable};
use crate::error::{Error, Result};

/// Where the registry is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DataPlace {
    Memory,
    File(PathBuf),
}

/// Where the data is: the strongest of file and server wins.
pub(super) fn choose(given: &Given, variable: Variable, off: &mut Vec<String>) -> Result<DataPlace> {
    let file = given.get("database.file");
    let postgres = given.get("database.postgres.url");

    if let Some(url) = postgres {
        let place = url_data(url)?;
        let Some(file) = file else {
            return place.ok_or_else(|| {
                let why = "it asks for PostgreSQL, which this version does not have yet";
                let hint = "keep the registry in a file with --data FILE (or database.file), or leave the URL out";
                url.by.error("database.postgres.url", &url.shown, why, hint)
            });
        };
        if file.by.rank() == url.by.rank() {
            let why = "it does not go together with a database file";
            return Err(url.by.error("database.postgres.url", &url.shown, why, "leave one of the two databases out"));
        }
        if url.by.rank() > file.by.rank() {
            let why = "it asks for PostgreSQL, which this version does not have yet";
            let hint = "give --data FILE on the command line, or leave the URL out";
            return place.ok_or_else(|| url.by.error("database.postgres.url", &url.shown, why, hint));
        }
        off.push(format!("PostgreSQL ({} is overridden by {})", url.by.to_text(), file.by.to_text()));
    }

    match file.and_then(|file| file.texts.first()) {
        Some(text) if text == ":memory:" => Ok(DataPlace::Memory),
        Some(text) => Ok(DataPlace::File(PathBuf::from(text))),
        None => default_file(variable).map(DataPlace::File).ok_or_else(|| {
            let hint = "name a file with --data FILE, or keep nothing with --data :memory:";
            Error::usage("the default data file", "there is no state directory and no home directory", hint)
        }),
    }
}

/// The place that a URL names, if it is a file: `sqlite:FILE`. `None` if it is PostgreSQL.
fn url_data(url: &GivenValue) -> Result<Option<DataPlace>> {
    let text = url.texts.first().map(String::as_str).unwrap_or_default();
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        let place = if path == ":memory:" { DataPlace::Memory } else { DataPlace::File(PathBuf::from(path)) };
        return Ok(Some(place));
    }

    let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
    match scheme {
        "postgres" | "postgresql" => Ok(None),
        _ => {
            let hint = "the databases are sqlite:FILE and postgresql://USER@HOST/NAME";
            Err(url.by.error("database.postgres.url", &url.shown, "no database has this URL", hint))
        }
    }
}

/// The default file, in the state directory.
fn default_file(variable: Variable) -> Option<PathBuf> {
    state_directory(variable).map(|directory| directory.join("registry.db"))
}

/// Where a server keeps what must survive it.
pub(in crate::cli) fn state_directory(variable: Variable) -> Option<PathBuf> {
    // systemd separates several directories by colons.
    let of_service = path_in(variable, "STATE_DIRECTORY")
        .and_then(|list| list.to_str().and_then(|list| list.split(':').next()).map(PathBuf::from));
    let directory = match (of_service, path_in(variable, "XDG_STATE_HOME")) {
        (Some(directory), _) => directory,
        (None, Some(state)) => state.join("portolan"),
        (None, None) if rustix::process::geteuid().is_root() => PathBuf::from("/var/lib/portolan"),
        (None, None) => path_in(variable, "HOME")?.join(".local/state/portolan"),
    };
    // A relative place would depend on where the server was started.
    directory.is_absolute().then_some(directory)
}

/// A path in a variable of the environment.
fn path_in(variable: Variable, name: &str) -> Option<PathBuf> {
    variable(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
