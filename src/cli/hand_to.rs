//! `--hand-to`: runs a command for each host with open ports.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::IpAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, access};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::exit::Exit;
use super::signals::Stop;
use super::stderr;
use crate::clean::clean;
use crate::error::{Error, Result, plain};
use crate::model::{Address, ParseError, PartialError, Service, Transport};

/// A command line in which `{ip}` and `{ports}` stand for a host.
#[derive(Clone, Debug)]
pub(super) struct HandTo {
    words: Vec<String>,
}

/// The open ports of each host.
pub(super) type Hosts = BTreeMap<IpAddr, BTreeSet<(Transport, u16)>>;

const PLACEHOLDERS: &str = "{ip} stands for the host's address, {ports} for its open ports, separated by commas";

impl FromStr for HandTo {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let words = shlex::split(text).ok_or_else(|| ParseError::new("a quote is not closed", "close it"))?;
        if words.first().is_none_or(String::is_empty) {
            return Err(ParseError::new("the command is empty", "write one, as in 'nmap -sV -p {ports} {ip}'"));
        }
        if words.iter().any(|word| has_unknown_placeholder(word)) {
            return Err(ParseError::new("it contains an unknown name in braces", PLACEHOLDERS));
        }
        Ok(Self { words })
    }
}

fn has_unknown_placeholder(word: &str) -> bool {
    let placeholders = word.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    placeholders.map(|(name, _)| name).any(|name| {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name && !matches!(name, "ip" | "ports")
    })
}

impl HandTo {
    /// Finds the program.
    ///
    /// # Errors
    /// If no executable file has that name.
    pub(super) fn program(&self) -> Result<PathBuf> {
        find("--hand-to", &self.words[0])
    }

    /// Runs the program once per host, one after another, until `stop`. Its output goes to portolan's standard output, or to
    /// standard error if standard output holds a document.
    pub(super) fn run(&self, program: &Path, hosts: &Hosts, on_stdout: bool, stop: &Stop) -> Exit {
        let mut exit = Exit::Done;
        for (ip, ports) in hosts {
            if stop.requested().is_some() {
                break;
            }
            let mut command = Command::new(program);
            // It stays in our process group, so that Ctrl-C at the terminal reaches its children too.
            command.arg0(&self.words[0]).args(self.words[1..].iter().map(|word| fill(word, *ip, ports)));
            command.stdin(Stdio::null());
            if !on_stdout {
                command.stdout(std::io::stderr());
            }

            let ended = command.spawn().and_then(|child| wait(child, stop));
            let why = match ended {
                Ok(status) if status.success() => continue,
                // The user stopped it: no error.
                Ok(_) if stop.requested().is_some() => break,
                Ok(status) => describe(status),
                Err(error) => plain(&error),
            };

            let what = format!("hand {ip} to '{}'", clean(&self.words[0]));
            stderr::fault(&PartialError { operation: what, cause: why, hint: "see its own messages above".to_owned() });
            exit = Exit::ConditionFailed;
        }
        exit
    }
}

/// Finds the program that `option` names, as a shell would.
///
/// # Errors
/// If no executable file has that name.
pub(super) fn find(option: &str, word: &str) -> Result<PathBuf> {
    let name = Path::new(word);
    let found = if name.components().count() > 1 {
        Some(name.to_owned()).filter(|path| is_executable(path))
    } else {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_executable(path))
    };
    found.ok_or_else(|| {
        let what = format!("{option} '{}'", clean(word));
        Error::usage(what, "no executable program has that name", "check its spelling, or write its path")
    })
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Adds the ready endpoints of a service.
pub(super) fn add(hosts: &mut Hosts, service: &Service) {
    for endpoint in service.endpoints.iter().filter(|endpoint| endpoint.ready) {
        if let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) {
            hosts.entry(*ip).or_default().insert((endpoint.transport, port));
        }
    }
}

fn fill(word: &str, ip: IpAddr, ports: &BTreeSet<(Transport, u16)>) -> String {
    word.replace("{ip}", &ip.to_string()).replace("{ports}", &list(ports))
}

/// `22,80`, or `T:22,80,U:53` (the syntax of port scanners) if there is more than TCP.
fn list(ports: &BTreeSet<(Transport, u16)>) -> String {
    let all_tcp = ports.iter().all(|(transport, _)| *transport == Transport::Tcp);
    let mut previous = None;
    let mut texts = Vec::new();
    for &(transport, port) in ports {
        let is_first = previous.replace(transport) != Some(transport);
        let prefix = match transport {
            _ if all_tcp || !is_first => "",
            Transport::Udp => "U:",
            _ => "T:",
        };
        texts.push(format!("{prefix}{port}"));
    }
    texts.join(",")
}

/// Describes how a program ended.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (_, Some(signal)) => format!("it was killed by signal {signal}"),
        _ => "it ended".to_owned(),
    }
}

/// How often the stop signal is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// Waits for the program to exit. On a stop signal, terminates it.
fn wait(mut child: Child, stop: &Stop) -> std::io::Result<ExitStatus> {
    let pid = Pid::from_child(&child);
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let poll_interval = Timespec::try_from(POLL_INTERVAL).map_err(std::io::Error::other)?;
    let mut terminated: Option<Instant> = None;

    while child.try_wait()?.is_none() {
        if terminated.is_none() && stop.requested().is_some() {
            let _ = kill_process(pid, Signal::TERM);
            terminated = Some(Instant::now());
        } else if terminated.is_some_and(|at| at.elapsed() >= GRACE) {
            let _ = kill_process(pid, Signal::KILL);
        }
        // A signal interrupts this wait.
        let _ = poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&poll_interval));
    }
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill_all(hand: &HandTo, ports: &BTreeSet<(Transport, u16)>) -> Vec<String> {
        hand.words.iter().map(|word| fill(word, [192, 0, 2, 7].into(), ports)).collect()
    }

    #[test]
    fn words_are_split_and_filled() {
        let hand: HandTo = "nmap -sV '-p {ports}' {ip} '' {} '{\"a\":1}'".parse().unwrap();
        let ports = BTreeSet::from([(Transport::Tcp, 80), (Transport::Tcp, 22)]);
        assert_eq!(fill_all(&hand, &ports), ["nmap", "-sV", "-p 22,80", "192.0.2.7", "", "{}", "{\"a\":1}"]);
        let both =
            BTreeSet::from([(Transport::Udp, 53), (Transport::Tcp, 80), (Transport::Tcp, 22), (Transport::Udp, 161)]);
        assert_eq!(fill_all(&hand, &both)[2], "-p T:22,80,U:53,161");
        for text in ["", "  ", "''", "nmap 'x", "nmap {port}", "nmap -p{host}"] {
            assert!(text.parse::<HandTo>().is_err(), "{text}");
        }
    }
}
