//! What speaks here. One file per protocol; README.md says how to add one.

mod amqp;
mod ber;
mod bytes;
mod cassandra;
mod columns;
mod custom;
mod dns;
mod ftp;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod grpc;
mod http;
mod identify;
mod imap;
mod kafka;
mod ldap;
mod line;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod ntp;
mod plan;
mod pool;
mod pop3;
mod postgresql;
mod quic;
mod rdp;
mod redis;
mod rtsp;
mod search;
mod server_bytes;
mod sip;
mod smb;
mod smtp;
mod snmp;
mod ssh;
mod telnet;
mod udp;
mod vnc;
mod words;
mod zookeeper;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub(crate) use columns::COLUMNS;
pub(crate) use identify::{SkipReason, UNSTABLE};
pub(crate) use line::{PortTarget, Talk};
pub use plan::Intensity;
pub(crate) use pool::{IdentifyPool, IdentifyResult};
pub(crate) use server_bytes::ServerBytes;
#[allow(unused_imports, reason = "for the scan of UDP ports")]
pub(crate) use udp::payload;

use crate::model::Identity;
use crate::net::{ConnectionError, StartTls};

/// A protocol: how it is asked for, and how it is known.
///
/// Asking never logs in and never changes anything: a server that logs what it was asked may say so, and that is all.
pub(crate) trait Probe: Sync {
    /// The field's word for the protocol, in lower case: `postgresql`.
    fn word(&self) -> &'static str;

    /// The TCP ports that it usually has, in the clear.
    fn ports(&self) -> &'static [u16] {
        &[]
    }

    /// The TCP ports that it usually has inside TLS, from the first byte on.
    fn tls_ports(&self) -> &'static [u16] {
        &[]
    }

    /// The UDP ports that it usually has.
    fn udp_ports(&self) -> &'static [u16] {
        &[]
    }

    /// How likely it is met where a TCP port's number hints at nothing: 9 everywhere, 1 hardly ever, 0 never asked for
    /// there. What is known by its greeting, or by its answer to other questions (HTTP's above all), has 0.
    fn likelihood(&self) -> u8 {
        0
    }

    /// The same where a UDP port's number hints at nothing.
    fn udp_likelihood(&self) -> u8 {
        self.likelihood()
    }

    /// What is sent first over TCP; `None` where the server greets.
    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        None
    }

    /// What is sent over UDP, to ports of [`udp_ports`](Self::udp_ports).
    fn udp_payload(&self) -> Option<&'static [u8]> {
        None
    }

    /// Knows the protocol by what a server said, to whatever question. Pure; takes any bytes.
    ///
    /// `None` also where more must come before it can be told: it is asked again with more, and a last time with
    /// [`ServerBytes::ended`]. It must not claim what another protocol may say as well.
    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity>;

    /// How many bytes of an answer are worth waiting for.
    fn longest(&self) -> usize {
        MAX_BANNER
    }

    /// Talks over a fresh connection, from the greeting on, until everything is known; `None` where it is another
    /// protocol. What was heard is offered to the other protocols then.
    fn speak<'a>(&'a self, talk: &'a mut Talk<'_>) -> Speaking<'a> {
        Box::pin(ask_and_listen(self, talk))
    }

    /// How the protocol goes over to TLS, if it can.
    fn starttls(&self) -> Option<StartTls> {
        None
    }
}

/// What [`Probe::speak`] returns.
pub(crate) type Speaking<'a> = Pin<Box<dyn Future<Output = Result<Option<Identity>, ConnectionError>> + Send + 'a>>;

/// So much of a greeting, or of an answer to a question, is read.
pub(crate) const MAX_BANNER: usize = 1024;
/// So much is read of a connection in all: a head of HTTP and a body, each of up to 64 KiB.
pub(crate) const MAX_BYTES: usize = 128 * 1024;
/// A server that has said something and is silent for so long has said it all.
pub(crate) const QUIET: Duration = Duration::from_millis(250);

