//! `portolan free-port`: a TCP port that a server could listen on now.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use clap::Args;

use super::exit::Exit;
use super::port_words::parse_ports;
use super::{Global, stderr, stdout};
use crate::error::Result;
use crate::model::Ports;

const EXAMPLES: &str = "\
Examples:
  portolan free-port                       any free port, chosen by the kernel
  portolan free-port 8000-9000             the first free port of these
  PORT=$(portolan free-port) ./my-server   start a server on it";

/// Print a port that is free and that you may listen on
///
/// The port is free on every address of this machine at this moment; another program may take it before yours does.
/// Exits with 1 if no port of the range is free.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct FreePort {
    /// Choose from these ports, in order [default: the kernel's ephemeral ports]
    #[arg(value_name = "RANGE", value_parser = parse_ports)]
    range: Option<Ports>,
    /// Find a UDP port instead of a TCP port
    #[arg(long)]
    udp: bool,
}

/// Attempts to find one port that is free for both IPv4 and IPv6 among those the kernel chooses.
const ATTEMPTS: u32 = 64;

impl FreePort {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        global.refuse_json("portolan free-port", "prints a number", "leave it out")?;

        let mut last = None;
        let found = match &self.range {
            Some(range) => range.iter().find(|port| self.is_free(*port).map_err(|error| last = Some(error)).is_ok()),
            None => (0..ATTEMPTS).find_map(|_| self.chosen_by_kernel().map_err(|error| last = Some(error)).ok()),
        };

        if let Some(port) = found {
            stdout::with_stdout(None, |out| writeln!(out, "{port}"))?;
            return Ok(Exit::Done);
        }
        let range = self.range.as_ref().map_or_else(|| "any range".to_owned(), ToString::to_string);
        let why = last.as_ref().map_or("in use", reason);
        stderr::failure(
            &format!("no port of {range} is free: {why}"),
            "give another range, as in `portolan free-port 8000-9000`",
        );
        Ok(Exit::ConditionFailed)
    }

    fn chosen_by_kernel(&self) -> io::Result<u16> {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let port = if self.udp { UdpSocket::bind(any)?.local_addr()? } else { TcpListener::bind(any)?.local_addr()? };
        self.is_free(port.port()).map(|()| port.port())
    }

    /// Listens on every address for a moment. A machine without IPv6 has no conflict there.
    fn is_free(&self, port: u16) -> io::Result<()> {
        let listen = |address: SocketAddr| {
            if self.udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) }
        };

        listen((Ipv4Addr::UNSPECIFIED, port).into())?;
        match listen((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => Err(error),
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => "in use",
        ErrorKind::PermissionDenied => "only root may listen below port 1024",
        _ => "this machine does not allow listening",
    }
}
