//! nmap's XML, for ndiff, python-libnmap and the importers of security suites.
//!
//! It follows the published DTD (<https://nmap.org/book/nmap-dtd.html>): hosts in the order of their addresses, each with
//! its ports. A listener on every address becomes a port of this host's loopback address. Endpoints without a port are
//! left out; if several services share a port, the first one counts. A host that replied appears even without ports, with
//! the counts of its unlisted ports if its source provides them. An incomplete listing ends in `exit="error"`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use super::xml::XmlWriter;
use super::{Footer, Format, RenderOptions};
use crate::model::{Address, Completeness, Endpoint, Scope, Service, Transport};

pub(super) struct NmapXml<'w> {
    xml: XmlWriter<'w>,
    page: RenderOptions,
    hosts: BTreeMap<IpAddr, XmlHost>,
}

#[derive(Default)]
struct XmlHost {
    name: Option<String>,
    /// nmap sorts protocols by name too.
    ports: BTreeMap<(u16, Transport), Port>,
    /// Number of ports in each state, listed or not.
    counts: BTreeMap<&'static str, u64>,
}

impl XmlHost {
    /// The reason why the host counts as up; `None` if no port replied.
    fn answered(&self) -> Option<&str> {
        let listed = self.ports.values().find(|port| matches!(port.state, "open" | "closed")).map(|port| &*port.reason);
        let counted = ["open", "closed"].iter().any(|state| self.counts.get(state).is_some_and(|&count| count > 0));
        listed.or(counted.then_some("unknown-response"))
    }

    /// The number of unlisted ports in each state.
    fn extra(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(&state, &count)| {
            let listed = self.ports.values().filter(|port| port.state == state).count() as u64;
            (state, count.saturating_sub(listed))
        })
    }
}

struct Port {
    state: &'static str,
    reason: Cow<'static, str>,
    owner: Option<Box<str>>,
    /// The attributes of the `service` element; empty leaves the element out.
    service: Vec<(&'static str, Box<str>)>,
}

/// The version of nmap's XML format.
const FORMAT: &str = "1.05";

impl<'w> NmapXml<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        let mut xml = XmlWriter::new(out)?;
        let version = env!("CARGO_PKG_VERSION");
        let start = page.generated.as_second().to_string();
        let at = page.generated.strftime(TIME).to_string();

        let run = [
            ("scanner", "portolan"),
            ("args", "portolan"),
            ("start", &start),
            ("startstr", &at),
            ("version", version),
            ("xmloutputversion", FORMAT),
        ];

        xml.end_line()?;
        xml.open("nmaprun", &run)?;
        xml.end_line()?;
        xml.empty("verbose", &[("level", "0")])?;
        xml.empty("debugging", &[("level", "0")])?;
        xml.end_line()?;
        Ok(Self { xml, page, hosts: BTreeMap::new() })
    }

    /// The cell of the source's column with that name.
    fn column(&self, name: &str, service: &Service, endpoint: &Endpoint) -> Option<String> {
        let column = self.page.columns.iter().find(|column| column.name == name)?;
        let mut cell = String::new();
        // Writing to a String cannot fail.
        let _ = (column.cell)(service, Some(endpoint), &mut cell);
        (!cell.is_empty()).then_some(cell)
    }

    fn port(&self, service: &Service, endpoint: &Endpoint) -> Port {
        let text = self.column("state", service, endpoint);
        let state = match text.as_deref() {
            Some("open") => "open",
            Some("closed") => "closed",
            // nmap reports an ICMP error or a missing route only as the reason.
            Some("filtered" | "unreachable") => "filtered",
            Some("no-answer") => "open|filtered",
            _ if endpoint.ready => "open",
            _ => "closed",
        };

        let reason = match self.column("reason", service, endpoint).or(text) {
            Some(text) => reason(text),
            None => Cow::Borrowed("unknown-response"),
        };

        let owner = self.column("user", service, endpoint).map(Into::into);
        Port { state, reason, owner, service: facts(service, endpoint) }
    }

    fn write_host(&mut self, ip: IpAddr, host: &XmlHost) -> io::Result<()> {
        let (state, reason) = host.answered().map_or(("unknown", "no-response"), |reason| ("up", reason));

        self.xml.open("host", &[])?;
        self.xml.empty("status", &[("state", state), ("reason", reason), ("reason_ttl", "0")])?;
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        self.xml.empty("address", &[("addr", &ip.to_string()), ("addrtype", family)])?;
        self.xml.end_line()?;

        self.xml.open("hostnames", &[])?;
        if let Some(name) = &host.name {
            self.xml.empty("hostname", &[("name", name), ("type", "user")])?;
        }
        self.xml.close("hostnames")?;
        self.xml.end_line()?;

        self.xml.open("ports", &[])?;
        for (state, count) in host.extra().filter(|(_, count)| *count > 0) {
            self.xml.end_line()?;
            self.xml.empty("extraports", &[("state", state), ("count", &count.to_string())])?;
        }
        for ((number, transport), port) in &host.ports {
            self.xml.end_line()?;
            self.write_port(*number, *transport, port)?;
        }
        self.xml.end_line()?;
        self.xml.close("ports")?;
        self.xml.close("host")?;
        self.xml.end_line()
    }

    fn write_port(&mut self, number: u16, transport: Transport, port: &Port) -> io::Result<()> {
        self.xml.open("port", &[("protocol", transport.as_str()), ("portid", &number.to_string())])?;
        self.xml.empty("state", &[("state", port.state), ("reason", &port.reason), ("reason_ttl", "0")])?;

        if let Some(owner) = &port.owner {
            self.xml.empty("owner", &[("name", owner)])?;
        }
        if !port.service.is_empty() {
            let facts: Vec<(&str, &str)> = port.service.iter().map(|(name, fact)| (*name, &**fact)).collect();
            self.xml.empty("service", &facts)?;
        }
        self.xml.close("port")
    }
}

