//! From what somebody wrote to addresses: files are read, names resolved, interfaces looked up.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use super::namespaces::{NamespaceAddresses, elsewhere};
use super::options::Scan;
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result, plain};
use crate::model::{AddressRange, Addresses, ParseError, PartialError, Target};
use crate::net::{Family, interface_index, own_addresses, resolve, with_interface};

/// Longer lines are no targets, whatever else they may be.
const LONGEST_LINE: u64 = 4096;
/// More lines are no list that somebody wants scanned: 16 million addresses are written as networks.
const MAX_LINES: usize = 1 << 24;

/// What is to be scanned.
#[derive(Debug, Default)]
pub(super) struct ScanTargets {
    pub(super) addresses: Addresses,
    /// The names that addresses were given by.
    pub(super) names: BTreeMap<IpAddr, Untrusted>,
    /// Names that nobody knows, and namespaces that could not be looked into.
    pub(super) faults: Vec<PartialError>,
    /// Of this machine's other network namespaces, where `local` is among the targets.
    pub(super) elsewhere: Vec<NamespaceAddresses>,
    /// That some of them may not be entered.
    pub(super) limit: Option<PartialError>,
    /// Whether there is no other than these.
    pub(super) everywhere: bool,
}

/// Puts together what the options ask for.
///
/// # Errors
/// The first text that is no target, with its place; a file that cannot be read; an interface that is not there, has no
/// address or is down.
pub(super) fn read(options: &Scan) -> Result<ScanTargets> {
    let family = match (options.ipv4, options.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Both,
    };
    let mut wanted = TargetReader::new(family);
    for word in &options.targets {
        match word.strip_prefix('@') {
            Some("") => {
                return Err(Error::usage("target '@'", "a file's name is missing", "write @FILE, as in @hosts.txt"));
            }
            Some(file) => wanted.file(Path::new(file))?,
            None if word == "-" => wanted.lines(io::stdin().lock(), "standard input")?,
            None => wanted.word(word, &|text| format!("target '{text}'"))?,
        }
    }
    if let Some(name) = &options.interface {
        wanted.interface(name)?;
    }
    let mut unwanted = TargetReader::new(Family::Both);
    for word in &options.exclude {
        unwanted.word(word, &|text| format!("--exclude '{text}'"))?;
    }
    if let Some(file) = &options.exclude_file {
        unwanted.file(file)?;
    }
    // What should be left out and is not known might be asked by another name: then nothing is asked.
    if let Some(fault) = unwanted.faults.first() {
        return Err(Error::usage("--exclude", format!("cannot {}: {}", fault.operation, fault.cause), &fault.hint));
    }
    // To connect to «every address» is to connect to oneself, and says nothing of the network it stands in.
    unwanted.blocks.extend([IpAddr::from([0; 4]), IpAddr::from([0u16; 8])].map(AddressRange::from));
    let unwanted = Addresses::new(unwanted.blocks);
    let TargetReader { blocks, names, mut faults, local, .. } = wanted;
    let named = faults.len();
    let (elsewhere, limit) = if local { elsewhere(family, &unwanted, &mut faults) } else { (Vec::new(), None) };
    let everywhere = local && limit.is_none() && faults.len() == named;
    let addresses = Addresses::new(blocks).without(&unwanted);
    Ok(ScanTargets { addresses, names, faults, elsewhere, limit, everywhere })
}

struct TargetReader {
    family: Family,
    blocks: Vec<AddressRange>,
    names: BTreeMap<IpAddr, Untrusted>,
    faults: Vec<PartialError>,
    /// With so many blocks, see whether fewer say the same.
    roomy: usize,
    /// Targets that were taken.
    taken: usize,
    /// Whether this machine is among them.
    local: bool,
}

/// A list names the same hosts again, or neighbours one by one: merged now and then, it takes the memory of its networks.
const MERGE: usize = 1 << 16;

impl TargetReader {
    fn new(family: Family) -> Self {
        Self {
            family,
            blocks: Vec::new(),
            names: BTreeMap::new(),
            faults: Vec::new(),
            roomy: MERGE,
            taken: 0,
            local: false,
        }
    }

