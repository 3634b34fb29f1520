//! Answers a message: bytes in, bytes out, from one view. No input, no output, no clock.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::name::DomainName;
use super::protocol::{
    CLASS_ANY, CLASS_IN, CODE_BAD_VERSION, CODE_NO_NAME, CODE_NOT_IMPLEMENTED, CODE_REFUSED, HEADER_BYTES,
    MAX_PLAIN_REPLY, MAX_REMOTE_UDP_REPLY, MAX_UDP_REPLY, TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_AXFR, TYPE_CNAME,
    TYPE_IXFR, TYPE_NS, TYPE_PTR, TYPE_SOA, TYPE_SRV,
};
use super::reply::{QUESTION, RecordOwner, ReplyWriter, Section};
use super::request::{self, DnsRequest, NotARequest, Question};
use super::shuffle::Shuffle;
use super::zone::{NameMatch, Zone};
use crate::server::service_addresses::{ServiceAddresses, ServiceTarget, TargetHost};
use crate::server::view::View;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp {
        /// The longest reply.
        max_reply: u16,
    },
    Tcp,
}

impl Transport {
    /// UDP from this machine.
    pub(super) const LOCAL_UDP: Self = Self::Udp { max_reply: MAX_UDP_REPLY };
    /// UDP from another one, or from an address that only looks like it.
    pub(super) const REMOTE_UDP: Self = Self::Udp { max_reply: MAX_REMOTE_UDP_REPLY };

    /// UDP from this address. No packet of another machine has a loopback address.
    pub(super) fn udp(peer: IpAddr) -> Self {
        if peer.to_canonical().is_loopback() { Self::LOCAL_UDP } else { Self::REMOTE_UDP }
    }
}

/// What all answers share.
#[derive(Debug)]
pub(super) struct Responder {
    pub(super) zone: Zone,
    /// The seconds for which a client may keep an answer.
    pub(super) ttl: u32,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DnsOutcome {
    /// `out` holds the reply.
    Reply { code: u16, is_truncated: bool },
    /// There is nothing to reply to.
    Ignored,
}

impl Responder {
    /// Writes the reply to a message.
    pub(super) fn answer(
        &self,
        message: &[u8],
        transport: Transport,
        view: &View,
        shuffle: &mut Shuffle,
        out: &mut Vec<u8>,
    ) -> DnsOutcome {
        let request = match request::read(message) {
            Ok(request) => request,
            Err(NotARequest::Ignored) => return DnsOutcome::Ignored,
            Err(NotARequest::Rejected(head, code)) => {
                let mut reply = ReplyWriter::to_head(out, head);
                reply.set_code(code);
                return finish(reply);
            }
        };

        let mut reply = ReplyWriter::new(out, &request, limit(&request, transport), self.ttl);
        match request.question {
            None => reply.set_code(CODE_NOT_IMPLEMENTED),
            Some(_) if request.edns.is_some_and(|edns| edns.version != 0) => reply.set_code(CODE_BAD_VERSION),
            Some(question) => {
                QuestionAnswer { responder: self, question, transport, view, shuffle, reply: &mut reply }.write();
            }
        }
        finish(reply)
    }

