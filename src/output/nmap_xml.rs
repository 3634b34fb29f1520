//! The XML that tools around nmap read: ndiff, python-libnmap, importers of security suites.
//!
//! By the format's published DTD (<https://nmap.org/book/nmap-dtd.html>): hosts with their ports, by address. A listener at
//! every address is a port of this host's loopback address. What has no port has no place here, and of several services at
//! one port the first is told. A host that answered is there without any port too, with the numbers of those that are not
//! listed, where its source counts them. An answer that is not whole ends in `exit="error"`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};

use super::{Footer, Format, RenderOptions};
use crate::model::{Address, Completeness, Endpoint, Scope, Service, Transport};

pub(super) struct NmapXml<'w> {
    writer: Writer<&'w mut (dyn Write + Send)>,
    page: RenderOptions,
    hosts: BTreeMap<IpAddr, XmlHost>,
}

#[derive(Default)]
struct XmlHost {
    name: Option<String>,
    /// nmap's protocols are in the order of their names too.
    ports: BTreeMap<(u16, Transport), Port>,
    /// How many ports are in each state, listed or not.
    counts: BTreeMap<&'static str, u64>,
}

impl XmlHost {
    /// What its status is known from; `None`: nothing.
    fn answered(&self) -> Option<&str> {
        let listed = self.ports.values().find(|port| matches!(port.state, "open" | "closed")).map(|port| &*port.reason);
        let counted = ["open", "closed"].iter().any(|state| self.counts.get(state).is_some_and(|&count| count > 0));
        listed.or(counted.then_some("unknown-response"))
    }

    /// How many ports of each state are not listed.
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
    /// What the `service` element says, where there is anything to say.
    service: Vec<(&'static str, Box<str>)>,
}

/// The version of the format that this is.
const FORMAT: &str = "1.05";

impl<'w> NmapXml<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        let mut writer = Writer::new(out);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
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
        let mut xml = Self { writer, page, hosts: BTreeMap::new() };
        xml.line()?;
        xml.open("nmaprun", &run)?;
        xml.line()?;
        xml.empty("verbose", &[("level", "0")])?;
        xml.empty("debugging", &[("level", "0")])?;
        xml.line()?;
        Ok(xml)
    }

    /// What the source's column of that name says of a service.
    fn column(&self, name: &str, service: &Service, endpoint: &Endpoint) -> Option<String> {
        let column = self.page.columns.iter().find(|column| column.name == name)?;
        let mut cell = String::new();
        // Writing to a String cannot fail.
        let _ = (column.cell)(service, Some(endpoint), &mut cell);
        (!cell.is_empty()).then_some(cell)
    }

    fn port(&self, service: &Service, endpoint: &Endpoint) -> Port {
        let word = self.column("state", service, endpoint);
        let state = match word.as_deref() {
            Some("open") => "open",
            Some("closed") => "closed",
            // nmap has no word for what an ICMP message or a route keeps from us, but its reason.
            Some("filtered" | "unreachable") => "filtered",
            Some("no-answer") => "open|filtered",
            _ if endpoint.ready => "open",
            _ => "closed",
        };
        let reason = match self.column("reason", service, endpoint).or(word) {
            Some(word) => reason(word),
            None => Cow::Borrowed("unknown-response"),
        };
        let owner = self.column("user", service, endpoint).map(Into::into);
        Port { state, reason, owner, service: facts(service, endpoint) }
    }

    fn write_host(&mut self, ip: IpAddr, host: &XmlHost) -> io::Result<()> {
        let (state, reason) = host.answered().map_or(("unknown", "no-response"), |reason| ("up", reason));
        self.open("host", &[])?;
        self.empty("status", &[("state", state), ("reason", reason), ("reason_ttl", "0")])?;
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        self.empty("address", &[("addr", &ip.to_string()), ("addrtype", family)])?;
        self.line()?;
        self.open("hostnames", &[])?;
        if let Some(name) = &host.name {
            self.empty("hostname", &[("name", name), ("type", "user")])?;
        }
        self.close("hostnames")?;
        self.line()?;
        self.open("ports", &[])?;
        for (state, count) in host.extra().filter(|(_, count)| *count > 0) {
            self.line()?;
            self.empty("extraports", &[("state", state), ("count", &count.to_string())])?;
        }
        for ((number, transport), port) in &host.ports {
            self.line()?;
            self.write_port(*number, *transport, port)?;
        }
        self.line()?;
        self.close("ports")?;
        self.close("host")?;
        self.line()
    }

    fn write_port(&mut self, number: u16, transport: Transport, port: &Port) -> io::Result<()> {
        self.open("port", &[("protocol", transport.as_str()), ("portid", &number.to_string())])?;
        self.empty("state", &[("state", port.state), ("reason", &port.reason), ("reason_ttl", "0")])?;
        if let Some(owner) = &port.owner {
            self.empty("owner", &[("name", owner)])?;
        }
        if !port.service.is_empty() {
            let facts: Vec<(&str, &str)> = port.service.iter().map(|(name, fact)| (*name, &**fact)).collect();
            self.empty("service", &facts)?;
        }
        self.close("port")
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.writer.write_event(Event::Start(element(name, attributes)))
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        self.writer.write_event(Event::Empty(element(name, attributes)))
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        self.writer.write_event(Event::End(BytesEnd::new(name)))
    }

    fn line(&mut self) -> io::Result<()> {
        self.writer.get_mut().write_all(b"\n")
    }
}

