//! Where completions and manual pages go, so that shells and `man` find them.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap_complete::Shell;

use super::atomic_file::AtomicFile;
use crate::clean::clean;
use crate::error::{Error, Result};

/// Reads a variable of the environment.
type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// The directory for data that all users of this machine share, without a package manager.
const SHARED_DATA: &str = "/usr/local/share";

/// A file to write, and what still has to be done so that it is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InstallPlace {
    pub(super) path: PathBuf,
    pub(super) note: Option<String>,
}

/// Where the completion script of a shell belongs: for the user, or as root for all users.
///
/// # Errors
/// If the shell searches no directory, or there is no home directory.
pub(super) fn completion_place(shell: Shell, is_root: bool, variable: Environment<'_>) -> Result<InstallPlace> {
    let (path, note) = match shell {
        Shell::Bash if is_root => (PathBuf::from(SHARED_DATA).join("bash-completion/completions/portolan"), None),
        Shell::Bash => {
            let own = absolute(variable("BASH_COMPLETION_USER_DIR"));
            let folder = own.map_or_else(|| data_home(variable).map(|home| home.join("bash-completion")), Ok)?;
            (folder.join("completions/portolan"), None)
        }
        Shell::Fish if is_root => (PathBuf::from(SHARED_DATA).join("fish/vendor_completions.d/portolan.fish"), None),
        Shell::Fish => (config_home(variable)?.join("fish/completions/portolan.fish"), None),
        Shell::Zsh if is_root => (PathBuf::from(SHARED_DATA).join("zsh/site-functions/_portolan"), None),
        Shell::Zsh => {
            let folder = data_home(variable)?.join("zsh/site-functions");
            let note = zsh_note(&folder, variable);
            (folder.join("_portolan"), note)
        }
        other => {
            let why = format!("{other} searches no directory for completions");
            let hint = format!("write it to a file that your startup file reads: portolan completions {other} > FILE");
            return Err(Error::usage("--install", why, hint));
        }
    };
    let note = note.or_else(|| (shell == Shell::Bash).then(bash_note).flatten());

    Ok(InstallPlace { path, note })
}

/// What bash needs to find completions.
fn bash_note() -> Option<String> {
    let loaders = ["/usr/share/bash-completion/bash_completion", "/usr/local/share/bash-completion/bash_completion"];
    let is_there = loaders.iter().any(|path| Path::new(path).exists());
    (!is_there).then(|| "bash finds it only with the package bash-completion, which is not installed".to_owned())
}

/// What zsh needs to search a user's directory: it searches none by itself.
fn zsh_note(folder: &Path, variable: Environment<'_>) -> Option<String> {
    let shown = clean(&folder.to_string_lossy());
    let is_listed = variable("FPATH").is_some_and(|path| std::env::split_paths(&path).any(|entry| entry == folder));
    let startup = absolute(variable("ZDOTDIR")).or_else(|| absolute(variable("HOME"))).map(|home| home.join(".zshrc"));
    let is_named =
        startup.and_then(|path| fs::read_to_string(path).ok()).is_some_and(|text| text.contains("zsh/site-functions"));
    (!is_listed && !is_named).then(|| {
        format!("zsh does not search it yet; write this into ~/.zshrc before compinit: fpath=({shown} $fpath)")
    })
}

/// The directory of the manual pages: the user's, or as root that of all users.
///
/// # Errors
/// If there is no home directory.
pub(super) fn man_place(is_root: bool, variable: Environment<'_>) -> Result<PathBuf> {
    let data = if is_root { PathBuf::from(SHARED_DATA) } else { data_home(variable)? };
    Ok(data.join("man/man1"))
}

/// What `man` needs to search a directory; `None` if it does, or if nothing here can tell.
pub(super) fn man_note(folder: &Path) -> Option<String> {
    let section = folder.parent()?;
    let output = Command::new("manpath").arg("-q").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let searched = String::from_utf8_lossy(&output.stdout);
    let is_searched = searched.trim().split(':').any(|path| Path::new(path) == section);
    let shown = clean(&section.to_string_lossy());
    (!is_searched).then(|| format!("man does not search it yet; set this in your shell: export MANPATH={shown}:"))
}

/// Writes a file and the directories above it.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let shown = clean(&path.to_string_lossy());
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let mut draft = AtomicFile::create(path)?;
        draft.write_all(content)?;
        draft.commit()
    });
    written
        .map_err(|error| Error::io(format!("write {shown}"), error, "check the directory's permissions and free space"))
}

/// Whether files are for all users.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn data_home(variable: Environment<'_>) -> Result<PathBuf> {
    home_or(variable, "XDG_DATA_HOME", ".local/share")
}

fn config_home(variable: Environment<'_>) -> Result<PathBuf> {
    home_or(variable, "XDG_CONFIG_HOME", ".config")
}

fn home_or(variable: Environment<'_>, name: &str, below: &str) -> Result<PathBuf> {
    let own = absolute(variable(name));
    own.or_else(|| absolute(variable("HOME")).map(|home| home.join(below)))
        .ok_or_else(|| Error::usage("--install", "there is no home directory", format!("set HOME, or {name}")))
}

/// A path of the environment; the XDG base directory specification says to ignore relative ones.
fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(shell: Shell, is_root: bool, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        completion_place(shell, is_root, &variable).unwrap().path.to_string_lossy().into_owned()
    }

    #[test]
    fn each_shell_has_its_directory() {
        let home = [("HOME", "/h")];
        assert_eq!(place(Shell::Bash, false, &home), "/h/.local/share/bash-completion/completions/portolan");
        assert_eq!(place(Shell::Fish, false, &home), "/h/.config/fish/completions/portolan.fish");
        assert_eq!(place(Shell::Zsh, false, &home), "/h/.local/share/zsh/site-functions/_portolan");
        assert_eq!(place(Shell::Zsh, true, &[]), "/usr/local/share/zsh/site-functions/_portolan");
        let xdg = [("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "relative")];
        assert_eq!(place(Shell::Bash, false, &xdg), "/d/bash-completion/completions/portolan");
        assert_eq!(place(Shell::Fish, false, &xdg), "/h/.config/fish/completions/portolan.fish");
    }

    #[test]
    fn what_cannot_be_installed_is_refused_with_a_way_out() {
        let nothing = |_: &str| None;
        let error = completion_place(Shell::Elvish, false, &nothing).unwrap_err();
        assert!(error.to_string().contains("elvish searches no directory"), "{error}");
        let error = completion_place(Shell::Fish, false, &nothing).unwrap_err();
        assert!(error.to_string().contains("there is no home directory"), "{error}");
        assert!(man_place(false, &nothing).is_err());
        assert_eq!(man_place(true, &nothing).unwrap(), Path::new("/usr/local/share/man/man1"));
    }
}