    /// Writes a reply that holds nothing, so that the client asks again over TCP. It is no longer than the message.
    pub(super) fn refer_to_tcp(&self, message: &[u8], out: &mut Vec<u8>) -> DnsOutcome {
        let Ok(request) = request::read(message) else { return DnsOutcome::Ignored };
        let mut reply = ReplyWriter::new(out, &request, limit(&request, Transport::REMOTE_UDP), self.ttl);
        reply.set_truncated();
        finish(reply)
    }
}

fn finish(reply: ReplyWriter<'_>) -> DnsOutcome {
    let (code, is_truncated) = (reply.code(), reply.is_truncated());
    reply.finish();
    DnsOutcome::Reply { code, is_truncated }
}

/// The longest reply to a request.
fn limit(request: &DnsRequest<'_>, transport: Transport) -> usize {
    let limit = match transport {
        Transport::Udp { max_reply } => {
            request.edns.map_or(MAX_PLAIN_REPLY, |edns| edns.payload.clamp(MAX_PLAIN_REPLY, max_reply))
        }
        Transport::Tcp => u16::MAX,
    };
    usize::from(limit)
}

/// One question that is being answered.
struct QuestionAnswer<'a, 'b> {
    responder: &'a Responder,
    question: Question<'a>,
    transport: Transport,
    view: &'a View,
    shuffle: &'a mut Shuffle,
    reply: &'a mut ReplyWriter<'b>,
}

impl QuestionAnswer<'_, '_> {
    fn write(mut self) {
        let Question { class, record_type, name, .. } = self.question;
        // A transfer would show everything at once; other classes have no addresses.
        if !matches!(class, CLASS_IN | CLASS_ANY) || matches!(record_type, TYPE_AXFR | TYPE_IXFR) {
            return self.reply.set_code(CODE_REFUSED);
        }

        match self.responder.zone.find(self.view, name) {
            NameMatch::Foreign => return self.reply.set_code(CODE_REFUSED),
            // It is a name of the reversed tree, where this server has no SOA record.
            NameMatch::Pointers(names) => return self.pointers(names),
            NameMatch::NoName => self.reply.set_code(CODE_NO_NAME),
            NameMatch::NoRecords => {}
            NameMatch::Apex => self.apex(),
            NameMatch::Hosts(ips) => self.hosts(&ips),
            NameMatch::Service(addresses) => self.service(addresses),
            NameMatch::Selected(addresses) => self.service(&addresses),
        }

        self.reply.set_authoritative();
        // A client may remember that there is nothing for as long as the SOA record says.
        if self.reply.answers() == 0 && !self.reply.is_truncated() {
            self.start_of_authority(Section::Authority, self.owner_of_zone());
        }
    }

    fn wants(&self, record_type: u16) -> bool {
        self.question.record_type == record_type || self.question.record_type == TYPE_ANY
    }

    /// The name of the domain, which is the end of the question's name.
    fn owner_of_zone(&self) -> RecordOwner<'static> {
        RecordOwner::At(HEADER_BYTES + self.question.name.len() - self.responder.zone.name_bytes())
    }

    fn apex(&mut self) {
        if self.wants(TYPE_SOA) {
            self.start_of_authority(Section::Answer, QUESTION);
        }
        if self.wants(TYPE_NS) {
            let zone = &self.responder.zone;
            self.reply
                .record(Section::Answer, QUESTION, TYPE_NS, |out| out.extend_from_slice(zone.name_server.as_wire()));
            for ip in &zone.server_addresses {
                self.reply.address(Section::Additional, RecordOwner::Name(&zone.name_server), *ip);
            }
        }
    }

    /// The SOA record. Its serial is the index of the last change, its minimum the time for which "there is nothing" holds.
    fn start_of_authority(&mut self, section: Section, owner: RecordOwner<'_>) {
        const REFRESH: u32 = 3_600;
        const RETRY: u32 = 600;
        const EXPIRE: u32 = 86_400;
        let Responder { zone, ttl } = self.responder;
        // The upper bits go round, as serials do.
        let serial = u32::try_from(self.view.index() & u64::from(u32::MAX)).unwrap_or(0);
        self.reply.record(section, owner, TYPE_SOA, |out| {
            out.extend_from_slice(zone.name_server.as_wire());
            out.extend_from_slice(zone.contact.as_wire());
            for number in [serial, REFRESH, RETRY, EXPIRE, *ttl] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        });
    }

    fn pointers(&mut self, names: &[Box<[u8]>]) {
        self.reply.set_authoritative();
        if !self.wants(TYPE_PTR) {
            return;
        }
        for at in self.shuffle.order(names.len()) {
            let name = &names[at];
            if !self.reply.record(Section::Answer, QUESTION, TYPE_PTR, |out| out.extend_from_slice(name)) {
                return self.reply.set_truncated();
            }
        }
    }