/// Times are in the format of C's `ctime`.
const TIME: &str = "%a %b %e %H:%M:%S %Y";

/// nmap's name of a reason, if it has one.
fn reason(text: String) -> Cow<'static, str> {
    match text.as_str() {
        "syn-ack" | "syn-ack-reset" => Cow::Borrowed("syn-ack"),
        "refused" => Cow::Borrowed("conn-refused"),
        "port-unreachable" => Cow::Borrowed("port-unreach"),
        "host-unreachable" => Cow::Borrowed("host-unreach"),
        "net-unreachable" | "no-route" => Cow::Borrowed("net-unreach"),
        "no-response" | "no-answer" => Cow::Borrowed("no-response"),
        "response" => Cow::Borrowed("udp-response"),
        _ => Cow::Owned(text),
    }
}

/// The attributes of the `service` element: the identity, or a guess from the port number.
fn facts(service: &Service, endpoint: &Endpoint) -> Vec<(&'static str, Box<str>)> {
    let identity = endpoint.identity.as_deref();
    let known = identity.and_then(|identity| identity.protocol.as_deref());
    let product = identity.and_then(|identity| identity.product.as_ref());
    let Some(name) = known.or(endpoint.port_service.as_deref()).or(service.name.as_ref().map(|_| "unknown")) else {
        return Vec::new();
    };

    let mut facts = vec![("name", name.into())];
    let optional = [
        ("product", product),
        ("version", identity.and_then(|identity| identity.version.as_ref())),
        ("extrainfo", service.name.as_ref()),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, fact)| Some((name, fact?.to_string().into_boxed_str()))));
    if identity.is_some_and(|identity| identity.tls.is_some()) {
        facts.push(("tunnel", "ssl".into()));
    }

    // Certain, or guessed from the port number.
    let (method, conf) = if known.is_some() { ("probed", "10") } else { ("table", "3") };
    facts.extend([("method", method.into()), ("conf", conf.into())]);
    facts
}

/// The host that an endpoint belongs to.
fn host(endpoint: &Endpoint) -> Option<IpAddr> {
    let Address::Ip(ip) = endpoint.address else { return None };
    let ip = ip.to_canonical();
    Some(match (Scope::of(ip), ip) {
        (Scope::All, IpAddr::V4(_)) => IpAddr::from([127, 0, 0, 1]),
        (Scope::All, IpAddr::V6(_)) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        _ => ip,
    })
}

impl Format for NmapXml<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in &service.endpoints {
            let (Some(ip), Some(number)) = (host(endpoint), endpoint.port) else { continue };
            let port = self.port(service, endpoint);
            let name = self.column("host", service, endpoint);
            let host = self.hosts.entry(ip).or_default();
            host.name = host.name.take().or(name);
            host.ports.entry((number, endpoint.transport)).or_insert(port);
        }
        Ok(())
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        // In another network namespace the same address is another host.
        for scanned in end.hosts.into_iter().flatten().filter(|scanned| scanned.netns.is_none()) {
            let host = self.hosts.entry(scanned.address).or_default();
            host.name = host.name.take().or_else(|| scanned.host.as_ref().map(ToString::to_string));
            for (state, count) in [
                ("open", scanned.open),
                ("closed", scanned.closed),
                ("filtered", scanned.filtered + scanned.unreachable),
                ("open|filtered", scanned.no_answer),
            ] {
                *host.counts.entry(state).or_default() += count;
            }
        }

        let hosts = std::mem::take(&mut self.hosts);
        for (ip, host) in &hosts {
            self.write_host(*ip, host)?;
        }

        let elapsed = end.finished.duration_since(self.page.generated).as_millis().max(0);
        let elapsed = format!("{}.{:02}", elapsed / 1000, elapsed % 1000 / 10);
        let time = end.finished.as_second().to_string();
        let at = end.finished.strftime(TIME).to_string();
        let mut finished = vec![("time", &*time), ("timestr", &at), ("elapsed", &elapsed)];
        let whole = end.completeness == Completeness::Complete;
        let errors: Vec<String> =
            end.errors.iter().map(|fault| format!("cannot {}: {}", fault.operation, fault.cause)).collect();
        let errors = errors.join("; ");
        finished.push(("exit", if whole { "success" } else { "error" }));

        if !whole {
            finished.push(("errormsg", &errors));
        }

        self.xml.open("runstats", &[])?;
        self.xml.empty("finished", &finished)?;
        let count = hosts.len().to_string();
        self.xml.empty("hosts", &[("up", &count), ("down", "0"), ("total", &count)])?;
        self.xml.close("runstats")?;
        self.xml.end_line()?;
        self.xml.close("nmaprun")?;
        self.xml.end_line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.xml.flush()
    }
}
