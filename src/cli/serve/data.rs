//! Where the registry is kept: memory, a file, or PostgreSQL.

use std::path::{Path, PathBuf};

use super::given::{GivenValue, GivenValues, Variable};
#[cfg(feature = "postgres")]
use super::secret_files;
use crate::error::{Error, Result};
#[cfg(feature = "postgres")]
use crate::store::{PostgresUrl, StoreError};

/// Where the registry is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum DataPlace {
    Memory,
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresUrl>),
}

impl DataPlace {
    /// The file of the database, if it is one.
    pub(super) fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

/// Where the data is: the strongest of file and server wins.
pub(super) fn choose(given: &GivenValues, variable: Variable, off: &mut Vec<String>) -> Result<DataPlace> {
    let file = given.get("database.file");
    let url = given.get("database.postgres.url");

    if let Some(url) = url {
        let place = url_data(url, given, variable)?;
        let Some(file) = file else { return Ok(place) };
        if file.by.rank() == url.by.rank() {
            let why = "it cannot be combined with a database file";
            return Err(url.by.error("database.postgres.url", &url.shown, why, "leave one of the two databases out"));
        }
        if url.by.rank() > file.by.rank() {
            return Ok(place);
        }
        off.push(format!("PostgreSQL ({} is overridden by {})", url.by.to_text(), file.by.to_text()));
    }

    match file.and_then(|file| file.texts.first().map(|text| (file, text))) {
        Some((_, text)) if text == ":memory:" => Ok(DataPlace::Memory),
        Some((file, text)) if is_url(text) => {
            let hint = "name a database with --database-url URL, or a file, as ./NAME if it is called so";
            Err(file.by.error("database.file", &file.shown, "it is a URL, not a file", hint))
        }
        Some((_, text)) => Ok(DataPlace::File(PathBuf::from(text))),
        None => default_file(variable).map(DataPlace::File).ok_or_else(|| {
            let hint = "name a file with --data FILE, or keep nothing with --data :memory:";
            Error::usage("the default data file", "there is no state directory and no home directory", hint)
        }),
    }
}

/// Whether a text is the URL of a database. A file made of one would have its password in its name.
fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_known = DATABASE_SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    is_known || is_scheme && text[scheme.len()..].starts_with(":/")
}

/// Schemes that mean a database also without slashes.
const DATABASE_SCHEMES: [&str; 3] = ["sqlite", "postgres", "postgresql"];

/// The place that a URL names: `sqlite:FILE`, or a PostgreSQL database.
fn url_data(url: &GivenValue, given: &GivenValues, variable: Variable) -> Result<DataPlace> {
    let text = url.texts.first().map(String::as_str).unwrap_or_default();
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.split('/').next().is_some_and(|first| first.contains('@')) {
            let why = "a SQLite file has no user and no password";
            return Err(url.by.error("database.postgres.url", &url.shown, why, "write sqlite:FILE"));
        }
        let place = if path == ":memory:" { DataPlace::Memory } else { DataPlace::File(PathBuf::from(path)) };
        return Ok(place);
    }

    let scheme = text.split_once(':').map_or(text, |(scheme, _)| scheme);
    match scheme {
        "postgres" | "postgresql" => postgres_data(url, text, given, variable),
        _ => {
            let hint = "the databases are sqlite:FILE and postgresql://HOST/NAME";
            Err(url.by.error("database.postgres.url", &url.shown, "no database has this URL", hint))
        }
    }
}

#[cfg(feature = "postgres")]
fn postgres_data(url: &GivenValue, text: &str, given: &GivenValues, variable: Variable) -> Result<DataPlace> {
    let database: PostgresUrl = text.parse().map_err(|error: StoreError| {
        let why = match &error {
            StoreError::Unusable { cause, .. } => cause.clone(),
            other => other.to_string(),
        };
        url.by.error("database.postgres.url", &url.shown, why, error.hint())
    })?;
    let database = match password(given, variable)? {
        Some(password) => database.with_password(&password),
        None => database,
    };

    Ok(DataPlace::Postgres(Box::new(database)))
}

#[cfg(not(feature = "postgres"))]
fn postgres_data(url: &GivenValue, _text: &str, _given: &GivenValues, _variable: Variable) -> Result<DataPlace> {
    let why = "this portolan was built without PostgreSQL";
    Err(url.by.error("database.postgres.url", &url.shown, why, "build it with the feature postgres, or name a file"))
}

/// The password that a URL leaves out: of a file, or of the variable that PostgreSQL's own programs read.
#[cfg(feature = "postgres")]
fn password(given: &GivenValues, variable: Variable) -> Result<Option<String>> {
    let key = "database.postgres.password_file";
    let Some(file) = given.get(key) else {
        return Ok(variable("PGPASSWORD").and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty()));
    };
    let path = file.texts.first().map(String::as_str).unwrap_or_default();
    let text = secret_files::read(Path::new(path)).map_err(|why| {
        let why = format!("it cannot be read: {why}");
        file.by.error(key, &file.shown, why, "name a file that has the password, and nothing else")
    })?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
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
