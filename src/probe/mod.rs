//! Identifies network protocols. One file per protocol; README.md explains how to add one.

mod a2s;
mod amqp;
mod bacnet;
mod ber;
mod bittorrent;
mod bytes;
mod cassandra;
mod chrony;
mod coap;
mod columns;
mod custom;
mod dns;
mod dtls;
mod ending;
mod ethernet_ip;
mod ftp;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod gige_vision;
mod git;
mod grpc;
mod gtp;
mod http;
mod iax2;
mod identify;
mod ike;
mod imap;
mod ipmi;
mod irc;
mod kafka;
mod kerberos;
mod knxnet_ip;
mod l2tp;
mod ldap;
mod lifx;
mod lmtp;
mod mdns;
mod memberlist;
mod memcached;
mod mgcp;
mod modbus;
mod mongodb;
mod mqtt;
mod mssql;
mod mumble;
mod mysql;
mod mysqlx;
mod nat_pmp;
mod nats;
mod netbios;
mod nfs;
mod nntp;
mod ntp;
mod openvpn;
mod oracle;
mod pcp;
mod pfcp;
mod plan;
mod pool;
mod pop3;
mod postgresql;
mod quake3;
mod quic;
mod radius;
mod raknet;
mod rdp;
mod redis;
mod rip;
mod ripng;
mod rpcbind;
mod rsync;
mod rtsp;
mod search;
mod server_bytes;
mod session;
mod sieve;
mod sip;
mod slp;
mod small_services;
mod smb;
mod smtp;
mod snmp;
mod socks;
mod ssdp;
mod ssh;
mod stamp;
mod stun;
mod svn;
mod telnet;
mod tftp;
mod udp;
mod vnc;
mod words;
mod wsd;
mod x11;
mod xdmcp;
mod xmpp;
mod zookeeper;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use columns::COLUMNS;
pub(crate) use ending::UNSTABLE;
pub(crate) use identify::SkipReason;
pub use plan::Intensity;
pub(crate) use plan::PortBudget;
pub(crate) use pool::{IdentifyPool, IdentifyResult};
pub(crate) use server_bytes::ServerBytes;
pub(crate) use session::{PortTarget, Talk};
#[allow(unused_imports, reason = "for the scan of UDP ports")]
pub(crate) use udp::{payload, replies_from_another_port};

use crate::model::Identity;
use crate::net::{ConnectionError, StartTls};

/// A protocol: how to request it, and how to recognise it.
///
/// A probe never logs in and changes nothing; at most, the server logs the request.
pub(crate) trait Probe: Sync {
    /// The common name of the protocol, in lower case: `postgresql`.
    fn protocol(&self) -> &'static str;

    /// The usual TCP ports without TLS.
    fn ports(&self) -> &'static [u16] {
        &[]
    }

    /// The usual TCP ports with TLS from the first byte.
    fn tls_ports(&self) -> &'static [u16] {
        &[]
    }

    /// The usual UDP ports.
    fn udp_ports(&self) -> &'static [u16] {
        &[]
    }

    /// The likelihood of the protocol on other TCP ports: 9 very common, 1 rare, 0 to send no probe there. Protocols that
    /// are recognised by their greeting or by their reply to another probe (above all HTTP) use 0.
    fn likelihood(&self) -> u8 {
        0
    }

    /// The likelihood on other UDP ports; 0 to send no probe there, which suits what is rare elsewhere or starts something.
    fn udp_likelihood(&self) -> u8 {
        self.likelihood()
    }

    /// The first bytes to send over TCP; `None` if the server greets.
    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        None
    }

    /// The datagram for [`udp_ports`](Self::udp_ports).
    fn udp_payload(&self) -> Option<&'static [u8]> {
        None
    }

    /// The datagram for one of these ports, if that is another one.
    fn udp_payload_at(&self, _port: u16) -> Option<&'static [u8]> {
        self.udp_payload()
    }

    /// Whether the reply to that datagram comes from another port of the server.
    fn replies_from_another_port(&self) -> bool {
        false
    }

    /// Recognises the protocol in what a server sent, in reply to any request. Pure; accepts any bytes.
    ///
    /// Returns `None` also if it needs more bytes: it is called again with more, and finally with [`ServerBytes::ended`].
    /// It must not claim what another protocol could send as well.
    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity>;

    /// Recognises an error in the form of the protocol, which servers of other protocols may send as well. It counts only
    /// where the port number suggests the protocol, and where no probe recognises the reply.
    fn refusal(&self, _reply: &[u8]) -> Option<Identity> {
        None
    }

    /// Whether its servers may greet like this, and servers of other protocols too: then the probe speaks over a connection
    /// of its own, if no probe recognises the greeting.
    fn may_greet(&self, _greeting: &[u8]) -> bool {
        false
    }

    /// Why the server serves no one at the moment, according to a reply that [`recognise`](Self::recognise) accepts; `None`
    /// if it serves, or refuses only this client.
    fn unavailable(&self, _reply: &[u8]) -> Option<String> {
        None
    }

    /// The longest reply that is worth waiting for, in bytes.
    fn max_bytes(&self) -> usize {
        MAX_BANNER
    }

    /// Converses over a fresh connection, starting with the greeting. Returns `None` if the server speaks another
    /// protocol; the other probes then examine its bytes.
    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(send_hello(self, talk))
    }

    /// Whether its servers make clients wait for the greeting on purpose, and turn away those that send something earlier.
    fn greets_late(&self) -> bool {
        false
    }

    /// Whether a server with this identity may upgrade to TLS: some list their extensions.
    fn may_upgrade(&self, _identity: &Identity) -> bool {
        true
    }

    /// How the protocol upgrades to TLS, if it can.
    fn starttls(&self) -> Option<StartTls> {
        None
    }
}

