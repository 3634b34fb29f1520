//! The files of a kubeconfig: read, merged, and normalised so that an empty value is none.

use std::fs;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use secrecy::ExposeSecret;

use crate::clean::clean;
use crate::error::{Error, Result, nearest};

/// The hint if no kubeconfig can be used.
pub(super) const NAME_ONE: &str = "name a kubeconfig with --kubeconfig, or set KUBECONFIG";

/// A kubeconfig of a few hundred clusters is far smaller.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The files of a kubeconfig, for error messages.
pub(super) struct ConfigFiles(String);

impl ConfigFiles {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let names: Vec<String> = files.iter().map(|file| clean(&file.to_string_lossy())).collect();
        Self(format!("kubeconfig '{}'", names.join(":")))
    }

    pub(super) fn error(&self, why: &str, hint: &str) -> Error {
        Error::usage(&self.0, why, hint)
    }

    /// The cluster, the user and the namespace of a context.
    pub(super) fn look_up(&self, kubeconfig: &Kubeconfig, name: &str) -> Result<(Cluster, AuthInfo, Option<String>)> {
        let found = kubeconfig.contexts.iter().find(|context| context.name == name);
        let Some(context) = found.and_then(|context| context.context.as_ref()) else {
            let why = format!("there is no context '{}'", clean(name));
            return Err(self.error(&why, &suggestion(kubeconfig, name)));
        };

        let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let Some(cluster) = cluster.and_then(|cluster| cluster.cluster.clone()) else {
            let why = format!(
                "its context '{}' is in a cluster '{}' that does not exist",
                clean(name),
                clean(&context.cluster)
            );
            return Err(self.error(&why, &contexts(kubeconfig)));
        };

        // As for kubectl, a context without an existing user has no credentials.
        let user = context.user.as_ref().and_then(|name| kubeconfig.auth_infos.iter().find(|user| user.name == *name));
        let user = user.and_then(|user| user.auth_info.clone()).unwrap_or_default();
        Ok((cluster, user, context.namespace.clone()))
    }
}

/// Reads and merges files: the first to set a value wins; of several, missing files are skipped, as by kubectl.
pub(super) fn read(files: &[PathBuf]) -> Result<Kubeconfig> {
    let mut merged: Option<Kubeconfig> = None;
    let mut missing = None;
    for file in files {
        let source = ConfigFiles::of(std::slice::from_ref(file));
        let is_nothing = !file.exists() || is_empty(file);
        if is_nothing && files.len() > 1 {
            missing = Some(source);
            continue;
        }

        check_file(file).and_then(|()| check_encoding(file)).map_err(|why| source.error(&why, NAME_ONE))?;
        let mut next = Kubeconfig::read_from(file)
            .map_err(|error| source.error(&plain(&error), "`kubectl config view` shows how kubectl reads it"))?;
        normalize(&mut next, file.parent().unwrap_or(Path::new("")));
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| source.error(&plain(&error), NAME_ONE))?,
        });
    }

    match (merged, missing) {
        (Some(merged), _) => Ok(merged),
        (None, Some(source)) => Err(source.error("none of these files exists", NAME_ONE)),
        (None, None) => Ok(Kubeconfig::default()),
    }
}

/// Whether a file of a list has nothing in it: kubectl takes an empty one and `/dev/null`.
fn is_empty(file: &Path) -> bool {
    file == Path::new("/dev/null") || fs::metadata(file).is_ok_and(|data| data.is_file() && data.len() == 0)
}

/// Checks a file before it is opened: opening blocks on a FIFO, and has side effects on some devices.
pub(super) fn check_file(file: &Path) -> Result<(), String> {
    let metadata = fs::metadata(file).map_err(|error| io_text(&error))?;
    if metadata.is_dir() {
        Err("it is a directory".to_owned())
    } else if !metadata.is_file() {
        Err("it is not a regular file".to_owned())
    } else if metadata.len() == 0 {
        Err("it is empty".to_owned())
    } else if metadata.len() > MAX_BYTES {
        Err("it is larger than 16 MiB".to_owned())
    } else {
        fs::File::open(file).map(drop).map_err(|error| io_text(&error))
    }
}

/// kube panics on UTF-16 with half a character at its end.
fn check_encoding(file: &Path) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|error| io_text(&error))?;
    let is_utf16 = matches!(bytes.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    if is_utf16 && bytes.len() % 2 == 1 { Err("it is not valid UTF-16".to_owned()) } else { Ok(()) }
}

/// Makes empty values unset, as they are for kubectl, and removes line breaks from base64.
fn normalize(kubeconfig: &mut Kubeconfig, directory: &Path) {
    // kube has made paths absolute: an empty one became the directory.
    let no_path = directory.join("");
    let no_path = no_path.to_str().unwrap_or_default();

    unset_if(&mut kubeconfig.current_context, "");
    for context in kubeconfig.contexts.iter_mut().filter_map(|context| context.context.as_mut()) {
        unset_if(&mut context.namespace, "");
        unset_if(&mut context.user, "");
    }

    for cluster in kubeconfig.clusters.iter_mut().filter_map(|cluster| cluster.cluster.as_mut()) {
        for text in [&mut cluster.server, &mut cluster.proxy_url, &mut cluster.tls_server_name] {
            unset_if(text, "");
        }
        unset_if(&mut cluster.certificate_authority, no_path);
        join_lines(&mut cluster.certificate_authority_data);
    }

    for user in kubeconfig.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
        normalize_user(user, no_path);
    }
}

fn normalize_user(user: &mut AuthInfo, no_path: &str) {
    for text in [&mut user.username, &mut user.impersonate, &mut user.impersonate_uid] {
        unset_if(text, "");
    }
    for path in [&mut user.token_file, &mut user.client_certificate, &mut user.client_key] {
        unset_if(path, no_path);
    }

    user.token.take_if(|token| token.expose_secret().trim().is_empty());
    join_lines(&mut user.client_certificate_data);
    let mut key = user.client_key_data.take().map(|key| key.expose_secret().to_owned());
    join_lines(&mut key);
    user.client_key_data = key.map(Into::into);
}

fn unset_if(text: &mut Option<String>, none: &str) {
    text.take_if(|text| text.is_empty() || text == none);
}

fn join_lines(base64: &mut Option<String>) {
    if let Some(text) = base64 {
        text.retain(|letter| !letter.is_ascii_whitespace());
    }
    unset_if(base64, "");
}

pub(super) fn contexts(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<String> = kubeconfig.contexts.iter().map(|context| clean(&context.name)).collect();
    if names.is_empty() { "it has no contexts".to_owned() } else { format!("its contexts are {}", names.join(", ")) }
}

fn suggestion(kubeconfig: &Kubeconfig, name: &str) -> String {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    match nearest(name, &names) {
        Some(near) => format!("did you mean '{}'? {}", clean(near), contexts(kubeconfig)),
        None => contexts(kubeconfig),
    }
}

/// The operating system's message without its number.
pub(super) fn io_text(error: &std::io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

/// The first line of kube's error: the rest is an excerpt of the file, which may hold secrets.
pub(super) fn plain(error: &KubeconfigError) -> String {
    let text = error.to_string();
    // The library ends some texts with an option of its own.
    let line = text.lines().next().unwrap_or_default();
    clean(line.split(", set DuplicateKeyPolicy").next().unwrap_or_default())
}