/// As nmap writes times: those of C's `ctime`.
const TIME: &str = "%a %b %e %H:%M:%S %Y";

/// An element whose attributes are escaped. Foreign text comes with its control characters shown; two more characters that a
/// terminal takes are none in XML 1.0.
fn element<'a>(name: &'a str, attributes: &[(&str, &str)]) -> BytesStart<'a> {
    let mut element = BytesStart::new(name);
    for (name, value) in attributes {
        element.push_attribute((*name, &*value.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")));
    }
    element
}

/// nmap's word for a reason, where it has one of its own.
fn reason(word: String) -> Cow<'static, str> {
    match word.as_str() {
        "syn-ack" | "syn-ack-reset" => Cow::Borrowed("syn-ack"),
        "refused" => Cow::Borrowed("conn-refused"),
        "port-unreachable" => Cow::Borrowed("port-unreach"),
        "host-unreachable" => Cow::Borrowed("host-unreach"),
        "net-unreachable" | "no-route" => Cow::Borrowed("net-unreach"),
        "no-response" | "no-answer" => Cow::Borrowed("no-response"),
        "response" => Cow::Borrowed("udp-response"),
        _ => Cow::Owned(word),
    }
}

/// What is known, or guessed from the number, of what speaks at an endpoint.
fn facts(service: &Service, endpoint: &Endpoint) -> Vec<(&'static str, Box<str>)> {
    let identity = endpoint.identity.as_deref();
    let known = identity.and_then(|identity| identity.protocol.as_deref());
    let product = identity.and_then(|identity| identity.product.as_ref());
    let Some(name) = known.or(endpoint.port_service.as_deref()).or(service.name.as_ref().map(|_| "unknown")) else {
        return Vec::new();
    };
    let mut facts = vec![("name", name.into())];
    let mut add = |name, fact: Option<String>| facts.extend(fact.map(|fact| (name, fact.into_boxed_str())));
    add("product", product.map(ToString::to_string));
    add("version", identity.and_then(|identity| identity.version.as_ref()).map(ToString::to_string));
    add("extrainfo", service.name.as_ref().map(ToString::to_string));
    add("tunnel", identity.and_then(|identity| identity.tls.as_ref()).map(|_| "ssl".to_owned()));
    // Certain, or no more than the number says.
    let (method, conf) = if known.is_some() { ("probed", "10") } else { ("table", "3") };
    facts.extend([("method", method.into()), ("conf", conf.into())]);
    facts
}

/// The host that an endpoint is a port of.
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
        // Of another network namespace another host has that address.
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
        let errors = crate::clean::escaped(&errors.join("; ")).into_owned();
        finished.push(("exit", if whole { "success" } else { "error" }));
        if !whole {
            finished.push(("errormsg", &errors));
        }
        self.open("runstats", &[])?;
        self.empty("finished", &finished)?;
        let count = hosts.len().to_string();
        self.empty("hosts", &[("up", &count), ("down", "0"), ("total", &count)])?;
        self.close("runstats")?;
        self.line()?;
        self.close("nmaprun")?;
        self.line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }
}