/// The result of [`Probe::speak`].
pub(crate) type ProbeFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Identity>, ConnectionError>> + Send + 'a>>;

/// The longest greeting or reply that is read by default.
pub(crate) const MAX_BANNER: usize = 1024;
/// Read limit per connection: an HTTP head and body of up to 64 KiB each.
pub(crate) const MAX_BYTES: usize = 128 * 1024;
/// A server that is silent for this long after its first bytes has finished its reply.
pub(crate) const QUIET: Duration = Duration::from_millis(250);

/// The default conversation: one request, if any, and one reply.
async fn send_hello<P: Probe + ?Sized>(probe: &P, talk: &mut Talk<'_>) -> Result<Option<Identity>, ConnectionError> {
    let hello = probe.hello(talk.target());
    let reply_to = hello.as_ref().map(|_| probe.protocol());
    if let Some(hello) = hello {
        talk.peer.write(&hello).await?;
    }

    let mut bytes = Vec::new();
    loop {
        let ended = !talk.more(&mut bytes).await? || bytes.len() >= probe.max_bytes();
        let received = talk.target().received(&bytes, reply_to, ended);
        match probe.recognise(&received) {
            None if !ended => {}
            identity => return Ok(identity),
        }
    }
}

/// The built-in probe of a protocol.
pub(crate) fn probe_of(protocol: &str) -> Option<&'static dyn Probe> {
    PROBES.iter().find(|probe| probe.protocol() == protocol).copied()
}

/// The built-in probes, and a user's own.
#[derive(Clone, Copy)]
pub(crate) struct Probes(&'static [&'static dyn Probe]);

impl Probes {
    pub(crate) fn built_in() -> Self {
        Self(PROBES)
    }

    /// A user's own probes, followed by the built-in ones. They live as long as the program.
    pub(crate) fn and(own: Vec<Box<dyn Probe>>) -> Self {
        let own = own.into_iter().map(|probe| &*Box::leak(probe) as &dyn Probe);
        Self(own.chain(PROBES.iter().copied()).collect::<Vec<_>>().leak())
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'static dyn Probe> + Clone {
        self.0.iter().copied()
    }

    /// The built-in probe of a protocol, even if a user's own probe has the same name.
    fn get(self, protocol: &str) -> Option<&'static dyn Probe> {
        self.iter().filter(|probe| probe.protocol() == protocol).last()
    }
}

/// Registers probes: the module, and the probe in it.
macro_rules! probes {
    ($($module:ident::$probe:ident),* $(,)?) => {
        /// The built-in probes.
        pub(crate) static PROBES: &[&dyn Probe] = &[$(&$module::$probe),*];
    };
}

