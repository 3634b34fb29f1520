//! What became of an attempt to connect: the target's word, or this machine's own.

use rustix::io::Errno;

use crate::model::Reason;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectOutcome {
    /// The connection was made. `own`: to an address of this machine.
    Open {
        /// What it is known from.
        reason: Reason,
        /// Whether both ends may have one address, so that the peer may be a socket that only wanted to connect.
        own: bool,
    },
    /// Somebody says that there is nothing, or no way.
    No(Reason),
    /// Nobody answered.
    Silent,
    /// The socket met itself: its source port was the port asked for. Says nothing of the port.
    Itself,
    /// This machine does not let us ask (a sandbox, a security module, a `prohibit` route).
    Prohibited,
    /// This machine ran short of something. Says nothing of the port.
    Short(LocalShortage),
}

/// What this machine ran short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalShortage(pub(crate) Errno);

impl LocalShortage {
    /// Whether it is descriptors that are short, so that fewer sockets must do.
    pub(crate) fn is_of_descriptors(self) -> bool {
        matches!(self.0, Errno::MFILE | Errno::NFILE)
    }
}

/// What it means that no socket can be had: that there is no IPv6 here, or that there are too many.
pub(super) fn without_socket(errno: Errno) -> ConnectOutcome {
    match errno {
        Errno::AFNOSUPPORT => ConnectOutcome::No(Reason::NoRoute),
        Errno::ACCESS | Errno::PERM => ConnectOutcome::Prohibited,
        errno => ConnectOutcome::Short(LocalShortage(errno)),
    }
}

/// What the kernel's refusal of a connection says of the port.
pub(super) fn refusal(errno: Errno) -> ConnectOutcome {
    match errno {
        Errno::CONNREFUSED => ConnectOutcome::No(Reason::Refused),
        Errno::HOSTUNREACH | Errno::HOSTDOWN => ConnectOutcome::No(Reason::HostUnreachable),
        Errno::NETUNREACH | Errno::NETDOWN | Errno::NONET | Errno::NOPROTOOPT => {
            ConnectOutcome::No(Reason::NetUnreachable)
        }
        // A `blackhole` route, or an address that cannot be connected to.
        Errno::INVAL | Errno::AFNOSUPPORT => ConnectOutcome::No(Reason::NoRoute),
        Errno::TIMEDOUT => ConnectOutcome::Silent,
        Errno::ACCESS | Errno::PERM => ConnectOutcome::Prohibited,
        // ICMP words that no route of our own can cause: a parameter problem, a source route that failed.
        Errno::PROTO | Errno::OPNOTSUPP => ConnectOutcome::No(Reason::HostUnreachable),
        // No source port, no memory, no buffer, no route cache entry; and whatever else the kernel may think of, which
        // is not the target's word either.
        errno => ConnectOutcome::Short(LocalShortage(errno)),
    }
}

/// What a refusal says that came over the network, after the question had left: that this machine does not permit it
/// was said before. The kernel has one number for both where ICMPv6 says «administratively prohibited» (RFC 4443,
/// type 1, codes 1, 5 and 6).
pub(super) fn refusal_from_afar(errno: Errno) -> ConnectOutcome {
    match refusal(errno) {
        ConnectOutcome::Prohibited => ConnectOutcome::No(Reason::HostUnreachable),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_never_the_targets_word() {
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::ADDRNOTAVAIL,
            Errno::ADDRINUSE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::AGAIN,
        ] {
            assert_eq!(refusal(errno), ConnectOutcome::Short(LocalShortage(errno)));
            assert_eq!(without_socket(errno), ConnectOutcome::Short(LocalShortage(errno)));
        }
        assert!(
            LocalShortage(Errno::MFILE).is_of_descriptors() && !LocalShortage(Errno::ADDRNOTAVAIL).is_of_descriptors()
        );
        assert_eq!(
            (refusal(Errno::PERM), without_socket(Errno::ACCESS)),
            (ConnectOutcome::Prohibited, ConnectOutcome::Prohibited)
        );
        assert_eq!(refusal_from_afar(Errno::ACCESS), ConnectOutcome::No(Reason::HostUnreachable));
        assert_eq!(refusal(Errno::PROTO), ConnectOutcome::No(Reason::HostUnreachable));
        assert_eq!(refusal(Errno::CONNREFUSED), ConnectOutcome::No(Reason::Refused));
        assert_eq!(without_socket(Errno::AFNOSUPPORT), ConnectOutcome::No(Reason::NoRoute));
    }
}