    /// The addresses of hosts, which are sorted: those of IPv4 come first.
    fn hosts(&mut self, ips: &[IpAddr]) {
        let (v4, v6) = ips.split_at(ips.partition_point(IpAddr::is_ipv4));
        let wanted = match (self.wants(TYPE_A), self.wants(TYPE_AAAA)) {
            (true, true) => ips,
            (true, false) => v4,
            (false, true) => v6,
            (false, false) => return,
        };
        for at in self.shuffle.order(wanted.len()) {
            if !self.reply.address(Section::Answer, QUESTION, wanted[at]) {
                return self.reply.set_truncated();
            }
        }
    }

    fn service(&mut self, addresses: &ServiceAddresses) {
        if self.question.record_type == TYPE_SRV {
            return self.targets(&addresses.targets);
        }
        if !self.wants(TYPE_A) && !self.wants(TYPE_AAAA) {
            return;
        }

        // A CNAME record stands alone (RFC 1034, section 3.6.2): it is for a service that has no address.
        if addresses.v4.is_empty() && addresses.v6.is_empty() {
            return self.alias(&addresses.names);
        }
        if self.wants(TYPE_A) {
            for at in self.shuffle.order(addresses.v4.len()) {
                if !self.reply.v4(Section::Answer, QUESTION, addresses.v4[at]) {
                    return self.reply.set_truncated();
                }
            }
        }
        if self.wants(TYPE_AAAA) {
            for at in self.shuffle.order(addresses.v6.len()) {
                if !self.reply.v6(Section::Answer, QUESTION, addresses.v6[at]) {
                    return self.reply.set_truncated();
                }
            }
        }
    }

    fn alias(&mut self, names: &[String]) {
        let first = self.shuffle.order(names.len()).next();
        if let Some(name) = first.and_then(|at| DomainName::parse(&names[at])) {
            self.reply.record(Section::Answer, QUESTION, TYPE_CNAME, |out| out.extend_from_slice(name.as_wire()));
        }
    }

    /// The SRV records, then the addresses of their targets.
    fn targets(&mut self, targets: &[ServiceTarget]) {
        let suffix = self.responder.zone.addresses.as_wire();
        let mut written: Vec<(usize, IpAddr)> = Vec::with_capacity(targets.len().min(64));
        for at in self.shuffle.order(targets.len()) {
            let target = &targets[at];
            let place = match &target.host {
                TargetHost::Ip(ip) => self.reply.srv(target.weight, target.port, &[&label_of(*ip), suffix]),
                TargetHost::Name(name) => match DomainName::parse(name) {
                    Some(name) => self.reply.srv(target.weight, target.port, &[name.as_wire()]),
                    // A host name of another system is no name of DNS.
                    None => continue,
                },
            };
            match (place, &target.host) {
                (None, _) => return self.reply.set_truncated(),
                (Some(place), TargetHost::Ip(ip)) => written.push((place, *ip)),
                (Some(_), TargetHost::Name(_)) => {}
            }
        }
        self.target_addresses(&written);
    }

    fn target_addresses(&mut self, targets: &[(usize, IpAddr)]) {
        let mut seen = std::collections::HashSet::with_capacity(targets.len());
        for (place, ip) in targets.iter().filter(|(_, ip)| seen.insert(*ip)) {
            if self.reply.address(Section::Additional, RecordOwner::At(*place), *ip) {
                continue;
            }
            // Over TCP there is no larger reply to go for: a client looks up the other targets by their names.
            if self.transport != Transport::Tcp {
                self.reply.set_truncated();
            }
            return;
        }
    }
}

/// The label of an address: its bytes in hexadecimal.
fn label_of(ip: IpAddr) -> Vec<u8> {
    let (digits, bits, width) = match ip {
        IpAddr::V4(ip) => (8, u128::from(ip.to_bits()), 8),
        IpAddr::V6(ip) => (32, ip.to_bits(), 32),
    };
    let mut text = String::with_capacity(33);
    text.push(char::from(digits));
    // Writing to a String never fails.
    let _ = write!(text, "{bits:0width$x}");
    text.into_bytes()
}
