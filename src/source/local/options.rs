//! What the local source can be asked. These options are its command line and its settings section too.

#[cfg(feature = "cli")]
use clap::ValueHint;

use crate::model::{Ports, SocketState};

const EXAMPLES: &str = "\
Examples:
  portolan discover local                        everything, with owners
  portolan discover local -p 22,80,8000-9000     who has these ports
  portolan discover local --exposed -o wide      what another host could reach
  portolan discover local --process 'nginx*'     what one program listens at
  portolan discover local --json | jq -r '.items[].endpoints[] | \"\\(.address):\\(.port)\"'";

/// List what listens on this machine: addresses, processes, owners
///
/// Reads the kernel's socket tables and the process table; nothing is connected to. Without further rights, the
/// processes of other users cannot be seen: their listeners are listed all the same, with the user and the unit
/// or container that the kernel tells everybody.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Filters", after_help = EXAMPLES))]
pub struct Local {
    /// Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https
    #[cfg_attr(feature = "cli", arg(short, long, value_name = "PORTS", conflicts_with = "unix"))]
    pub ports: Option<Ports>,
    /// Only ports that have a name in `portolan ports`
    #[cfg_attr(feature = "cli", arg(long, conflicts_with = "unix"))]
    pub common_ports: bool,
    /// TCP listeners (the default is TCP and UDP)
    #[cfg_attr(feature = "cli", arg(long))]
    pub tcp: bool,
    /// UDP sockets that anybody can send to
    #[cfg_attr(feature = "cli", arg(long))]
    pub udp: bool,
    /// Unix-domain listeners
    #[cfg_attr(feature = "cli", arg(long))]
    pub unix: bool,
    /// Only sockets in these states [default: listen,unconnected]
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "STATE", value_delimiter = ','))]
    pub state: Vec<SocketState>,
    /// Only listeners held by a process whose name matches: `*`, `?`, `[a-z]`
    #[cfg_attr(feature = "cli", arg(long, value_name = "GLOB", value_parser = parse_glob))]
    pub process: Option<glob::Pattern>,
    /// Only listeners of this user: a name or a number
    #[cfg_attr(feature = "cli", arg(long, value_name = "USER", value_hint = ValueHint::Username))]
    pub user: Option<String>,
    /// Only listeners that this interface leads to
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_hint = ValueHint::Other))]
    pub interface: Option<String>,
    /// Leave out what only this host can reach
    #[cfg_attr(feature = "cli", arg(long))]
    pub skip_loopback: bool,
    /// Leave out what is bound to a private address
    #[cfg_attr(feature = "cli", arg(long))]
    pub skip_private: bool,
    /// Only what another host could reach, as far as addresses and interfaces tell; a firewall is not looked at
    #[cfg_attr(feature = "cli", arg(long))]
    pub exposed: bool,
    /// Look into every network namespace of this machine (root)
    #[cfg_attr(feature = "cli", arg(long))]
    pub all_netns: bool,
    /// What to sort a listing by; a watch tells what happens as it happens
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "KEY", default_value_t = SortKey::Port, help_heading = "Output"))]
    pub sort: SortKey,
}

/// What a listing of this machine is sorted by; what is equal goes by port, transport and address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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
