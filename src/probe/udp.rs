//! Identifies the service on a UDP port: one datagram, one reply.

use std::cmp::Reverse;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::ending::ECHO;
use super::identify::SkipReason;
use super::{Intensity, PROBES, PortBudget, PortTarget, Probe, Probes};
use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::{Deadline, ReplyPorts, is_echo, open_in};

/// Attempts per probe, because datagrams get lost, and the time limit of each.
const MAX_ATTEMPTS: u32 = 2;
const WAIT: Duration = Duration::from_millis(500);
/// The longest datagram that is read. An Ethernet frame fits, and so does DNS over it.
const MAX_BYTES: usize = 2048;
/// The length of an unrecognised reply that is kept.
const MAX_UNRECOGNISED: usize = 256;

/// A datagram that the usual service of a UDP port replies to.
#[allow(dead_code, reason = "for the scan of UDP ports")]
pub(crate) fn payload(port: u16) -> Option<&'static [u8]> {
    PROBES.iter().find(|probe| probe.udp_ports().contains(&port)).and_then(|probe| probe.udp_payload_at(port))
}

/// Whether that service replies from another port.
pub(crate) fn replies_from_another_port(port: u16) -> bool {
    let probe = PROBES.iter().find(|probe| probe.udp_ports().contains(&port) && probe.udp_payload().is_some());
    probe.is_some_and(|probe| probe.replies_from_another_port())
}

/// Identifies the service on a UDP port. `None`: the port is silent, as most are to unknown requests.
///
/// # Errors
/// If no probe was sent, or ICMP reports that the port is unreachable.
pub(crate) async fn identify_udp(
    target: PortTarget,
    probes: Probes,
    budget: PortBudget,
) -> Result<Option<Identity>, SkipReason> {
    let deadline = Deadline::after(budget.time_limit);
    let socket = connect(&target).await?;
    let mut unrecognised = Vec::new();

    for probe in plan(probes, target.address.port(), budget.intensity) {
        let Some(payload) = probe.udp_payload_at(target.address.port()) else { continue };
        if deadline.is_over() {
            break;
        }
        let reply = if probe.replies_from_another_port() {
            request_from_another_port(&target, payload).await?
        } else {
            request(&socket, payload).await?
        };
        let Some(reply) = reply else { continue };

        if is_echo(payload, &reply) {
            return Ok(Some(Identity::of(ECHO)));
        }
        let received = target.received(&reply, Some(probe.protocol()), true);
        let mut candidates = std::iter::once(probe).chain(probes.iter());
        match candidates.find_map(|probe| probe.recognise(&received)) {
            Some(identity) => return Ok(Some(identity)),
            None if unrecognised.is_empty() => unrecognised = reply,
            None => {}
        }
    }

    if unrecognised.is_empty() {
        return Ok(None);
    }
    let banner = Untrusted::from_bytes(&unrecognised[..unrecognised.len().min(MAX_UNRECOGNISED)]);
    Ok(Some(Identity { banner: Some(banner), ..Identity::default() }))
}

/// A socket that only exchanges datagrams with the target.
async fn connect(target: &PortTarget) -> Result<UdpSocket, SkipReason> {
    let local = unspecified(target.address);
    let opened = open_in(target.namespace.as_deref(), || bind(local)).map_err(SkipReason::Local)?;
    let socket = UdpSocket::from_std(opened.ok_or(SkipReason::Gone)?).map_err(SkipReason::Local)?;

    #[cfg(target_os = "linux")]
    if let Some(interface) = &target.interface {
        socket.bind_device(Some(interface.as_bytes())).map_err(SkipReason::Local)?;
    }

    socket.connect(target.address).await.map_err(|_| SkipReason::Gone)?;
    Ok(socket)
}

/// The reply to one datagram, also from another port of the peer.
async fn request_from_another_port(target: &PortTarget, payload: &[u8]) -> Result<Option<Vec<u8>>, SkipReason> {
    let device = target.interface.as_ref().map(String::as_bytes);
    let local = unspecified(target.address);
    let opened = open_in(target.namespace.as_deref(), || ReplyPorts::bind(local, target.address.ip(), device));
    let ports = opened.map_err(SkipReason::Local)?.ok_or(SkipReason::Gone)?;
    ports.connected().connect(target.address).map_err(|_| SkipReason::Gone)?;
    // The runtime waits on copies of their descriptors.
    let connected = copy(ports.connected()).map_err(SkipReason::Local)?;
    let any = copy(ports.any()).map_err(SkipReason::Local)?;

    let (mut own, mut other) = (vec![0; MAX_BYTES], vec![0; MAX_BYTES]);
    for _ in 0..MAX_ATTEMPTS {
        let reply = async {
            connected.send(payload).await?;
            loop {
                tokio::select! {
                    length = connected.recv(&mut own) => return Ok(own[..length?].to_vec()),
                    ready = any.readable() => {
                        ready?;
                        match any.try_io(Interest::READABLE, || ports.receive(&mut other)) {
                            Ok(length) => return Ok(other[..length].to_vec()),
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            Err(error) => return Err(error),
                        }
                    }
                }
            }
        };
        match timeout(WAIT, reply).await {
            Err(_) => {}
            Ok(Ok(bytes)) => return Ok(Some(bytes)),
            Ok(Err(error)) => return Err(skip_reason(error)),
        }
    }
    Ok(None)
}

