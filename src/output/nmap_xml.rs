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
use jiff::Timestamp;

use crate::model::{
    Address, Completeness, Coverage, Endpoint, Identity, NamespaceScope, Ports, Scope, Service, Transport,
};

pub(super) struct NmapXml<'w> {
    xml: XmlWriter<'w>,
    page: RenderOptions,
    hosts: BTreeMap<IpAddr, XmlHost>,
}

#[derive(Default)]
struct XmlHost {
    /// Each with where it is from: `user` or `PTR`.
    names: Vec<(String, &'static str)>,
    /// Its network card, and the manufacturer.
    card: Option<(String, Option<String>)>,
    /// Why it is up, if only hosts were looked for.
    up: Option<Cow<'static, str>>,
    /// nmap sorts protocols by name too.
    ports: BTreeMap<(u16, Transport), Port>,
    /// Number of ports in each state, listed or not.
    counts: BTreeMap<&'static str, u64>,
}

impl XmlHost {
    /// Adds a name, unless it is known.
    fn add_name(&mut self, name: Option<String>, origin: &'static str) {
        let Some(name) = name else { return };
        let added = (name, origin);
        if !self.names.contains(&added) {
            self.names.push(added);
        }
    }

    /// The reason why the host counts as up; `None` if no port replied.
    fn answered(&self) -> Option<&str> {
        if let Some(reason) = &self.up {
            return Some(reason);
        }
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
    /// The attributes of the `service` element, which some readers require.
    service: Vec<(&'static str, Box<str>)>,
}

/// The version of nmap's XML format.
const FORMAT: &str = "1.05";

impl<'w> NmapXml<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        let mut xml = XmlWriter::new(out)?;
        xml.end_line()?;
        Ok(Self { xml, page, hosts: BTreeMap::new() })
    }

    /// The beginning of the report, and what was scanned.
    fn write_start(&mut self, end: &Footer<'_>) -> io::Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let start = self.page.generated.as_second().to_string();
        let at = self.page.generated.strftime(TIME).to_string();
        let args = if end.args.is_empty() { "portolan" } else { end.args };

        let run = [
            ("scanner", "portolan"),
            ("args", args),
            ("start", &start),
            ("startstr", &at),
            ("version", version),
            ("xmloutputversion", FORMAT),
        ];

        self.xml.open("nmaprun", &run)?;
        self.xml.end_line()?;
        self.write_scans(end.coverage)?;
        self.xml.empty("verbose", &[("level", "0")])?;
        self.xml.end_line()?;
        self.xml.empty("debugging", &[("level", "0")])?;
        self.xml.end_line()
    }

