//! Turns targets into addresses: reads files, resolves names, looks up interfaces.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use super::namespaces::{NamespaceAddresses, other_addresses};
use super::options::Scan;
use crate::clean::{Untrusted, clean, redacted_url};
use crate::error::{Error, Result, plain};
use crate::model::{AddressRange, Addresses, PartialError, Target, TargetWithPort};
use crate::net::{Family, interface_index, own_addresses, resolve, with_interface};

/// Longer lines are not targets.
const MAX_LINE_BYTES: u64 = 4096;
/// More lines are not a target list: 16 million addresses are written as networks.
const MAX_LINES: usize = 1 << 24;

/// The names that each address was resolved from, in the order of the targets. The first may be `None`: the address is a target
/// by itself too, and a server may have another answer for it.
pub(super) type HostNames = BTreeMap<IpAddr, Vec<Option<Untrusted>>>;

/// The targets of a scan.
#[derive(Debug, Default)]
pub(super) struct ScanTargets {
    pub(super) addresses: Addresses,
    /// Addresses of which only this port is scanned.
    pub(super) with_port: BTreeMap<u16, Addresses>,
    pub(super) names: HostNames,
    /// Names that do not resolve, and namespaces that could not be read.
    pub(super) faults: Vec<PartialError>,
    /// This machine's other network namespaces, if `local` is a target.
    pub(super) others: Vec<NamespaceAddresses>,
    /// The permission that is missing to enter some of them.
    pub(super) limit: Option<PartialError>,
    /// Whether `others` is complete.
    pub(super) everywhere: bool,
}

/// Reads the targets of the options.
///
/// # Errors
/// The first invalid target, with its position; an unreadable file; an interface that does not exist, has no address or is
/// down.
pub(super) fn read(options: &Scan) -> Result<ScanTargets> {
    let family = match (options.ipv4, options.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Both,
    };

    let mut included = TargetReader::new(family);
    for target in &options.targets {
        match target.strip_prefix('@') {
            Some("") => {
                return Err(Error::usage("target '@'", "the file name is missing", "write @FILE, as in @hosts.txt"));
            }
            Some(file) => included.file(Path::new(file))?,
            None if target == "-" => included.lines(io::stdin().lock(), "standard input")?,
            None => included.target(target, &|text| format!("target '{text}'"))?,
        }
    }
    if let Some(name) = &options.interface {
        included.interface(name)?;
    }

    let mut excluded = TargetReader::new(Family::Both);
    excluded.is_exclusion = true;
    for target in &options.exclude {
        excluded.target(target, &|text| format!("--exclude '{text}'"))?;
    }
    if let Some(file) = &options.exclude_file {
        excluded.file(file)?;
    }
    // An excluded name that does not resolve might be scanned under another name: scan nothing.
    if let Some(fault) = excluded.faults.first() {
        return Err(Error::usage("--exclude", format!("cannot {}: {}", fault.operation, fault.cause), &fault.hint));
    }
    // A connection to the unspecified address is a connection to this machine, and says nothing about the network.
    let unspecified = [IpAddr::from([0; 4]), IpAddr::from([0u16; 8])].map(AddressRange::from);
    let excluded = excluded.addresses.finish().with(excluded.named.finish().ranges()).with(unspecified);

    let TargetReader { addresses, named, with_port, mut names, mut faults, local, .. } = included;
    if local && options.proxy.is_some() {
        let why = "it stands for this machine, which no proxy reaches by these addresses";
        return Err(Error::usage("target 'local'", why, "leave --proxy out, or name other hosts"));
    }
    let before = faults.len();
    let (others, limit) = if local { other_addresses(family, &excluded, &mut faults) } else { (Vec::new(), None) };
    let everywhere = local && limit.is_none() && faults.len() == before;

    let (addresses, named) = (addresses.finish(), named.finish());
    for (ip, names) in &mut names {
        if addresses.contains(*ip) && named.contains(*ip) {
            names.insert(0, None);
        }
    }
    let addresses = addresses.with(named.ranges()).without(&excluded);
    let with_port = with_port.into_iter().map(|(port, list)| (port, list.finish().without(&excluded)));
    let with_port = with_port.filter(|(_, addresses)| !addresses.is_empty()).collect();
    Ok(ScanTargets { addresses, with_port, names, faults, others, limit, everywhere })
}

/// Says how an IPv6 address is read that its writer may have taken for an address with a port, as in `::1:8080`.
pub(super) fn note_on_ambiguity(target: &str) -> Option<String> {
    let whole = target.parse::<Ipv6Addr>().ok()?;
    let (host, port) = target.rsplit_once(':')?;
    let host = host.parse::<Ipv6Addr>().ok()?;
    let is_port = port.len() >= 2 && !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port.then(|| format!("{whole} is scanned as an address; for port {port} of {host}, write [{host}]:{port}"))
}

