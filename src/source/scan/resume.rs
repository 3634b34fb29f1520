//! `--resume FILE`: where a scan stands, for a run that goes on with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::done::Done;
use super::plan::PlanPart;
use super::run::FoundPort;
use crate::clean::{Untrusted, clean};
use crate::error::{Error, Result, plain};
use crate::model::{AddressRange, Addresses, PartialError, Ports, Reason, Transport};

/// What the file begins with. A change of meaning makes it another number.
const SCHEMA: &str = "portolan/resume/v2";
/// More questions than this are not kept track of: the track would take 32 MB of memory, and 64 MB of the file.
const MAX_BYTES: u64 = 1 << 28;
/// No file of ours is larger.
const LARGEST: u64 = 1 << 30;
/// What a crash may cost.
const EVERY: Duration = Duration::from_secs(1);

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: String,
    /// The first and the last address of each block, sorted.
    targets: Vec<(IpAddr, IpAddr)>,
    parts: Vec<PartRecord>,
    names: BTreeMap<IpAddr, String>,
    found: Vec<FoundRecord>,
}

#[derive(Serialize, Deserialize)]
struct PartRecord {
    udp: bool,
    ports: String,
    /// A bit for each question, 16 hexadecimal digits for 64 of them; the end, where nothing is done, is left out.
    done: String,
}

#[derive(Serialize, Deserialize)]
struct FoundRecord {
    address: SocketAddr,
    udp: bool,
    reason: Reason,
    rtt_us: Option<u64>,
    attempts: u8,
}

/// What an earlier run has left.
pub(super) struct ResumeState {
    pub(super) addresses: Addresses,
    pub(super) parts: Vec<PlanPart>,
    pub(super) names: BTreeMap<IpAddr, Untrusted>,
    found: Vec<FoundPort>,
    /// Of each part.
    bits: Vec<Vec<u64>>,
}

impl ResumeState {
    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// Where it cannot be read, or is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(path, plain(&error), "name another file")),
            Ok(_) => match serde_json::from_str::<Record>(&text).ok().and_then(Self::of) {
                Some(left) => Ok(Some(left)),
                None => {
                    Err(refused(path, "it was not left by a scan of this version", "name another file, or remove it"))
                }
            },
        }
    }

    /// Whether only UDP ports were asked.
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
            let mut asked = parts.iter().filter(|part| part.transport == transport);
            let asked = addresses.contains(address.ip()) && asked.any(|part| part.ports.contains(address.port()));
            asked.then_some(FoundPort { address, transport, reason, rtt_us, attempts })
        });
        let found: Vec<FoundPort> = found.collect::<Option<_>>()?;
        let names = record.names.into_iter().map(|(ip, name)| (ip, name.into())).collect();
        (!addresses.is_empty() && !parts.is_empty()).then_some(Self { addresses, parts, names, found, bits })
    }
}

fn part_of(record: &PartRecord, addresses: &Addresses) -> Option<(PlanPart, Vec<u64>)> {
    let ports: Ports = record.ports.parse().ok()?;
    let words = record.done.as_bytes().chunks(16).map(|word| u64::from_str_radix(str::from_utf8(word).ok()?, 16).ok());
    let bits: Vec<u64> = words.collect::<Option<_>>()?;
    let questions = addresses.len().saturating_mul(ports.len() as u128);
    let done: u128 = bits.iter().map(|word| u128::from(word.count_ones())).sum();
    let fits = bits.len() as u128 <= questions.div_ceil(64) && done <= questions;
    fits.then_some((PlanPart { transport: transport(record.udp), ports }, bits))
}

fn transport(udp: bool) -> Transport {
    if udp { Transport::Udp } else { Transport::Tcp }
}

/// The file of a run under way.
pub(super) struct Resume {
    path: PathBuf,
    addresses: Addresses,
    parts: Vec<(PlanPart, Arc<Done>)>,
    names: BTreeMap<IpAddr, Untrusted>,
    /// What this run and those before it have found.
    found: Vec<FoundPort>,
    saved: Instant,
    failure: Option<io::Error>,
}

