//! The options of a scan: its command line and its settings section.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "cli")]
use clap::ValueHint;

use super::pace::TimingTemplate;
use super::shard::Shard;
use crate::model::{ParseError, Ports, ProxyUrl, ScanPorts, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portolan scan 10.0.0.5                        its 1000 most common ports
  portolan scan -p- 10.0.0.5 --all              every port, closed ones too
  portolan scan -p 22,https 10.0.0.0/24         two ports of a network
  portolan scan local --json                    this machine, as one JSON document
  portolan scan @hosts.txt --exclude 10.0.0.1   the targets in a file";

/// Find open ports on hosts
///
/// Connects to each TCP port and closes the connection at once; sends no data. With --udp, sends each port a probe of its
/// own protocol. With several hosts, host discovery comes first: TCP, ICMP echo where permitted, and ARP or neighbour
/// discovery on this machine's own links. Hosts that do not reply are skipped and counted (--no-ping scans them too). Only
/// --syn needs a permission. A target is an address, a network (10.0.0.0/24), a range (10.0.0.1-50, 10.0-3.0.1,5,
/// fd77::2-fd77::4), a host name, host:port or a URL (only that port is scanned), `local` for this machine's own addresses
/// (as root, those in its other network namespaces too), @FILE for a file of targets, or - for standard input. Lists open
/// ports; standard error has the number of ports in each state. If you type an option of nmap, the error names portolan's
/// equivalent.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Targets", after_help = EXAMPLES))]
pub struct Scan {
    /// Addresses, networks, ranges, host names, local, @FILE or -
    #[cfg_attr(feature = "cli", arg(value_name = "TARGET", required_unless_present_any = ["interface", "resume"], value_hint = ValueHint::Hostname))]
    pub targets: Vec<String>,
    /// Scan the networks of this interface
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_hint = ValueHint::Other))]
    pub interface: Option<String>,
    /// Skip these targets
    #[cfg_attr(feature = "cli", arg(long, value_name = "TARGET", value_delimiter = ',', value_hint = ValueHint::Hostname))]
    pub exclude: Vec<String>,
    /// Skip the targets in this file
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath))]
    pub exclude_file: Option<PathBuf>,
    /// Scan IPv4 addresses only
    #[cfg_attr(feature = "cli", arg(short = '4', long, conflicts_with = "ipv6"))]
    pub ipv4: bool,
    /// Scan IPv6 addresses only
    #[cfg_attr(feature = "cli", arg(short = '6', long))]
    pub ipv6: bool,
    /// Do not ask before a scan of more than 1,048,576 probes
    #[cfg_attr(feature = "cli", arg(short, long))]
    pub yes: bool,
    /// Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80
    /// selects UDP and TCP
    #[cfg_attr(
        feature = "cli",
        arg(short, long, value_name = "PORTS", allow_hyphen_values = true, help_heading = "Ports")
    )]
    pub ports: Option<ScanPorts>,
    /// Scan UDP ports instead of TCP [default ports: those with a probe]
    ///
    /// A port that replies is open; an ICMP message marks it as closed. A port that stays silent is no-answer, and is
    /// listed with --all: most servers ignore probes in another protocol than theirs. A Linux host reports only one closed
    /// port per second, which makes a scan of many closed ports slow.
    #[cfg_attr(feature = "cli", arg(short = 'U', long, help_heading = "Ports"))]
    pub udp: bool,
    /// Scan TCP ports with half-open connections, which no program on the host sees; needs CAP_NET_RAW
    ///
    /// Sends a SYN from a raw socket and never acknowledges the reply. The results are the same as without --syn.
    #[cfg_attr(feature = "cli", arg(long, conflicts_with = "udp", help_heading = "Ports"))]
    pub syn: bool,
    /// Scan the N most common ports [default: 1000]; with --udp, the N most common UDP ports
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", value_parser = parse_top, allow_negative_numbers = true, conflicts_with = "ports", help_heading = "Ports"))]
    pub top_ports: Option<u16>,
    /// Skip these ports
    #[cfg_attr(feature = "cli", arg(long, value_name = "PORTS", help_heading = "Ports"))]
    pub exclude_ports: Option<Ports>,
    /// Scan every port of every host, without host discovery
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Timing"))]
    pub no_ping: bool,
    /// Find out which hosts are up, and scan no ports (-sn)
    ///
    /// Lists each host that replies to TCP, ICMP echo, or ARP or neighbor discovery, with the reason.
    #[cfg_attr(feature = "cli", arg(long, conflicts_with_all = ["ports", "top_ports", "udp", "exclude_ports", "no_ping", "resume"], help_heading = "Ports"))]
    pub discover_only: bool,
    /// Set the speed of the scan
    #[cfg_attr(
        feature = "cli",
        arg(short = 'T', long, value_enum, value_name = "PACE", default_value_t, help_heading = "Timing")
    )]
    pub pace: TimingTemplate,
    /// Send at most N probes per second in total
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true, help_heading = "Timing"))]
    pub rate: Option<NonZeroU32>,
    /// Set the maximum timeout of one attempt, as in 500ms or 2s; the actual timeout adapts to the measured round trips
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, default_value = "3s", help_heading = "Timing"))]
    pub timeout: Duration,
    /// Retry a silent port at most N times [default: as the measured packet loss requires]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", value_parser = parse_retries, allow_negative_numbers = true, help_heading = "Timing"))]
    pub retries: Option<u8>,
    /// Stop the whole scan after this time, even if it is incomplete
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Timing"))]
    pub deadline: Option<Duration>,
    /// Send probes from this address of this machine
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS", help_heading = "Timing"))]
    pub source_address: Option<IpAddr>,
    /// Send probes from this port
    ///
    /// A host that was probed a moment ago may ignore probes from the same port.
    #[cfg_attr(feature = "cli", arg(long, value_name = "PORT", value_parser = parse_port, allow_negative_numbers = true, conflicts_with = "syn", help_heading = "Timing"))]
    pub source_port: Option<u16>,
    /// Connect through this proxy: socks5://host:1080, or http://host:8080 for HTTP CONNECT
    ///
    /// The proxy makes all connections; it carries only TCP, and portolan skips host discovery. This machine resolves the
    /// names of targets. A port has the reason proxy-failed if the proxy does not say why it could not connect. `ssh -D`
    /// accepts each connection before it reaches the port, so every port seems open. Write a user and a password as
    /// socks5://user:password@host.
    #[cfg_attr(feature = "cli", arg(long, value_name = "URL", conflicts_with_all = ["udp", "syn", "discover_only", "source_address", "source_port"], help_heading = "Timing"))]
    pub proxy: Option<ProxyUrl>,
    /// Scan one of N parts, as in 3/16: N machines share the scan, and no probe is sent twice
    #[cfg_attr(feature = "cli", arg(long, value_name = "K/N", help_heading = "Timing"))]
    pub shard: Option<Shard>,
    /// Store the progress of the scan in this file, and resume from it if it exists
    ///
    /// The file contains targets and ports: --resume FILE alone resumes the scan. A complete scan deletes the file.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Timing"))]
    pub resume: Option<PathBuf>,
    /// List closed, filtered and unreachable ports too
    #[cfg_attr(feature = "cli", arg(long, overrides_with = "open", help_heading = "Output"))]
    pub all: bool,
    /// List open ports only, even if the settings say --all
    #[cfg_attr(feature = "cli", arg(long, overrides_with = "all", help_heading = "Output"))]
    pub open: bool,
    /// Look up the names of found hosts in DNS (PTR records)
    ///
    /// portolan asks only the system's resolver, or those of --resolver. Without this option, it looks up no names for
    /// addresses. With it, results appear when the scan has ended.
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Output"))]
    pub names: bool,
    /// Query these DNS servers for --names, at most 3: 10.0.0.53:53 [default: the system's]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "ADDRESS", value_delimiter = ',', requires = "names", help_heading = "Output")
    )]
    pub resolver: Vec<SocketAddr>,
    /// Show the reason for each state in the table
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Output"))]
    pub reason: bool,
}

