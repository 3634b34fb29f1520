//! User names by id, from `/etc/passwd`. Other sources of users (LDAP, NIS) are not queried: they may be slow or not
//! reply at all, and then a number is better.

use std::io::Read;

use crate::clean::Untrusted;
use crate::error::{Error, Result};
use crate::model::User;

/// Maximum bytes that are read of it; a line has about 60.
const PASSWD_BYTES: u64 = 16 * 1024 * 1024;

/// The users of this machine.
#[derive(Default)]
pub(super) struct Users {
    /// Every name with its id, in the order of ids, and those of one id in that of the file.
    named: Vec<(u32, Untrusted)>,
}

impl Users {
    /// Reads them; a machine without `/etc/passwd` has only numbers.
    pub(super) fn read() -> Self {
        let mut passwd = Vec::new();
        let path = "/etc/passwd";
        // Only a regular file is read: anything else could block or never end.
        if let Ok(meta) = std::fs::metadata(path)
            && meta.is_file()
            && let Ok(file) = std::fs::File::open(path)
        {
            passwd.reserve(usize::try_from(meta.len().min(PASSWD_BYTES)).unwrap_or(0) + 1);
            let _ = file.take(PASSWD_BYTES).read_to_end(&mut passwd);
        }
        Self::parse(&passwd)
    }

    fn parse(passwd: &[u8]) -> Self {
        let mut named: Vec<_> = passwd.split(|&byte| byte == b'\n').filter_map(parse_line).collect();
        named.sort_by_key(|(uid, _)| *uid);
        Self { named }
    }

    /// The first name of an id is the one that other tools show.
    pub(super) fn user(&self, uid: u32) -> User {
        let at = self.named.partition_point(|(named, _)| *named < uid);
        let first = self.named.get(at).filter(|(named, _)| *named == uid);
        User { uid, name: first.map(|(_, name)| name.clone()) }
    }

    /// The id of a user named on the command line, by name or number.
    pub(super) fn find(&self, text: &str) -> Result<u32> {
        let named = self.named.iter().find(|(_, name)| name.as_raw() == text).map(|(uid, _)| *uid);
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));

        named.or(number).ok_or_else(|| {
            let names = self.named.iter().map(|(_, name)| (strsim::jaro_winkler(name.as_raw(), text), name));
            let close = names.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match close {
                Some((_, name)) => format!("did you mean '{name}'?"),
                None => "give a name from /etc/passwd, or a numeric user id".to_owned(),
            };
            Error::usage(format!("--user '{}'", crate::clean::clean(text)), "there is no such user here", hint)
        })
    }
}

/// `www:x:33:33::/var/www:/bin/sh`
fn parse_line(line: &[u8]) -> Option<(u32, Untrusted)> {
    let mut fields = line.split(|&byte| byte == b':');
    let (name, uid) = (fields.next()?, fields.nth(1)?);
    Some((std::str::from_utf8(uid).ok()?.parse().ok()?, Untrusted::from_bytes(name)))
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