impl Resume {
    /// Begins or goes on with a file, which is written at once, so that it shows now whether it can be.
    ///
    /// # Errors
    /// Where it cannot be written; where the questions are too many, or others than those of an earlier run.
    pub(super) fn begin(
        path: &Path,
        left: Option<ResumeState>,
        parts: &[PlanPart],
        addresses: &Addresses,
        names: &BTreeMap<IpAddr, Untrusted>,
    ) -> Result<Self> {
        if addresses.has_zones() {
            let why = "a scan of link-local addresses cannot be gone on with";
            return Err(refused(path, why, "leave --resume out"));
        }
        let ports: usize = parts.iter().map(|part| part.ports.len()).sum();
        let hosts = u64::try_from(addresses.len()).ok();
        let hosts = hosts.filter(|hosts| hosts.checked_mul(ports as u64).is_some_and(|many| many <= MAX_BYTES));
        let hosts = hosts
            .ok_or_else(|| refused(path, "so many questions are not kept track of", "scan the targets in parts"))?;
        if left.as_ref().is_some_and(|left| (&left.addresses, &*left.parts) != (addresses, parts)) {
            let why = "the scan that left it had other targets or ports";
            return Err(refused(path, why, "leave targets and ports out, which it holds, or name another file"));
        }
        let (found, bits) = left.map(|left| (left.found, left.bits)).unwrap_or_default();
        let bits = bits.into_iter().chain(std::iter::repeat_with(Vec::new));
        let done = |(part, bits): (&PlanPart, _)| (part.clone(), Arc::new(Done::new(hosts, &part.ports, bits)));
        let parts = parts.iter().zip(bits).map(done).collect();
        let (path, addresses, names) = (path.to_owned(), addresses.clone(), names.clone());
        let mut resume = Self { path, addresses, parts, names, found, saved: Instant::now(), failure: None };
        let bits = resume.snapshot();
        resume.save(&bits);
        match resume.failure.take() {
            Some(error) => {
                Err(refused(&resume.path, plain(&error), "name a file in a directory that you may write to"))
            }
            None => Ok(resume),
        }
    }

    /// The track of a part.
    pub(super) fn done(&self, part: usize) -> Option<Arc<Done>> {
        self.parts.get(part).map(|(_, done)| Arc::clone(done))
    }

    /// The tracks of all parts.
    pub(super) fn all_done(&self) -> impl Iterator<Item = &Arc<Done>> {
        self.parts.iter().map(|(_, done)| done)
    }

    fn snapshot(&self) -> Vec<Vec<u64>> {
        self.all_done().map(|done| done.snapshot()).collect()
    }

    /// What earlier runs found.
    pub(super) fn found(&self) -> &[FoundPort] {
        &self.found
    }

    pub(super) fn add(&mut self, found: FoundPort) {
        self.found.push(found);
    }

    /// What to save, if it is time to. Everything that was found until then must be [added](Self::add) before it is saved.
    pub(super) fn due(&self) -> Option<Vec<Vec<u64>>> {
        (self.saved.elapsed() >= EVERY).then(|| self.snapshot())
    }

    /// Writes the file: what is done by that snapshot, and what was found by it.
    pub(super) fn save(&mut self, bits: &[Vec<u64>]) {
        self.failure = self.write(bits).err();
        self.saved = Instant::now();
    }

    /// Removes the file where so many are done, or writes it a last time. `Some` says where to go on.
    ///
    /// # Errors
    /// Where it cannot be written any more.
    pub(super) fn finish(mut self, asked: u64) -> Result<Option<String>, PartialError> {
        let bits = self.snapshot();
        if self.all_done().map(|done| done.count()).sum::<u64>() >= asked {
            let _ = fs::remove_file(&self.path);
            return Ok(None);
        }
        self.save(&bits);
        let shown = clean(&self.path.to_string_lossy());
        match self.failure {
            Some(error) => Err(PartialError {
                operation: format!("write '{shown}'"),
                cause: plain(&error),
                hint: "free some space there; what it holds is older than this scan".to_owned(),
            }),
            None => Ok(Some(format!("to go on: portolan scan --resume '{shown}'"))),
        }
    }

    fn write(&self, bits: &[Vec<u64>]) -> io::Result<()> {
        let host = |ip| self.addresses.position(ip).and_then(|at| u64::try_from(at).ok());
        let ended = |found: &&FoundPort| {
            let (ip, port) = (found.address.ip(), found.address.port());
            let mut of_it = self.parts.iter().zip(bits).filter(|((part, _), _)| part.transport == found.transport);
            host(ip).is_some_and(|host| of_it.any(|((_, done), bits)| done.had(bits, host, port)))
        };
        let found =
            self.found.iter().filter(ended).map(|&FoundPort { address, transport, reason, rtt_us, attempts }| {
                FoundRecord { address, udp: transport == Transport::Udp, reason, rtt_us, attempts }
            });
        let parts = self.parts.iter().zip(bits).map(|((part, _), bits)| PartRecord {
            udp: part.transport == Transport::Udp,
            ports: part.ports.to_string(),
            done: digits(bits),
        });
        let record = Record {
            schema: SCHEMA.to_owned(),
            targets: self.addresses.blocks().collect(),
            parts: parts.collect(),
            names: self.names.iter().map(|(ip, name)| (*ip, name.as_raw().to_owned())).collect(),
            found: found.collect(),
        };
        let mut draft = self.path.clone().into_os_string();
        draft.push(format!(".{}", std::process::id()));
        let text = serde_json::to_vec(&record)?;
        let written = File::create(&draft)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_data()))
            .and_then(|()| fs::rename(&draft, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

fn digits(bits: &[u64]) -> String {
    let words = bits.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
    bits[..words].iter().fold(String::with_capacity(words * 16), |mut digits, word| {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut digits, format_args!("{word:016x}"));
        digits
    })
}

fn refused(path: &Path, why: impl Into<String>, hint: &str) -> Error {
    Error::usage(format!("--resume '{}'", clean(&path.to_string_lossy())), why, hint)
}
