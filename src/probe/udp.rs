//! What speaks at a UDP port: one datagram, and one back.

use std::cmp::Reverse;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::identify::SkipReason;
use super::{Intensity, PROBES, PortTarget, Probe, Probes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::open_in;

/// How often a question is put, and how long each time is waited for its answer: datagrams get lost.
const TRIES: u32 = 2;
const WAIT: Duration = Duration::from_millis(500);
/// The longest datagram that is read: an Ethernet frame's, and DNS over it, fit.
const MAX_BYTES: usize = 2048;

/// What to send to a UDP port so that what usually has it answers.
#[allow(dead_code, reason = "for the scan of UDP ports")]
pub(crate) fn payload(port: u16) -> Option<&'static [u8]> {
    PROBES.iter().find(|probe| probe.udp_ports().contains(&port)).and_then(|probe| probe.udp_payload())
}

/// Asks the UDP port `asked` what speaks there. `None`: it is silent, as most of them are to strangers.
///
/// # Errors
/// When it was not asked, or nobody is there.
pub(crate) async fn identify_udp(
    asked: PortTarget,
    probes: Probes,
    intensity: Intensity,
) -> Result<Option<Identity>, SkipReason> {
    let own: SocketAddr = match asked.address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let open = || {
        let socket = std::net::UdpSocket::bind(own)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let opened = open_in(asked.namespace.as_deref(), open).map_err(SkipReason::Local)?;
    let socket = UdpSocket::from_std(opened.ok_or(SkipReason::Gone)?).map_err(SkipReason::Local)?;
    #[cfg(target_os = "linux")]
    if let Some(interface) = &asked.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(SkipReason::Local)?;
    }
    socket.connect(asked.address).await.map_err(|_| SkipReason::Gone)?;
    let mut said = Vec::new();
    for probe in questions(probes, asked.address.port(), intensity) {
        let Some(payload) = probe.udp_payload() else { continue };
        let Some(answer) = ask(&socket, payload).await? else { continue };
        let offered = asked.said(&answer, Some(probe.word()), true);
        let known = std::iter::once(probe).chain(probes.iter()).find_map(|probe| probe.recognise(&offered));
        match known {
            Some(identity) => return Ok(Some(identity)),
            None if said.is_empty() => said = answer,
            None => {}
        }
    }
    let banner = || Some(Untrusted::from_bytes(&said[..said.len().min(256)]));
    Ok((!said.is_empty()).then(|| Identity { banner: banner(), ..Identity::default() }))
}

/// Those that have this port, and then, where more than a hint is asked for, the likely ones.
fn questions(probes: Probes, port: u16, intensity: Intensity) -> Vec<&'static dyn Probe> {
    let hinted = |probe: &dyn Probe| probe.udp_ports().contains(&port);
    let asks = |probe: &&dyn Probe| probe.udp_payload().is_some() && (hinted(*probe) || probe.udp_likelihood() > 0);
    let mut probes: Vec<_> = probes.iter().filter(asks).collect();
    probes.sort_by_key(|probe| (!hinted(*probe), Reverse(probe.udp_likelihood())));
    let most = match intensity {
        Intensity::Light => 1,
        Intensity::Normal => 6,
        Intensity::All => usize::MAX,
    };
    probes.truncate(most);
    probes
}

/// The answer to one question; `None`: silence.
async fn ask(socket: &UdpSocket, payload: &[u8]) -> Result<Option<Vec<u8>>, SkipReason> {
    let mut buffer = vec![0; MAX_BYTES];
    for _ in 0..TRIES {
        let answer = async {
            socket.send(payload).await?;
            socket.recv(&mut buffer).await
        };
        match timeout(WAIT, answer).await {
            Err(_) => {}
            Ok(Ok(length)) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Ok(Err(error)) => {
                use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
                // What ICMP says of the port, its host or the way there.
                return Err(match error.kind() {
                    ConnectionRefused | HostUnreachable | NetworkUnreachable => SkipReason::Gone,
                    _ => SkipReason::Local(error),
                });
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::ServerBytes;

    /// A user's own, of that likelihood, at port 7000.
    struct CustomProbe(u8);

    impl Probe for CustomProbe {
        fn word(&self) -> &'static str {
            "own"
        }

        fn udp_ports(&self) -> &'static [u16] {
            &[7000]
        }

        fn udp_likelihood(&self) -> u8 {
            self.0
        }

        fn udp_payload(&self) -> Option<&'static [u8]> {
            Some(b"?")
        }

        fn recognise(&self, _: &ServerBytes<'_>) -> Option<Identity> {
            None
        }
    }

    #[test]
    fn what_is_asked_only_on_its_own_ports_is_asked_nowhere_else() {
        let asks = |likelihood: u8, port: u16, intensity: Intensity| {
            let probes = Probes::and(vec![Box::new(CustomProbe(likelihood))]);
            questions(probes, port, intensity).iter().position(|probe| probe.word() == "own")
        };
        for intensity in [Intensity::Light, Intensity::Normal, Intensity::All] {
            assert_eq!((asks(0, 7000, intensity), asks(0, 1, intensity)), (Some(0), None), "{intensity:?}");
        }
        assert_eq!((asks(9, 1, Intensity::Normal), asks(1, 53, Intensity::Light)), (Some(0), None));
    }
}
