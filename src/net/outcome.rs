//! Results of connection attempts: the target's, or this machine's.

use rustix::io::Errno;

use crate::model::Reason;

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectOutcome {
    /// The connection was made.
    Open {
        /// The evidence.
        reason: Reason,
        /// Whether both ends have one address, so that the peer may be a socket that was itself only connecting.
        own: bool,
    },
    /// The port is closed, or the target unreachable.
    No(Reason),
    /// No reply.
    Silent,
    /// The socket connected to itself: its source port was the probed port. It says nothing about the port.
    Itself,
    /// This machine forbids the attempt (a sandbox, a security module, a `prohibit` route).
    Prohibited,
    /// A local shortage. It says nothing about the port.
    Short(LocalShortage),
}

/// The error of a local shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalShortage(pub(crate) Errno);

impl LocalShortage {
    /// Whether descriptors are short, so that fewer sockets must suffice.
    pub(crate) fn is_of_descriptors(self) -> bool {
        matches!(self.0, Errno::MFILE | Errno::NFILE)
    }
}

/// The meaning of a failure to open a socket: no IPv6 here, or a shortage.
pub(super) fn without_socket(errno: Errno) -> ConnectOutcome {
    match errno {
        Errno::AFNOSUPPORT => ConnectOutcome::No(Reason::NoRoute),
        Errno::ACCESS | Errno::PERM => ConnectOutcome::Prohibited,
        errno => ConnectOutcome::Short(LocalShortage(errno)),
    }
}

/// The meaning of the kernel's error for a connection.
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
        // ICMP errors that no local route can cause: a parameter problem, a failed source route.
        Errno::PROTO | Errno::OPNOTSUPP => ConnectOutcome::No(Reason::HostUnreachable),
        // No source port, no memory, no buffer, no route cache entry; any other error does not come from the target
        // either.
        errno => ConnectOutcome::Short(LocalShortage(errno)),
    }
}

/// The meaning of an error that arrived over the network, after the probe was sent: a local prohibition would have
/// failed earlier. The kernel uses the same error for both where ICMPv6 reports «administratively prohibited» (RFC
/// 4443, type 1, codes 1, 5 and 6).
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
    fn local_shortages_say_nothing_about_the_target() {
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