    /// Takes one target; `place` says where it stands, for an error.
    fn word(&mut self, text: &str, place: &dyn Fn(&str) -> String) -> Result<()> {
        self.taken += 1;
        let refused = |error: &ParseError| Error::usage(place(&clean(text)), error.to_string(), error.hint());
        match text.parse::<Target>().map_err(|error| refused(&error))? {
            Target::AddressRange(block) => self.block(block),
            Target::Zoned(ip, zone) => {
                let hint = "see `ip link` for the names of this machine's interfaces";
                let why = || format!("there is no interface '{}'", clean(&zone));
                let index = interface_index(&zone).ok_or_else(|| Error::usage(place(&clean(text)), why(), hint))?;
                self.block(AddressRange::from(IpAddr::from(ip)).in_zone(index));
            }
            Target::Name(name) => self.name(&name),
            Target::Local => {
                self.local = true;
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
        if self.family.takes(block.is_ipv6()) {
            self.blocks.push(block);
        }
        if self.blocks.len() >= self.roomy {
            self.blocks = Addresses::new(std::mem::take(&mut self.blocks)).into_blocks();
            self.roomy = MERGE.max(self.blocks.len() * 2);
        }
    }

    fn name(&mut self, name: &str) {
        let fault = |why: &str| PartialError {
            operation: format!("resolve '{}'", clean(name)),
            cause: why.to_owned(),
            hint: "look at its spelling, or name the address".to_owned(),
        };
        match resolve(name) {
            Ok(found) => {
                let wanted: Vec<IpAddr> = found.into_iter().filter(|ip| self.family.takes(ip.is_ipv6())).collect();
                if wanted.is_empty() {
                    self.faults.push(fault("it has no address of the wanted kind"));
                }
                for ip in wanted {
                    self.blocks.push(ip.into());
                    self.names.entry(ip).or_insert_with(|| name.into());
                }
            }
            Err(error) => self.faults.push(fault(&clean(&error.to_string()))),
        }
    }

    fn interface(&mut self, name: &str) -> Result<()> {
        let what = || format!("--interface '{}'", clean(name));
        let found = with_interface(name);
        let found = found.map_err(|error| Error::io("list this machine's interfaces", error, "name the network"))?;
        let Some((nets, up)) = found else {
            let (why, hint) = match interface_index(name) {
                Some(_) => {
                    ("it has no address to take a network from", "see `ip address`, and name the network instead")
                }
                None => ("there is no such interface", "see `ip link` for the names of this machine's interfaces"),
            };
            return Err(Error::usage(what(), why, hint));
        };
        if !up {
            return Err(Error::usage(
                what(),
                "the interface is down",
                "bring it up (`ip link set NAME up`), or name another",
            ));
        }
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

    /// Takes a target, or several between blanks, from every line; `#` begins a remark.
    fn lines(&mut self, mut from: impl BufRead, shown: &str) -> Result<()> {
        let (before, mut line, mut number) = (self.taken, Vec::new(), 0);
        loop {
            line.clear();
            number += 1;
            let place = |text: &str| format!("'{text}' in line {number} of {shown}");
            let read = io::Read::take(&mut from, LONGEST_LINE).read_until(b'\n', &mut line);
            let read = read.map_err(|error| Error::usage(format!("'{shown}'"), plain(&error), HINT))?;
            if read == 0 {
                break;
            }
            if number > MAX_LINES || read as u64 == LONGEST_LINE {
                let what = format!("line {number} of {shown}");
                return Err(Error::usage(
                    what,
                    "this is no list of targets",
                    "write a target a line, networks as 10.0.0.0/8",
                ));
            }
            if line.contains(&0) {
                let why = if line.starts_with(b"\xff\xfe") || line.starts_with(b"\xfe\xff") {
                    "it is in UTF-16"
                } else {
                    "it holds a NUL, and is no text"
                };
                return Err(Error::usage(
                    format!("line {number} of {shown}"),
                    why,
                    "save the list as plain text, in UTF-8",
                ));
            }
            let bytes = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            let text = String::from_utf8_lossy(bytes);
            let text = text.split('#').next().unwrap_or_default();
            text.split_whitespace().try_for_each(|word| self.word(word, &place))?;
        }
        if self.taken == before {
            return Err(Error::usage(shown, "there is no target in it", "write one or more a line"));
        }
        Ok(())
    }
}

const HINT: &str = "name a file with a target a line, or - for standard input";

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(text: &str) -> Result<Addresses> {
        let mut gathered = TargetReader::new(Family::V4);
        gathered.lines(text.as_bytes(), "list")?;
        Ok(Addresses::new(gathered.blocks))
    }

    fn why(text: &str) -> String {
        gathered(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_holds_targets_blanks_and_remarks() {
        let set = gathered("\u{feff}10.0.0.1 # the first\r\n\n# nothing\n10.0.0.4-5 10.0.0.5\n2001:db8::1\n").unwrap();
        let listed: Vec<String> = (0..set.len()).map(|at| set.get(at).unwrap().to_string()).collect();
        assert_eq!(listed, ["10.0.0.1", "10.0.0.4", "10.0.0.5"], "the family is chosen");
    }

    #[test]
    fn what_is_no_target_is_told_with_its_line() {
        let many = "10.0.0.1\n".repeat(9_999);
        assert_eq!(
            why(&format!("{many}10.0.0.0/33\n")),
            "cannot use '10.0.0.0/33' in line 10000 of list: '/33' is no prefix length"
        );
        assert_eq!(why("# nothing\n\n"), "cannot use list: there is no target in it");
        assert_eq!(why(&"x".repeat(5000)), "cannot use line 1 of list: this is no list of targets");
        assert!(why("\u{1b}[2J").contains("\\u{1b}[2J"));
        let utf16: Vec<u8> = "\u{feff}10.0.0.1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let error = TargetReader::new(Family::V4).lines(&*utf16, "list").unwrap_err().to_string();
        assert_eq!(error, "cannot use line 1 of list: it is in UTF-16");
    }

    #[test]
    fn a_long_list_takes_the_memory_of_what_it_says() {
        let mut gathered = TargetReader::new(Family::V4);
        for bits in 0..300_000 {
            gathered.block(IpAddr::from(std::net::Ipv4Addr::from_bits(bits)).into());
            assert!(gathered.blocks.len() <= MERGE);
        }
        assert_eq!(Addresses::new(gathered.blocks).len(), 300_000);
    }
}