/// Whether a target has only addresses of groups of hosts.
fn is_of_groups(target: &Target) -> bool {
    match target {
        Target::AddressRange(block) => block.is_of_groups(),
        Target::AddressRanges(blocks) => !blocks.is_empty() && blocks.iter().all(AddressRange::is_of_groups),
        Target::Zoned(ip, _) => ip.is_multicast(),
        Target::Name(_) | Target::Local => false,
    }
}

struct TargetReader {
    family: Family,
    addresses: AddressList,
    /// Those that names resolve to.
    named: AddressList,
    with_port: BTreeMap<u16, AddressList>,
    /// The port of the target being read.
    port: Option<u16>,
    names: HostNames,
    faults: Vec<PartialError>,
    /// The number of targets read.
    count: usize,
    /// Whether `local` is a target.
    local: bool,
    /// Whether these are to be left out: there may be none, and none has a port.
    is_exclusion: bool,
}

/// Addresses in the order of a list, which may repeat hosts or name neighbours one by one: merged now and then, they take
/// the memory of their networks.
#[derive(Default)]
struct AddressList {
    merged: Addresses,
    added: Vec<AddressRange>,
}

/// Fewer added ranges are not merged.
const MIN_MERGE: usize = 1 << 14;

impl AddressList {
    fn push(&mut self, range: AddressRange) {
        self.added.push(range);
        // The longer the list, the rarer a merge, which reads all of it.
        if self.added.len() >= MIN_MERGE.max(self.merged.number_of_ranges() / 4) {
            self.merged = self.merged.with(std::mem::take(&mut self.added));
        }
    }

    fn finish(self) -> Addresses {
        self.merged.with(self.added)
    }
}

impl TargetReader {
    fn new(family: Family) -> Self {
        Self {
            family,
            addresses: AddressList::default(),
            named: AddressList::default(),
            with_port: BTreeMap::new(),
            port: None,
            names: BTreeMap::new(),
            faults: Vec::new(),
            count: 0,
            local: false,
            is_exclusion: false,
        }
    }

    /// Adds one target; `position` names its position in an error.
    fn target(&mut self, text: &str, position: &dyn Fn(&str) -> String) -> Result<()> {
        self.count += 1;
        let target = text.parse::<TargetWithPort>();
        let TargetWithPort { target, port } =
            target.map_err(|error| Error::usage(shown_target(text, position), error.to_string(), error.hint()))?;
        if self.is_exclusion && port.is_some() {
            return Err(Error::usage(
                shown_target(text, position),
                "what is left out has no port",
                "use --exclude-ports for ports",
            ));
        }
        self.port = port;
        if !self.is_exclusion && is_of_groups(&target) {
            let why = "no connection reaches a multicast or broadcast address";
            return Err(Error::usage(shown_target(text, position), why, "write the addresses of hosts"));
        }

        match target {
            Target::AddressRange(block) => self.block(block),
            Target::AddressRanges(blocks) => blocks.into_iter().for_each(|block| self.block(block)),
            Target::Zoned(ip, zone) => {
                let Some(index) = interface_index(&zone) else {
                    let why = format!("there is no interface '{}'", clean(&zone));
                    return Err(Error::usage(shown_target(text, position), why, INTERFACE_HINT));
                };
                self.block(AddressRange::from(IpAddr::from(ip)).in_zone(index));
            }
            Target::Name(name) => self.name(&name),
            Target::Local => {
                self.local |= port.is_none();
                let own = own_addresses();
                let own = own.map_err(|error| Error::io("list this machine's addresses", error, "name them"))?;
                for ip in own {
                    self.block(ip.into());
                }
            }
        }

        Ok(())
    }

    fn block(&mut self, block: AddressRange) {
        if !self.family.takes(block.is_ipv6()) {
            return;
        }
        if let Some(port) = self.port {
            return self.with_port.entry(port).or_default().push(block);
        }
        self.addresses.push(block);
    }

    fn name(&mut self, name: &str) {
        let why = match resolve(name) {
            Ok(found) => {
                let addresses: Vec<IpAddr> = found.into_iter().filter(|ip| self.family.takes(ip.is_ipv6())).collect();
                for &ip in &addresses {
                    match self.port {
                        Some(port) => self.with_port.entry(port).or_default().push(ip.into()),
                        None => self.named.push(ip.into()),
                    }
                    let names = self.names.entry(ip).or_default();
                    if !names.iter().flatten().any(|known| known.as_raw().eq_ignore_ascii_case(name)) {
                        names.push(Some(name.into()));
                    }
                }
                if !addresses.is_empty() {
                    return;
                }
                "it has no address of the requested family".to_owned()
            }
            Err(error) => clean(&error.to_string()),
        };

        self.faults.push(PartialError {
            operation: format!("resolve '{}'", clean(name)),
            cause: why,
            hint: "check its spelling, or name the address".to_owned(),
        });
    }

