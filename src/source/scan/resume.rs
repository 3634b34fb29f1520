//! `--resume FILE`: the progress of a scan, from which a later run continues.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::done::{DoneBits, FinishedProbes};
use super::plan_part::PlanPart;
use super::results::FoundPort;
use super::scan_counts::ScanCounts;
use super::targets::HostNames;
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result, plain};
use crate::model::{AddressRange, Addresses, PartialError, Ports, Reason, Transport};

/// The format version of the file. It changes with the meaning of a field.
const SCHEMA: &str = "portolan/resume/v3";
/// Progress of more probes is not stored: it would take 96 MB of memory, and 192 MB of the file.
const MAX_PROBES: u64 = 1 << 28;
/// portolan writes no larger file.
const MAX_BYTES: u64 = 1 << 30;
/// The progress that a crash may cost.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: String,
    /// The first and the last address of each range, sorted.
    targets: Vec<(IpAddr, IpAddr)>,
    parts: Vec<PartRecord>,
    names: BTreeMap<IpAddr, Vec<Option<String>>>,
    found: Vec<FoundRecord>,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    udp: bool,
    ports: String,
    /// A bit per probe, in words of 64 as 16 hexadecimal digits; trailing zero words are left out.
    done: String,
    /// The low and the high bit of each finished probe's state, in the same form.
    low: String,
    high: String,
}

#[derive(Serialize, Deserialize)]
struct FoundRecord {
    address: SocketAddr,
    udp: bool,
    reason: Reason,
    rtt_us: Option<u64>,
    attempts: u8,
}

/// The progress of an earlier run.
pub(super) struct ResumeState {
    pub(super) addresses: Addresses,
    pub(super) parts: Vec<PlanPart>,
    pub(super) names: HostNames,
    found: Vec<FoundPort>,
    /// The finished probes of each part.
    bits: Vec<DoneBits>,
}

impl ResumeState {
    /// Reads the file, if it exists.
    ///
    /// # Errors
    /// The file is unreadable, or not a resume file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(resume_error(path, plain(&error), "name another file")),
            Ok(_) => match serde_json::from_str::<Record>(&text).ok().and_then(Self::of) {
                Some(previous) => Ok(Some(previous)),
                None => {
                    let why = "it is not a resume file of this version";
                    Err(resume_error(path, why, "name another file, or remove it"))
                }
            },
        }
    }

    /// Whether the scan covers UDP ports only.
    pub(super) fn is_of_udp(&self) -> bool {
        self.parts.iter().all(|part| part.transport == Transport::Udp)
    }

    fn of(record: Record) -> Option<Self> {
        if record.schema != SCHEMA {
            return None;
        }

        let blocks: Option<Vec<AddressRange>> =
            record.targets.into_iter().map(|(first, last)| AddressRange::new(first, last)).collect();
        let addresses = Addresses::new(blocks?);

        let parts = record.parts.iter().map(|part| part_of(part, &addresses)).collect::<Option<Vec<_>>>()?;
        let (parts, bits): (Vec<PlanPart>, Vec<_>) = parts.into_iter().unzip();

        let found = record.found.into_iter().map(|FoundRecord { address, udp, reason, rtt_us, attempts }| {
            let transport = transport(udp);
            let mut covering = parts.iter().filter(|part| part.transport == transport);
            let covered = addresses.contains(address.ip()) && covering.any(|part| part.ports.contains(address.port()));
            covered.then_some(FoundPort { address, transport, reason, rtt_us, attempts })
        });

        let found: Vec<FoundPort> = found.collect::<Option<_>>()?;
        let names = record.names.into_iter();
        let names =
            names.map(|(ip, names)| (ip, names.into_iter().map(|name| name.map(Into::into)).collect())).collect();

        (!addresses.is_empty() && !parts.is_empty()).then_some(Self { addresses, parts, names, found, bits })
    }
}