/// Every local address of a family.
fn unspecified(of: SocketAddr) -> SocketAddr {
    match of {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn bind(local: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The probes for this port, then the most likely others.
fn plan(probes: Probes, port: u16, intensity: Intensity) -> Vec<&'static dyn Probe> {
    let mut probes: Vec<_> = probes
        .iter()
        .filter(|probe| probe.udp_payload().is_some() && (is_suggested(*probe, port) || probe.udp_likelihood() > 0))
        .collect();
    if intensity.is_careful_with(port) {
        probes.retain(|probe| is_suggested(*probe, port));
    }
    probes.sort_by_key(|probe| (!is_suggested(*probe, port), Reverse(probe.udp_likelihood())));

    probes.truncate(match intensity {
        Intensity::Light => 1,
        Intensity::Normal => 6,
        Intensity::All => usize::MAX,
    });
    probes
}

fn is_suggested(probe: &dyn Probe, port: u16) -> bool {
    probe.udp_ports().contains(&port)
}

/// The reply to one datagram; `None` means silence.
async fn request(socket: &UdpSocket, payload: &[u8]) -> Result<Option<Vec<u8>>, SkipReason> {
    let mut buffer = vec![0; MAX_BYTES];
    for _ in 0..MAX_ATTEMPTS {
        let reply = async {
            socket.send(payload).await?;
            socket.recv(&mut buffer).await
        };

        match timeout(WAIT, reply).await {
            Err(_) => {}
            Ok(Ok(length)) => {
                buffer.truncate(length);
                return Ok(Some(buffer));
            }
            Ok(Err(error)) => return Err(skip_reason(error)),
        }
    }

    Ok(None)
}

/// Separates ICMP errors about the port, its host or the route from local failures.
fn skip_reason(error: io::Error) -> SkipReason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            SkipReason::Gone
        }
        _ => SkipReason::Local(error),
    }
}

/// A socket of the runtime that shares the descriptor's port.
fn copy(socket: &std::net::UdpSocket) -> io::Result<UdpSocket> {
    socket.try_clone().and_then(UdpSocket::from_std)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::probe::ServerBytes;

    /// A custom probe of that likelihood for port 7000.
    struct RankedProbe(u8);

    impl Probe for RankedProbe {
        fn protocol(&self) -> &'static str {
            "custom"
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

    fn position(likelihood: u8, port: u16, intensity: Intensity) -> Option<usize> {
        let probes = Probes::and(vec![Box::new(RankedProbe(likelihood))]);
        plan(probes, port, intensity).iter().position(|probe| probe.protocol() == "custom")
    }

    #[test]
    fn a_probe_without_likelihood_is_sent_to_its_own_ports_only() {
        for intensity in [Intensity::Light, Intensity::Normal, Intensity::All] {
            let positions = (position(0, 7000, intensity), position(0, 1, intensity));
            assert_eq!(positions, (Some(0), None), "{intensity:?}");
        }
        assert_eq!((position(9, 1, Intensity::Normal), position(1, 53, Intensity::Light)), (Some(0), None));
    }

    fn sent_to_bacnet(intensity: Intensity) -> Vec<&'static str> {
        plan(Probes::built_in(), 47_808, intensity).iter().map(|probe| probe.protocol()).collect()
    }

    #[test]
    fn a_controller_receives_only_what_its_port_suggests() {
        assert_eq!(sent_to_bacnet(Intensity::Normal), ["bacnet"]);
        assert!(sent_to_bacnet(Intensity::All).len() > 1);
    }

    /// A datagram counts once for each protocol, and once more where another port of the protocol gets another one.
    #[test]
    fn at_least_forty_protocols_have_a_datagram() {
        let pairs: BTreeSet<(&str, &[u8])> = PROBES
            .iter()
            .flat_map(|probe| {
                probe.udp_ports().iter().map(|port| (probe.protocol(), probe.udp_payload_at(*port).unwrap()))
            })
            .collect();
        let protocols: BTreeSet<&str> = pairs.iter().map(|(protocol, _)| *protocol).collect();
        assert!(protocols.len() >= 40 && pairs.len() > protocols.len(), "{} {protocols:?}", protocols.len());
        // One frame of Ethernet holds each, and each port of a scan gets one.
        assert!(pairs.iter().all(|(_, datagram)| !datagram.is_empty() && datagram.len() <= 1472));
        let ports = PROBES.iter().flat_map(|probe| probe.udp_ports());
        assert!(ports.into_iter().all(|port| payload(*port).is_some()));
    }
}