    fn interface(&mut self, name: &str) -> Result<()> {
        let what = format!("--interface '{}'", clean(name));
        let found = with_interface(name);
        let found = found.map_err(|error| Error::io("list this machine's interfaces", error, "name the network"))?;

        let Some((nets, up)) = found else {
            let (why, hint) = match interface_index(name) {
                Some(_) => {
                    ("it has no address to take a network from", "check `ip address`, and name the network instead")
                }
                None => ("there is no such interface", INTERFACE_HINT),
            };
            return Err(Error::usage(what, why, hint));
        };
        if !up {
            let hint = "bring it up (`ip link set NAME up`), or name another";
            return Err(Error::usage(what, "the interface is down", hint));
        }

        self.port = None;
        for net in nets {
            self.block(net.into());
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let shown = clean(&path.to_string_lossy());
        let file = File::open(path).map_err(|error| Error::usage(format!("'{shown}'"), plain(&error), HINT))?;
        self.lines(BufReader::new(file), &shown)
    }

    /// Adds the targets of every line, separated by blanks; `#` starts a comment.
    fn lines(&mut self, mut from: impl BufRead, shown: &str) -> Result<()> {
        let (before, mut line, mut number) = (self.count, Vec::new(), 0);
        loop {
            line.clear();
            number += 1;
            let read = io::Read::take(&mut from, MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let read = read.map_err(|error| Error::usage(format!("'{shown}'"), plain(&error), HINT))?;
            if read == 0 {
                break;
            }

            if number > MAX_LINES || read as u64 == MAX_LINE_BYTES {
                let what = format!("line {number} of {shown}");
                let hint = "write one target per line, networks as 10.0.0.0/8";
                return Err(Error::usage(what, "this is not a list of targets", hint));
            }
            if line.contains(&0) {
                let is_utf16 = line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff");
                let why = if is_utf16 { "it is in UTF-16" } else { "it contains a NUL byte, so it is not text" };
                let hint = "save the list as plain text, in UTF-8";
                return Err(Error::usage(format!("line {number} of {shown}"), why, hint));
            }

            let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            let text = String::from_utf8_lossy(bytes);
            for target in text.split('#').next().unwrap_or_default().split_whitespace() {
                self.target(target, &|text| format!("'{text}' in line {number} of {shown}"))?;
            }
        }

        if self.count == before && !self.is_exclusion {
            return Err(Error::usage(shown, "it contains no target", "write one or more per line"));
        }
        Ok(())
    }
}

/// A target and its position, as an error shows them.
fn shown_target(text: &str, position: &dyn Fn(&str) -> String) -> String {
    position(&clean(&redacted_url(text)))
}

const HINT: &str = "name a file with one target per line, or - for standard input";
const INTERFACE_HINT: &str = "check `ip link` for the names of this machine's interfaces";

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Result<Addresses> {
        let mut reader = TargetReader::new(Family::V4);
        reader.lines(text.as_bytes(), "list")?;
        Ok(reader.addresses.finish())
    }

    fn why(text: &str) -> String {
        addresses(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_holds_targets_blanks_and_comments() {
        let set = addresses("\u{feff}10.0.0.1 # the first\r\n\n# nothing\n10.0.0.4-5 10.0.0.5\n2001:db8::1\n").unwrap();
        let listed: Vec<String> = (0..set.len()).map(|at| set.get(at).unwrap().to_string()).collect();
        assert_eq!(listed, ["10.0.0.1", "10.0.0.4", "10.0.0.5"], "only IPv4");
    }

    #[test]
    fn an_invalid_target_is_reported_with_its_line() {
        let many = "10.0.0.1\n".repeat(9_999);
        assert_eq!(
            why(&format!("{many}10.0.0.0/33\n")),
            "cannot use '10.0.0.0/33' in line 10000 of list: '/33' is not a prefix length"
        );
        assert_eq!(why("# nothing\n\n"), "cannot use list: it contains no target");
        assert_eq!(why(&"x".repeat(5000)), "cannot use line 1 of list: this is not a list of targets");
        assert!(why("\u{1b}[2J").contains("\\u{1b}[2J"));

        let utf16: Vec<u8> = "\u{feff}10.0.0.1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = TargetReader::new(Family::V4).lines(&*utf16, "list").unwrap_err().to_string();
        assert_eq!(error, "cannot use line 1 of list: it is in UTF-16");
    }

    #[test]
    fn a_long_list_takes_the_memory_of_its_networks() {
        let mut reader = TargetReader::new(Family::V4);
        for bits in 0..300_000 {
            reader.block(IpAddr::from(std::net::Ipv4Addr::from_bits(bits)).into());
            assert!(reader.addresses.added.len() <= MIN_MERGE);
        }
        let addresses = reader.addresses.finish();
        assert_eq!((addresses.len(), addresses.number_of_ranges()), (300_000, 1));
    }
}