fn part_of(record: &PartRecord, addresses: &Addresses) -> Option<(PlanPart, DoneBits)> {
    let ports: Ports = record.ports.parse().ok()?;
    let bits = DoneBits { done: words(&record.done)?, low: words(&record.low)?, high: words(&record.high)? };
    let probes = addresses.len().saturating_mul(ports.len() as u128);
    let done: u128 = bits.done.iter().map(|word| u128::from(word.count_ones())).sum();

    let most = [&bits.done, &bits.low, &bits.high].into_iter().map(Vec::len).max().unwrap_or_default();
    let fits = most as u128 <= probes.div_ceil(64) && done <= probes;
    fits.then_some((PlanPart { transport: transport(record.udp), ports }, bits))
}

/// Words of 16 hexadecimal digits.
fn words(digits: &str) -> Option<Vec<u64>> {
    digits.as_bytes().chunks(16).map(|word| u64::from_str_radix(str::from_utf8(word).ok()?, 16).ok()).collect()
}

fn transport(udp: bool) -> Transport {
    if udp { Transport::Udp } else { Transport::Tcp }
}

/// The file of a scan in progress.
pub(super) struct Resume {
    path: PathBuf,
    addresses: Addresses,
    parts: Vec<(PlanPart, Arc<FinishedProbes>)>,
    names: HostNames,
    /// Results of this run and of earlier ones.
    found: Vec<FoundPort>,
    saved: Instant,
    failure: Option<io::Error>,
}

impl Resume {
    /// Starts or continues a file, and writes it at once to show whether it is writable.
    ///
    /// # Errors
    /// The file is not writable; there are too many probes; the targets or ports differ from the earlier run's.
    pub(super) fn begin(
        path: &Path,
        previous: Option<ResumeState>,
        parts: &[PlanPart],
        addresses: &Addresses,
        names: &HostNames,
    ) -> Result<Self> {
        if addresses.has_zones() {
            let why = "a scan of link-local addresses cannot be resumed";
            return Err(resume_error(path, why, "leave --resume out"));
        }

        let ports: usize = parts.iter().map(|part| part.ports.len()).sum();
        let hosts = u64::try_from(addresses.len()).ok();
        let hosts = hosts.filter(|hosts| hosts.checked_mul(ports as u64).is_some_and(|probes| probes <= MAX_PROBES));
        let hosts = hosts.ok_or_else(|| resume_error(path, TOO_MANY, "scan the targets in parts"))?;

        if previous.as_ref().is_some_and(|previous| (&previous.addresses, &*previous.parts) != (addresses, parts)) {
            let why = "the scan in it has other targets or ports";
            return Err(resume_error(path, why, "leave targets and ports out, or name another file"));
        }

        let (found, bits) = previous.map(|previous| (previous.found, previous.bits)).unwrap_or_default();
        let bits = bits.into_iter().chain(std::iter::repeat_with(DoneBits::default));
        let mut tracked = Vec::with_capacity(parts.len());

        for (part, bits) in parts.iter().zip(bits) {
            tracked.push((part.clone(), Arc::new(FinishedProbes::new(hosts, &part.ports, bits))));
        }

        let mut resume = Self {
            path: path.to_owned(),
            addresses: addresses.clone(),
            parts: tracked,
            names: names.clone(),
            found,
            saved: Instant::now(),
            failure: None,
        };

        let bits = resume.snapshot();
        resume.save(&bits);
        match resume.failure.take() {
            Some(error) => Err(resume_error(&resume.path, plain(&error), "name a file in a writable directory")),
            None => Ok(resume),
        }
    }

    /// The finished probes of a part.
    pub(super) fn done(&self, part: usize) -> Option<Arc<FinishedProbes>> {
        self.parts.get(part).map(|(_, done)| Arc::clone(done))
    }

    /// The finished probes of all parts.
    pub(super) fn all_done(&self) -> impl Iterator<Item = &Arc<FinishedProbes>> {
        self.parts.iter().map(|(_, done)| done)
    }

    /// The number of ports in each state that earlier runs found.
    pub(super) fn earlier(&self) -> ScanCounts {
        let mut counts = ScanCounts::default();
        for (part, done) in &self.parts {
            counts.add(&done.counts(part.transport));
        }
        counts
    }