/// The usual conversation: one question, if there is one, and one answer.
async fn ask_and_listen<P: Probe + ?Sized>(
    probe: &P,
    talk: &mut Talk<'_>,
) -> Result<Option<Identity>, ConnectionError> {
    let hello = probe.hello(talk.asked());
    let to = hello.as_ref().map(|_| probe.word());
    if let Some(hello) = hello {
        talk.peer.write(&hello).await?;
    }
    let mut bytes = Vec::new();
    loop {
        let ended = !talk.more(&mut bytes).await? || bytes.len() >= probe.longest();
        let said = talk.asked().said(&bytes, to, ended);
        match probe.recognise(&said) {
            None if !ended => {}
            known => return Ok(known),
        }
    }
}

/// Protocols to ask for and to know: those that are built in, and those of a user.
#[derive(Clone, Copy)]
pub(crate) struct Probes(&'static [&'static dyn Probe]);

impl Probes {
    /// Those that are built in.
    pub(crate) fn built_in() -> Self {
        Self(PROBES)
    }

    /// A user's own, and after them those that are built in. They stay as long as the program runs.
    pub(crate) fn and(own: Vec<Box<dyn Probe>>) -> Self {
        let own = own.into_iter().map(|probe| &*Box::leak(probe) as &dyn Probe);
        Self(own.chain(PROBES.iter().copied()).collect::<Vec<_>>().leak())
    }

    /// All of them.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'static dyn Probe> + Clone {
        self.0.iter().copied()
    }

    /// The built-in one of that word, whatever a user's own of the same word asks.
    fn get(self, word: &str) -> Option<&'static dyn Probe> {
        self.iter().filter(|probe| probe.word() == word).last()
    }
}

/// Registers protocols: the module, and the probe in it.
macro_rules! probes {
    ($($module:ident::$probe:ident),* $(,)?) => {
        /// The protocols that are built in.
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
    vnc::Vnc,
    zookeeper::Zookeeper,
}

/// What a probe makes of all that a server said over TCP to the question of `to`.
#[cfg(test)]
fn told(probe: &dyn Probe, bytes: &[u8], to: Option<&'static str>) -> Option<Identity> {
    probe.recognise(&ServerBytes { bytes, transport: crate::model::Transport::Tcp, to, ended: true })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Transport;

    #[test]
    fn every_protocol_has_a_word_of_its_own() {
        let words: BTreeSet<_> = PROBES.iter().map(|probe| probe.word()).collect();
        assert_eq!(words.len(), PROBES.len());
        for probe in PROBES {
            assert_eq!(probe.udp_ports().is_empty(), probe.udp_payload().is_none(), "{}", probe.word());
            assert!(probe.likelihood() <= 9 && probe.udp_likelihood() <= 9, "{}", probe.word());
            let asks = probe.hello(&PortTarget::new(([127, 0, 0, 1], 1).into(), Transport::Tcp)).is_some();
            assert!(asks || probe.likelihood() == 0, "{} has no question for TCP", probe.word());
            assert!(probe.udp_payload().is_none() || probe.udp_likelihood() > 0, "{}", probe.word());
        }
    }

    #[test]
    fn a_users_own_word_does_not_hide_what_is_built_in() {
        struct CustomProbe;
        impl Probe for CustomProbe {
            fn word(&self) -> &'static str {
                "http"
            }
            fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
                None
            }
        }
        let http = Probes::and(vec![Box::new(CustomProbe)]).get("http").unwrap();
        assert!(http.hello(&PortTarget::new(([127, 0, 0, 1], 80).into(), Transport::Tcp)).is_some());
    }

    proptest! {
        #[test]
        fn every_protocol_takes_whatever_bytes_come(
            bytes: Vec<u8>, ended: bool, udp: bool, which in 0..PROBES.len(), to in 0..=PROBES.len(),
        ) {
            let said = ServerBytes {
                bytes: &bytes,
                transport: if udp { Transport::Udp } else { Transport::Tcp },
                to: PROBES.get(to).map(|probe| probe.word()),
                ended,

            };
            let _ = PROBES[which].recognise(&said);
        }

        #[test]
        fn what_nobody_means_nobody_knows(bytes in prop::collection::vec(0x80..=0xff_u8, 0..64)) {
            // Protocols whose every message begins below 0x80, and text: such bytes are nobody's.
            let said = ServerBytes { bytes: &bytes, transport: Transport::Tcp, to: None, ended: true };
            for probe in PROBES.iter().filter(|probe| !matches!(probe.word(), "telnet" | "cassandra")) {
                prop_assert!(probe.recognise(&said).is_none(), "{}", probe.word());
            }
        }
    }
}
