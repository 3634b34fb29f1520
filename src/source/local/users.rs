//! User names by id, from `/etc/passwd`. Other sources of users (LDAP, NIS) are not asked: they may be slow or not
//! answer at all, and then a number is the better answer.

use std::collections::HashMap;
use std::io::Read;

use crate::clean::Untrusted;
use crate::error::{Error, Result};
use crate::model::User;

/// The most that is read of it; a line has about 60 bytes.
const PASSWD_BYTES: u64 = 16 * 1024 * 1024;

/// The users of this machine.
#[derive(Default)]
pub(super) struct Users {
    names: HashMap<u32, Untrusted>,
    /// By name, every one of them.
    ids: HashMap<Untrusted, u32>,
}

impl Users {
    /// Reads them; a machine without `/etc/passwd` has only numbers.
    pub(super) fn read() -> Self {
        // Nothing but a regular file is read: anything else could make us wait, or never end.
        let mut passwd = Vec::new();
        let path = "/etc/passwd";
        if std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
            && let Ok(file) = std::fs::File::open(path)
        {
            let _ = file.take(PASSWD_BYTES).read_to_end(&mut passwd);
        }
        Self::parse(&passwd)
    }

    fn parse(passwd: &[u8]) -> Self {
        let mut names = HashMap::new();
        let mut ids = HashMap::new();
        for line in passwd.split(|&byte| byte == b'\n') {
            let mut fields = line.split(|&byte| byte == b':');
            let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else { continue };
            if let Some(uid) = std::str::from_utf8(uid).ok().and_then(|uid| uid.parse().ok()) {
                // The first name of an id is the one that everybody shows.
                let name = Untrusted::from_bytes(name);
                ids.insert(name.clone(), uid);
                names.entry(uid).or_insert(name);
            }
        }
        Self { names, ids }
    }

    pub(super) fn user(&self, uid: u32) -> User {
        User { uid, name: self.names.get(&uid).cloned() }
    }

    /// The id of a user named on the command line, by name or number.
    pub(super) fn find(&self, text: &str) -> Result<u32> {
        let named = self.ids.get(&Untrusted::from(text)).copied();
        let number = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        named.or_else(number).ok_or_else(|| {
            let names = self.ids.keys().map(|name| (strsim::jaro_winkler(name.as_raw(), text), name));
            let close = names.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match close {
                Some((_, name)) => format!("did you mean '{name}'?"),
                None => "give a name from /etc/passwd, or a numeric user id".to_owned(),
            };
            Error::usage(format!("--user '{}'", crate::clean::clean(text)), "there is no such user here", hint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        let users = Users::parse(b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\nbroken\nwww:x:33:33::/:\n");
        assert_eq!(users.user(0).to_string(), "root");
        assert_eq!(users.user(7).to_string(), "7");
        assert_eq!((users.find("www").unwrap(), users.find("1234").unwrap()), (33, 1234));
        assert_eq!(users.find("toor").unwrap(), 0, "an id may have several names");
        assert_eq!(users.find("wwww").unwrap_err().hint(), "did you mean 'www'?");
        assert!(users.find("nobody-like-that").is_err());
    }
}
