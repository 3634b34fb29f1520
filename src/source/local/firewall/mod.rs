//! The rules of nf_tables, which are those of nft and of iptables today: whether they let other hosts connect, and which
//! ports they publish. The rules of iptables-legacy cannot be read without unsafe code; where there are some, nothing is
//! known.

mod evaluate;
mod expression;
mod iptables;
mod named_ports;
mod packet;
mod published_ports;
mod reach;
mod read;
mod registers;
mod ruleset;
mod translate;
mod value;

use std::fs;
use std::io;
use std::net::IpAddr;

use rustix::io::Errno;

pub(super) use packet::NumberedInterface;
pub(super) use published_ports::PublishedPort;
pub(super) use read::Generation;
use ruleset::Ruleset;
pub(super) use translate::Translation;

use crate::error::plain;
use crate::model::{FirewallVerdict, PartialError, Transport};

/// Where iptables-legacy lists its tables, in the calling thread's namespace. Only root may read it.
const LEGACY_TABLES: [&str; 2] = ["/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"];

/// What cannot be done where the rules are unknown.
pub(crate) const READ_RULES: &str = "read the firewall rules";

/// The firewall of a network namespace.
#[derive(Debug, Default)]
pub(super) enum Firewall {
    #[default]
    NotRead,
    Rules(Box<Ruleset>),
    /// Why it is unknown.
    Unknown(PartialError),
}

/// A host's addresses and the interfaces that packets from others come in at.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    pub(super) incoming: Vec<NumberedInterface>,
    /// The addresses of its interfaces, each with the length of its network's prefix.
    pub(super) networks: Vec<(NumberedInterface, IpAddr, u8)>,
    /// Some interface takes packets for 127.0.0.0/8, or that is unknown.
    pub(super) routes_localnet: bool,
}

/// Where new connections go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) transport: Transport,
    /// The addresses that they may be for; none: unknown ones, of these families.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) takes_ipv4: bool,
    pub(super) takes_ipv6: bool,
    pub(super) port: u16,
    /// The interface that they have to come in at, if any.
    pub(super) device: Option<u32>,
    /// A socket takes them there; otherwise only a rule does.
    pub(super) has_socket: bool,
    /// The socket may be given packets for other addresses.
    pub(super) may_be_transparent: bool,
}

impl Firewall {
    /// Reads that of the calling thread's namespace.
    pub(super) fn read() -> Self {
        match read::read() {
            Ok(ruleset) => match legacy_tables() {
                Ok(tables) if tables.is_empty() => Self::Rules(Box::new(ruleset)),
                Ok(tables) => Self::Unknown(legacy(&tables)),
                Err(error) => Self::Unknown(unreadable(&error)),
            },
            // This kernel has no nf_tables.
            Err(error) if is_absent(&error) => match legacy_tables() {
                Ok(tables) if tables.is_empty() => Self::Rules(Box::default()),
                Ok(tables) => Self::Unknown(legacy(&tables)),
                Err(error) => Self::Unknown(unreadable(&error)),
            },
            Err(error) => Self::Unknown(unreadable(&error)),
        }
    }

    /// Whether new connections of other hosts come through. `None`: that was not asked.
    pub(super) fn verdict(&self, host: &Host, to: &Destination) -> Option<FirewallVerdict> {
        match self {
            Self::NotRead => None,
            Self::Unknown(_) => Some(FirewallVerdict::Unknown),
            Self::Rules(ruleset) => Some(ruleset.verdict(host, to)),
        }
    }

    /// The ports of this host that rules lead elsewhere, and whether these are all: the rules may be too many to follow.
    pub(super) fn published(&self, host: &Host) -> (Vec<PublishedPort>, bool) {
        match self {
            Self::Rules(ruleset) => ruleset.published(host),
            Self::NotRead | Self::Unknown(_) => (Vec::new(), true),
        }
    }

    /// Whether any rule leads packets elsewhere.
    pub(super) fn redirects(&self) -> bool {
        matches!(self, Self::Rules(ruleset) if ruleset.redirects)
    }

    /// Why it is unknown.
    pub(super) fn unknown(&self) -> Option<&PartialError> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::NotRead | Self::Rules(_) => None,
        }
    }
}

/// Whether the kernel has no such tables.
fn is_absent(error: &io::Error) -> bool {
    let absent = [Errno::PROTONOSUPPORT, Errno::OPNOTSUPP, Errno::INVAL, Errno::AFNOSUPPORT];
    Errno::from_io_error(error).is_some_and(|error| absent.contains(&error))
}

/// The tables of iptables-legacy; none where the kernel does not have it.
fn legacy_tables() -> io::Result<Vec<String>> {
    let mut tables = Vec::new();
    for path in LEGACY_TABLES {
        match fs::read_to_string(path) {
            Ok(names) => tables.extend(names.split_whitespace().map(str::to_owned)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    tables.sort_unstable();
    tables.dedup();
    Ok(tables)
}

fn legacy(tables: &[String]) -> PartialError {
    PartialError {
        operation: READ_RULES.to_owned(),
        cause: format!("tables of iptables-legacy are loaded ({}), and only it can read them", tables.join(", ")),
        hint: "see them with `iptables-legacy-save`, or use iptables-nft".to_owned(),
    }
}

fn unreadable(error: &io::Error) -> PartialError {
    let is_permission = error.kind() == io::ErrorKind::PermissionDenied;
    let cause = if is_permission { "no permission".to_owned() } else { plain(error) };
    let hint = "run as root, or with CAP_NET_ADMIN: published ports and what is filtered depend on them".to_owned();
    PartialError { operation: READ_RULES.to_owned(), cause, hint }
}