probes! {
    http::Http,
    amqp::Amqp,
    cassandra::Cassandra,
    dns::Dns,
    ftp::Ftp,
    grpc::Grpc,
    imap::Imap,
    kafka::Kafka,
    ldap::Ldap,
    memcached::Memcached,
    mongodb::Mongodb,
    mqtt::Mqtt,
    mysql::Mysql,
    nats::Nats,
    ntp::Ntp,
    pop3::Pop3,
    postgresql::Postgresql,
    rdp::Rdp,
    redis::Redis,
    rtsp::Rtsp,
    sip::Sip,
    smb::Smb,
    smtp::Smtp,
    snmp::Snmp,
    quic::Quic,
    ssh::Ssh,
    telnet::Telnet,
    tftp::Tftp,
    vnc::Vnc,
    zookeeper::Zookeeper,
    coap::Coap,
    git::Git,
    ike::Ike,
    ipmi::Ipmi,
    irc::Irc,
    lmtp::Lmtp,
    mdns::Mdns,
    modbus::Modbus,
    mssql::Mssql,
    mysqlx::Mysqlx,
    netbios::Netbios,
    nntp::Nntp,
    openvpn::Openvpn,
    oracle::Oracle,
    rip::Rip,
    rpcbind::Rpcbind,
    rsync::Rsync,
    sieve::Sieve,
    socks::Socks,
    ssdp::Ssdp,
    stun::Stun,
    svn::Svn,
    x11::X11,
    xmpp::Xmpp,
    kerberos::Kerberos,
    nat_pmp::NatPmp,
    xdmcp::Xdmcp,
    radius::Radius,
    l2tp::L2tp,
    a2s::A2s,
    dtls::Dtls,
    mumble::Mumble,
    wsd::WsDiscovery,
    bacnet::Bacnet,
    bittorrent::BittorrentDht,
    chrony::Chrony,
    ethernet_ip::EthernetIp,
    gige_vision::GigeVision,
    gtp::Gtp,
    iax2::Iax2,
    knxnet_ip::KnxnetIp,
    lifx::Lifx,
    memberlist::Memberlist,
    mgcp::Mgcp,
    nfs::Nfs,
    pcp::Pcp,
    pfcp::Pfcp,
    quake3::Quake3,
    raknet::Raknet,
    ripng::Ripng,
    slp::Slp,
    small_services::Chargen,
    small_services::Daytime,
    small_services::Echo,
    small_services::Time,
    stamp::Stamp,
}

/// The identity that a probe derives from a complete TCP reply to the request of `reply_to`.
#[cfg(test)]
fn recognise_tcp(probe: &dyn Probe, bytes: &[u8], reply_to: Option<&'static str>) -> Option<Identity> {
    probe.recognise(&ServerBytes { bytes, transport: crate::model::Transport::Tcp, reply_to, ended: true })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Transport;

    #[test]
    fn every_probe_is_consistent_and_has_a_unique_name() {
        let names: BTreeSet<_> = PROBES.iter().map(|probe| probe.protocol()).collect();
        assert_eq!(names.len(), PROBES.len());

        let target = PortTarget::new(([127, 0, 0, 1], 1).into(), Transport::Tcp);
        for probe in PROBES {
            let name = probe.protocol();
            assert_eq!(probe.udp_ports().is_empty(), probe.udp_payload().is_none(), "{name}");
            assert!(probe.likelihood() <= 9 && probe.udp_likelihood() <= 9, "{name}");
            assert!(probe.hello(&target).is_some() || probe.likelihood() == 0, "{name} has no TCP request");
        }
    }

    #[test]
    fn a_users_own_probe_does_not_hide_a_built_in_one() {
        struct HttpOverride;
        impl Probe for HttpOverride {
            fn protocol(&self) -> &'static str {
                "http"
            }
            fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
                None
            }
        }

        let http = Probes::and(vec![Box::new(HttpOverride)]).get("http").unwrap();
        assert!(http.hello(&PortTarget::new(([127, 0, 0, 1], 80).into(), Transport::Tcp)).is_some());
    }

    proptest! {
        #[test]
        fn every_probe_accepts_any_bytes(
            bytes: Vec<u8>, ended: bool, udp: bool, probe in 0..PROBES.len(), reply_to in 0..=PROBES.len(),
        ) {
            let received = ServerBytes {
                bytes: &bytes,
                transport: if udp { Transport::Udp } else { Transport::Tcp },
                reply_to: PROBES.get(reply_to).map(|probe| probe.protocol()),
                ended,
            };
            let _ = PROBES[probe].recognise(&received);
        }

        #[test]
        fn meaningless_bytes_are_not_recognised(bytes in prop::collection::vec(0x80..=0xff_u8, 0..64)) {
            // In these protocols, text included, no message starts with such bytes.
            let received = ServerBytes { bytes: &bytes, transport: Transport::Tcp, reply_to: None, ended: true };
            for probe in PROBES.iter().filter(|probe| !matches!(probe.protocol(), "telnet" | "cassandra")) {
                prop_assert!(probe.recognise(&received).is_none(), "{}", probe.protocol());
            }
        }
    }
}