impl Default for Scan {
    /// No targets; all other options as on the command line.
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            interface: None,
            exclude: Vec::new(),
            exclude_file: None,
            ipv4: false,
            ipv6: false,
            yes: false,
            ports: None,
            udp: false,
            syn: false,
            top_ports: None,
            exclude_ports: None,
            no_ping: false,
            discover_only: false,
            pace: TimingTemplate::default(),
            rate: None,
            timeout: Duration::from_secs(3),
            retries: None,
            deadline: None,
            source_address: None,
            source_port: None,
            proxy: None,
            shard: None,
            resume: None,
            all: false,
            open: false,
            names: false,
            resolver: Vec::new(),
            reason: false,
        }
    }
}

impl Scan {
    /// Whether the result includes ports that are not open.
    pub(super) fn lists_all(&self) -> bool {
        self.all && !self.open
    }
}

fn parse_rate(text: &str) -> Result<NonZeroU32, ParseError> {
    let hint = "write the number of probes per second, 1 or more";
    text.parse().map_err(|_| ParseError::new("it is not a number of probes per second", hint))
}

#[cfg(feature = "cli")]
fn parse_port(text: &str) -> Result<u16, ParseError> {
    let port = text.parse().ok().filter(|&port| port > 0);
    port.ok_or_else(|| ParseError::new("it is not a port", "write a number from 1 to 65535"))
}

fn parse_top(text: &str) -> Result<u16, ParseError> {
    let count = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| ParseError::new("it is not a number of ports", "write a number from 1 to 65535"))
}

fn parse_retries(text: &str) -> Result<u8, ParseError> {
    let count = text.parse().ok().filter(|&count| count <= 100);
    count.ok_or_else(|| ParseError::new("it is not a number of retries", "write a number from 0 to 100"))
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        scan: Scan,
    }

    #[test]
    fn the_library_and_the_command_line_have_the_same_defaults() {
        let line = CommandLine::from_arg_matches(
            &<CommandLine as clap::CommandFactory>::command().get_matches_from(["x", "local"]),
        );
        let scan = Scan { targets: vec!["local".to_owned()], ..Scan::default() };
        assert_eq!(format!("{:?}", line.unwrap().scan), format!("{scan:?}"));
    }

    #[test]
    fn durations_have_units_and_a_maximum() {
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("1m 30s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_duration("5").unwrap(), Duration::from_secs(5));
        for text in ["", "0s", "-1s", "0", "2 parsecs", "9999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
