//! What a scan can be asked. These options are its command line and its settings section too.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::pace::TimingTemplate;
use crate::model::{ParseError, Ports, ScanPorts, parse_duration};

const EXAMPLES: &str = "\
Examples:
  portolan scan 10.0.0.5                         the 1000 likeliest ports of a host
  portolan scan -p- 10.0.0.5 --all               every port of it, closed ones too
  portolan scan -p 22,https 10.0.0.0/24          two ports of a network
  portolan scan local --json                     this machine, as one JSON document
  portolan scan @hosts.txt --exclude 10.0.0.1    what a file names, one target or more a line";

/// Ask hosts which of their ports are open
///
/// Connects to every TCP port asked for, and closes again at once; nothing is sent. With --udp, sends each port a question
/// that is its own. Where there are several hosts, each is looked for first, by TCP, ICMP echo where
/// that is permitted, and on this machine's own links by ARP and neighbour discovery; one that does not show itself is left
/// out and counted (--no-ping). Needs no rights (but --syn does). A target is an address, a
/// network (10.0.0.0/24), a range (10.0.0.1-50), a host name, `local` for this machine's own addresses, with root those in its other
/// network namespaces too, @FILE for a file of
/// targets, or - for standard input. Open ports are listed; what else was found is counted on standard error.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Targets", after_help = EXAMPLES)]
pub struct Scan {
    /// What to scan: addresses, networks, ranges, names, local, @FILE, -
    #[arg(value_name = "TARGET", required_unless_present_any = ["interface", "resume"], value_hint = ValueHint::Hostname)]
    pub targets: Vec<String>,
    /// Scan the networks that this interface is in
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub interface: Option<String>,
    /// Leave out these targets
    #[arg(long, value_name = "TARGET", value_delimiter = ',', value_hint = ValueHint::Hostname)]
    pub exclude: Vec<String>,
    /// Leave out the targets that this file names
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub exclude_file: Option<PathBuf>,
    /// Only IPv4 addresses
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Only IPv6 addresses
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Scan also where that takes more than 1,048,576 questions
    #[arg(short, long)]
    pub yes: bool,
    /// These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP
    #[arg(short, long, value_name = "PORTS", allow_hyphen_values = true, help_heading = "Ports")]
    pub ports: Option<ScanPorts>,
    /// Ask UDP ports, not TCP; without --ports those that portolan has a question for
    ///
    /// A port that answers is open, one of which an ICMP message says so is closed. Whoever keeps silent, as most servers do
    /// to questions that are not theirs, is called no-answer, and listed with --all. A Linux host tells of one closed port a
    /// second: that is how long a scan of many of them takes.
    #[arg(short = 'U', long, conflicts_with = "top_ports", help_heading = "Ports")]
    pub udp: bool,
    /// Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW
    ///
    /// A SYN is sent from a raw socket, and what answers it is never acknowledged. Answers are the same as without.
    #[arg(long, conflicts_with = "udp", help_heading = "Ports")]
    pub syn: bool,
    /// The so many likeliest ports [default: 1000]
    #[arg(long, value_name = "N", value_parser = parse_top, allow_negative_numbers = true, conflicts_with = "ports", help_heading = "Ports")]
    pub top_ports: Option<u16>,
    /// Leave out these ports
    #[arg(long, value_name = "PORTS", help_heading = "Ports")]
    pub exclude_ports: Option<Ports>,
    /// Ask every port of every host, without looking first whether anybody is there
    #[arg(long, help_heading = "Pace")]
    pub no_ping: bool,
    /// How fast to go
    #[arg(short = 'T', long, value_enum, value_name = "PACE", default_value_t, help_heading = "Pace")]
    pub pace: TimingTemplate,
    /// At most so many questions a second, in all
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true, help_heading = "Pace")]
    pub rate: Option<NonZeroU32>,
    /// The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, default_value = "3s", help_heading = "Pace")]
    pub timeout: Duration,
    /// How often a silent port is asked again at most [default: as the loss that is seen asks for]
    #[arg(long, value_name = "N", value_parser = parse_retries, allow_negative_numbers = true, help_heading = "Pace")]
    pub retries: Option<u8>,
    /// End the whole scan after this time, done or not
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true, help_heading = "Pace")]
    pub deadline: Option<Duration>,
    /// Keep in this file where the scan stands, and go on there if an earlier one has left it
    ///
    /// The file holds targets and ports, so that --resume FILE alone goes on. It is gone once everything was asked.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Pace")]
    pub resume: Option<PathBuf>,
    /// List closed, filtered and unreachable ports too
    #[arg(long, overrides_with = "open", help_heading = "Output")]
    pub all: bool,
    /// List open ports only, as without --all, also where the settings say otherwise
    #[arg(long, overrides_with = "all", help_heading = "Output")]
    pub open: bool,
    /// Show in the table what each state is known from
    #[arg(long, help_heading = "Output")]
    pub reason: bool,
}

impl Default for Scan {
    /// No target yet, and everything else as on the command line.
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
            pace: TimingTemplate::default(),
            rate: None,
            timeout: Duration::from_secs(3),
            retries: None,
            deadline: None,
            resume: None,
            all: false,
            open: false,
            reason: false,
        }
    }
}

impl Scan {
    /// Whether ports that are not open are listed too.
    pub(super) fn lists_all(&self) -> bool {
        self.all && !self.open
    }
}

fn parse_rate(text: &str) -> Result<NonZeroU32, ParseError> {
    let hint = "write how many questions a second, from 1 up";
    text.parse().map_err(|_| ParseError::new("it is no number of questions a second", hint))
}

fn parse_top(text: &str) -> Result<u16, ParseError> {
    let count = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| ParseError::new("it is no number of ports", "write how many, from 1 to 65535"))
}

fn parse_retries(text: &str) -> Result<u8, ParseError> {
    let count = text.parse().ok().filter(|&count| count <= 100);
    count.ok_or_else(|| ParseError::new("it is no number of further attempts", "write how many, from 0 to 100"))
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, Parser};

    use super::*;

    #[derive(Parser)]
    struct LineArg {
        #[command(flatten)]
        scan: Scan,
    }

    #[test]
    fn the_default_of_a_program_is_that_of_the_command_line() {
        let line =
            LineArg::from_arg_matches(&<LineArg as clap::CommandFactory>::command().get_matches_from(["x", "local"]));
        let scan = Scan { targets: vec!["local".to_owned()], ..Scan::default() };
        assert_eq!(format!("{:?}", line.unwrap().scan), format!("{scan:?}"));
    }

    #[test]
    fn times_have_units_and_an_end() {
        assert_eq!(parse_duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_duration("1m 30s").unwrap(), Duration::from_secs(90));
        for text in ["", "0s", "-1s", "5", "2 parsecs", "9999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