    fn snapshot(&self) -> Vec<DoneBits> {
        self.all_done().map(|done| done.snapshot()).collect()
    }

    /// Results of earlier runs.
    pub(super) fn found(&self) -> &[FoundPort] {
        &self.found
    }

    pub(super) fn add(&mut self, found: FoundPort) {
        self.found.push(found);
    }

    /// A snapshot to save, once [`SAVE_INTERVAL`] has passed. [Add](Self::add) every earlier result before you save it.
    pub(super) fn due(&self) -> Option<Vec<DoneBits>> {
        (self.saved.elapsed() >= SAVE_INTERVAL).then(|| self.snapshot())
    }

    /// Writes the file: the probes in the snapshot, and their results.
    pub(super) fn save(&mut self, bits: &[DoneBits]) {
        self.failure = self.write(bits).err();
        self.saved = Instant::now();
    }

    /// Removes the file if `total` probes have finished, otherwise writes it a last time. `Some`: how to continue.
    ///
    /// # Errors
    /// The file is no longer writable.
    pub(super) fn finish(mut self, total: u64) -> Result<Option<String>, PartialError> {
        let bits = self.snapshot();
        if self.all_done().map(|done| done.count()).sum::<u64>() >= total {
            let _ = fs::remove_file(&self.path);
            return Ok(None);
        }

        self.save(&bits);
        let shown = clean(&self.path.to_string_lossy());
        match self.failure {
            Some(error) => Err(PartialError {
                operation: format!("write '{shown}'"),
                cause: plain(&error),
                hint: "free some space; the file is older than this scan".to_owned(),
            }),
            None => Ok(Some(format!("to continue: portolan scan --resume '{shown}'"))),
        }
    }

    fn write(&self, bits: &[DoneBits]) -> io::Result<()> {
        let found = self.found.iter().filter(|found| self.is_in_snapshot(found, bits)).map(
            |&FoundPort { address, transport, reason, rtt_us, attempts }| FoundRecord {
                address,
                udp: transport == Transport::Udp,
                reason,
                rtt_us,
                attempts,
            },
        );
        let parts = self.parts.iter().zip(bits).map(|((part, _), bits)| PartRecord {
            udp: part.transport == Transport::Udp,
            ports: part.ports.to_string(),
            done: digits(&bits.done),
            low: digits(&bits.low),
            high: digits(&bits.high),
        });

        let record = Record {
            schema: SCHEMA.to_owned(),
            targets: self.addresses.blocks().collect(),
            parts: parts.collect(),
            names: self.names.iter().map(|(ip, names)| (*ip, raw(names))).collect(),
            found: found.collect(),
        };

        let mut temporary = self.path.clone().into_os_string();
        temporary.push(format!(".{}", std::process::id()));
        let text = serde_json::to_vec(&record)?;
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&temporary, &self.path));

        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }

        written
    }

    /// Whether the probe of a result had finished when the snapshot was taken.
    fn is_in_snapshot(&self, found: &FoundPort, bits: &[DoneBits]) -> bool {
        let (ip, port) = (found.address.ip(), found.address.port());
        let Some(host) = self.addresses.position(ip).and_then(|at| u64::try_from(at).ok()) else { return false };

        let mut parts = self.parts.iter().zip(bits).filter(|((part, _), _)| part.transport == found.transport);
        parts.any(|((_, done), bits)| done.had(bits, host, port))
    }
}

fn raw(names: &[Option<Untrusted>]) -> Vec<Option<String>> {
    names.iter().map(|name| name.as_ref().map(|name| name.as_raw().to_owned())).collect()
}

fn digits(bits: &[u64]) -> String {
    let words = bits.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
    bits[..words].iter().fold(String::with_capacity(words * 16), |mut digits, word| {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut digits, format_args!("{word:016x}"));
        digits
    })
}

const TOO_MANY: &str = "the scan has too many probes to store its progress";

fn resume_error(path: &Path, why: impl Into<String>, hint: &str) -> Error {
    Error::usage(format!("--resume '{}'", clean(&path.to_string_lossy())), why, hint)
}
