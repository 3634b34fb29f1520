//! The options of the local source, which are its command line and its settings section too.

#[cfg(feature = "cli")]
use clap::ValueHint;

use crate::model::{Ports, SocketPatterns, SocketState};

const EXAMPLES: &str = "\
Examples:
  portolan discover local                     all listeners, with owners
  portolan discover local -p 22,8000-9000     the owners of these ports
  portolan discover local --exposed -o wide   what another host could reach
  portolan discover local --process 'nginx*'  the listeners of one program
  portolan discover local --columns address,process,user --sort user
  portolan discover local --connections       who is connected to whom, at both ends
  portolan discover local -o address          addresses with ports, for other programs";

/// List what listens on this machine: addresses, processes, owners
///
/// Reads the kernel's socket tables and the process table, and connects to nothing except, with --runtime, the container
/// runtimes. Without root, the kernel hides the processes of other users: their listeners are listed without processes, but
/// with the user and the unit or container, which the kernel shows to every user.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct Local {
    /// Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https
    #[cfg_attr(feature = "cli", arg(short, long, value_name = "PORTS", conflicts_with_all = ["unix", "raw", "packet", "vsock"]))]
    pub ports: Option<Ports>,
    /// Show only these sockets. The command line has them as words: `udp/53`, `127.0.0.1:8080`
    #[cfg_attr(feature = "cli", arg(skip))]
    pub sockets: Option<SocketPatterns>,
    /// Show only ports that have a name in `portolan ports`
    #[cfg_attr(feature = "cli", arg(long, conflicts_with_all = ["unix", "raw", "packet", "vsock"]))]
    pub common_ports: bool,
    /// Show TCP listeners [default: TCP and UDP]
    #[cfg_attr(feature = "cli", arg(long))]
    pub tcp: bool,
    /// Show UDP sockets
    #[cfg_attr(feature = "cli", arg(long))]
    pub udp: bool,
    /// Show Unix-domain listeners
    #[cfg_attr(feature = "cli", arg(long))]
    pub unix: bool,
    /// Show UDP-Lite sockets
    #[cfg_attr(feature = "cli", arg(long))]
    pub udplite: bool,
    /// Show raw sockets, which receive the packets of an IP protocol (ping has one)
    #[cfg_attr(feature = "cli", arg(long))]
    pub raw: bool,
    /// Show packet sockets, which receive the frames of network interfaces (tcpdump has one)
    #[cfg_attr(feature = "cli", arg(long))]
    pub packet: bool,
    /// Show vsock sockets, which connect virtual machines and their host (needs the kernel module vsock_diag)
    #[cfg_attr(feature = "cli", arg(long))]
    pub vsock: bool,
    /// Show only sockets in these states [default: all but connected]
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "STATE", value_delimiter = ','))]
    pub state: Vec<SocketState>,
    /// Show only listeners of processes whose name matches: `*`, `?`, `[a-z]`
    #[cfg_attr(feature = "cli", arg(long, value_name = "GLOB", value_parser = parse_glob))]
    pub process: Option<glob::Pattern>,
    /// Show only listeners that this user opened or holds, by name or number
    #[cfg_attr(feature = "cli", arg(long, value_name = "USER", value_hint = ValueHint::Username))]
    pub user: Option<String>,
    /// Show only listeners that are reachable through this interface
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_hint = ValueHint::Other))]
    pub interface: Option<String>,
    /// Leave out listeners that only this host can reach
    #[cfg_attr(feature = "cli", arg(long))]
    pub skip_loopback: bool,
    /// Leave out listeners bound to a private address
    #[cfg_attr(feature = "cli", arg(long))]
    pub skip_private: bool,
    /// Show only listeners that another host could reach, by addresses, interfaces and firewall rules
    #[cfg_attr(feature = "cli", arg(long))]
    pub exposed: bool,
    /// Include every network namespace of this machine (needs root)
    #[cfg_attr(feature = "cli", arg(long))]
    pub all_netns: bool,
    /// Show the names and images of containers, from the sockets of docker, podman, containerd and CRI-O
    ///
    /// portolan contacts the runtimes only if a listed socket belongs to a container, and waits at most 3 seconds for all
    /// of them together. Needs root, or membership in the group of the runtime's socket.
    #[cfg_attr(feature = "cli", arg(long))]
    pub runtime: bool,
    /// List connections instead of listeners; each has the processes of both ends, if both are on this machine
    ///
    /// Lists TCP connections and connected UDP sockets, and a connection whose ends are both on this machine once. Filters
    /// by port, process and user match if either end does; --skip-loopback leaves out connections within this machine, and
    /// --skip-private those to private addresses.
    #[cfg_attr(feature = "cli", arg(long))]
    pub connections: bool,
    /// The order of the listing; connections are always in that of their ports. The command line sorts by any column.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub sort: SortKey,
}

/// The order of a listing of this machine. Equal rows are in the order of port, transport and address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// Port, then transport, then address
    #[default]
    Port,
    /// Address
    Address,
    /// Transport: TCP, UDP, Unix-domain
    Proto,
    /// Name of the service
    Name,
    /// Name of the first process
    Process,
    /// Id of the first process
    Pid,
    /// Name of the user
    User,
}

fn parse_glob(text: &str) -> Result<glob::Pattern, glob::PatternError> {
    glob::Pattern::new(text)
}
