//! `registry.health_checks.scripts`: programs of this machine that judge the instances of a service.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::given::GivenValues;
use super::trusted_path::{self, Distrust};
use super::values::wrong;
use crate::clean::clean;
use crate::error::{Result, plain};
use crate::model::DEFAULT_NAMESPACE;

const KEY: &str = "registry.health_checks.scripts";
const HINT: &str = "write SERVICE=/path/to/program, or SERVICE='/path/to/program ARGUMENT'; no shell reads it";

/// The programs by `NAMESPACE/NAME` of their services, each with its arguments.
///
/// # Errors
/// One is not the path of a program of this machine, others can replace it, or a service has two.
pub(super) fn scripts(given: &GivenValues) -> Result<BTreeMap<String, Vec<String>>> {
    let texts = given.get(KEY).map(|list| list.texts.clone()).unwrap_or_default();
    let mut scripts = BTreeMap::new();
    for text in texts {
        let (service, command) = read(&text).map_err(|Distrust { why, hint }| wrong(given, KEY, &why, &hint))?;
        if scripts.insert(service.clone(), command).is_some() {
            return Err(wrong(given, KEY, &format!("{} has two scripts", clean(&service)), HINT));
        }
    }
    Ok(scripts)
}

/// `web=/usr/lib/check-web --deep`
fn read(text: &str) -> std::result::Result<(String, Vec<String>), Distrust> {
    let (key, command) = split(text).map_err(|why| Distrust { why, hint: HINT.to_owned() })?;
    let program = command.first().map(String::as_str).unwrap_or_default();

    trusted_path::check(Path::new(program))?;
    Ok((key, command))
}

/// The key of the service, and the program with its arguments.
fn split(text: &str) -> std::result::Result<(String, Vec<String>), String> {
    let Some((service, command)) = text.split_once('=') else {
        return Err(format!("'{}' names no program", clean(text)));
    };
    let service = service.trim();
    let key = if service.contains('/') { service.to_owned() } else { format!("{DEFAULT_NAMESPACE}/{service}") };
    let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();

    let program = command.first().map(String::as_str).unwrap_or_default();
    let shown = clean(program);
    if !Path::new(program).is_absolute() {
        return Err(format!("'{shown}' is not the path of a program"));
    }
    match std::fs::metadata(program) {
        Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => Ok((key, command)),
        Ok(_) => Err(format!("{shown} is not a program that can be run")),
        Err(error) => Err(format!("{shown}: {}", plain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_this_machine_are_taken() {
        let shell = vec!["/bin/sh".to_owned(), "-c".to_owned(), "true".to_owned()];
        assert_eq!(read("web=/bin/sh -c true"), Ok(("default/web".to_owned(), shell)));
        assert_eq!(read("shop/web=/bin/sh").unwrap().0, "shop/web");
        for wrong in ["web", "web=", "web=sh", "web=/nonexistent", "web=/etc", "web=/etc/passwd"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