    /// One element for each transport, with all ports that were scanned on any host.
    fn write_scans(&mut self, coverage: &[Coverage]) -> io::Result<()> {
        for transport in [Transport::Tcp, Transport::Udp] {
            let scans = coverage.iter().filter(|scan| scan.transport == transport && scan.scope == NamespaceScope::Own);
            let ports: Ports = scans.clone().flat_map(|scan| scan.ports.iter()).collect();
            let half_open = scans.clone().any(|scan| scan.half_open);
            if ports.is_empty() {
                continue;
            }

            let kind = match transport {
                Transport::Udp => "udp",
                _ if half_open => "syn",
                _ => "connect",
            };
            self.xml.empty(
                "scaninfo",
                &[
                    ("type", kind),
                    ("protocol", transport.as_str()),
                    ("numservices", &ports.len().to_string()),
                    ("services", &ports.to_string()),
                ],
            )?;
            self.xml.end_line()?;
        }
        Ok(())
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

    fn write_host(&mut self, ip: IpAddr, host: &XmlHost, finished: Timestamp) -> io::Result<()> {
        let (state, reason) = host.answered().map_or(("unknown", "no-response"), |reason| ("up", reason));

        let (start, finish) = (self.page.generated.as_second().to_string(), finished.as_second().to_string());
        self.xml.open("host", &[("starttime", &start), ("endtime", &finish)])?;
        self.xml.empty("status", &[("state", state), ("reason", reason), ("reason_ttl", "0")])?;
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        self.xml.empty("address", &[("addr", &ip.to_string()), ("addrtype", family)])?;
        self.xml.end_line()?;
        if let Some((mac, vendor)) = &host.card {
            // nmap writes capitals.
            let mac = mac.to_ascii_uppercase();
            let vendor = vendor.as_deref().map(|vendor| ("vendor", vendor));
            let facts: Vec<_> = [("addr", &*mac), ("addrtype", "mac")].into_iter().chain(vendor).collect();
            self.xml.empty("address", &facts)?;
            self.xml.end_line()?;
        }

        // As in nmap's reports, the element is never empty: some readers take one without a line end for a name.
        self.xml.open("hostnames", &[])?;
        self.xml.end_line()?;
        for (name, origin) in &host.names {
            self.xml.empty("hostname", &[("name", name), ("type", origin)])?;
            self.xml.end_line()?;
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
        let facts: Vec<(&str, &str)> = port.service.iter().map(|(name, fact)| (*name, &**fact)).collect();
        self.xml.empty("service", &facts)?;
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
        "neighbor-reply" => Cow::Borrowed("arp-response"),
        _ => Cow::Owned(text),
    }
}

/// The attributes of the `service` element: the identity, or a guess from the port number.
fn facts(service: &Service, endpoint: &Endpoint) -> Vec<(&'static str, Box<str>)> {
    let identity = endpoint.identity.as_deref();
    let known = identity.and_then(|identity| identity.protocol.as_deref());
    let product = identity.and_then(|identity| identity.product.as_ref());
    let guess = endpoint.port_service.as_deref().map(|guess| guess.trim_end_matches('?'));
    let name = known.or(guess).unwrap_or("unknown");

    let mut facts = vec![("name", name.into())];
    let optional = [
        ("product", product),
        ("version", identity.and_then(|identity| identity.version.as_ref())),
        ("extrainfo", service.name.as_ref()),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, fact)| Some((name, fact?.to_string().into_boxed_str()))));
    // TLS from the first byte, and not by STARTTLS.
    if identity.is_some_and(Identity::is_inside_tls) {
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
            let Some(ip) = host(endpoint) else { continue };
            let name = self.column("host", service, endpoint);
            let reverse_name = self.column("reverse_name", service, endpoint);
            let vendor = self.column("vendor", service, endpoint);
            if let Some(mac) = self.column("mac", service, endpoint) {
                self.hosts.entry(ip).or_default().card = Some((mac, vendor));
            }
            if endpoint.transport == Transport::Ip {
                let reason = self.column("reason", service, endpoint).map(reason);
                let host = self.hosts.entry(ip).or_default();
                host.up = reason.or(Some(Cow::Borrowed("unknown-response")));
                host.add_name(name, "user");
                host.add_name(reverse_name, "PTR");
                continue;
            }

            let Some(number) = endpoint.port else { continue };
            let port = self.port(service, endpoint);
            let host = self.hosts.entry(ip).or_default();
            host.add_name(name, "user");
            host.add_name(reverse_name, "PTR");
            host.ports.entry((number, endpoint.transport)).or_insert(port);
        }
        Ok(())
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        self.write_start(end)?;
        // In another network namespace the same address is another host.
        for scanned in end.hosts.into_iter().flatten().filter(|scanned| scanned.netns.is_none()) {
            let host = self.hosts.entry(scanned.address).or_default();
            host.add_name(scanned.host.as_ref().map(ToString::to_string), "user");
            for (state, count) in [
                ("open", scanned.open),
                ("closed", scanned.closed),
                ("filtered", scanned.filtered.saturating_add(scanned.unreachable)),
                ("open|filtered", scanned.no_answer),
            ] {
                let sum = host.counts.entry(state).or_default();
                *sum = sum.saturating_add(count);
            }
        }

        let hosts = std::mem::take(&mut self.hosts);
        for (ip, host) in &hosts {
            self.write_host(*ip, host, end.finished)?;
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
        let (up, listed) = (hosts.values().filter(|host| host.answered().is_some()).count(), hosts.len());
        // Hosts in the list without a reply are neither; nmap has no number for them.
        let total = listed as u64 + end.absent_hosts;
        let down = total - up as u64;
        let [up, down, total] = [up as u64, down, total].map(|count| count.to_string());
        self.xml.empty("hosts", &[("up", &up), ("down", &down), ("total", &total)])?;
        self.xml.close("runstats")?;
        self.xml.end_line()?;
        self.xml.close("nmaprun")?;
        self.xml.end_line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.xml.flush()
    }
}
