//! Files with secrets: what others on this machine may do with them.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::given::GivenValues;
use crate::clean::clean;
use crate::error::plain;

/// The longest file of a secret.
const MAX_BYTES: u64 = 64 * 1024;
/// How much of a file is searched for a secret: the longest set of keys that is read.
const MAX_SEARCHED_BYTES: u64 = 4 << 20;
/// The settings that name files with secrets.
const KEYS: [&str; 3] = ["auth.jwt.secret_file", "database.postgres.password_file", "server.tls.key_file"];

/// Reads a secret.
///
/// # Errors
/// It cannot be read, is too long, or others could choose it.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| plain(&error))?;
    let metadata = file.metadata().map_err(|error| plain(&error))?;
    if may(&metadata, 0o022) {
        return Err("other users may write it (chmod go-w fixes that)".to_owned());
    }

    let mut secret = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut secret).map_err(|error| plain(&error))?;
    if secret.len() as u64 > MAX_BYTES {
        return Err("it is too long for a secret".to_owned());
    }
    Ok(secret)
}

/// What others may do with the database and the files that the settings name, one line for each.
pub(super) fn warnings(given: &GivenValues, database: Option<&Path>) -> Vec<String> {
    let named = KEYS.iter().filter_map(|key| Some((*key, Path::new(given.get(key)?.texts.first()?))));
    let database = database.map(|path| ("the database", path));

    // These hold a secret only with certain contents.
    let others = [("auth.jwt.keys_file", "\"oct\""), ("server.tls.cert_file", "PRIVATE KEY-----")];
    let others = others.into_iter().filter_map(|(key, secret)| {
        let path = Path::new(given.get(key)?.texts.first()?);
        contains(path, secret).then_some((key, path))
    });

    named.chain(database).chain(others).filter_map(|(what, path)| warning(what, path)).collect()
}

fn contains(path: &Path, secret: &str) -> bool {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_SEARCHED_BYTES).read_to_string(&mut text));
    read.is_ok() && text.contains(secret)
}

fn warning(what: &str, path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    let (deed, fix) = if may(&metadata, 0o022) {
        ("other users may write", "chmod go-w")
    } else if may(&metadata, 0o004) {
        ("every user of this machine may read", "chmod o-r")
    } else {
        return None;
    };

    Some(format!("warning: {deed} {} ({what}); {fix} fixes that", clean(&path.to_string_lossy())))
}

fn may(metadata: &Metadata, bits: u32) -> bool {
    metadata.permissions().mode() & bits != 0
}
