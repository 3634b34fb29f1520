//! The entry point of the fuzz target for the server's requests. Requires `--cfg fuzzing`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{DnsOutcome, Responder, Transport};
use super::protocol::{MAX_REMOTE_UDP_REPLY, MAX_UDP_REPLY};
use super::shuffle::Shuffle;
use super::zone::Zone;
use crate::model::{HostPort, Registration};
use crate::registry::{Command, Now, Rules, State, step};
use crate::server::view::View;

/// A domain with each kind of name.
fn fixture() -> Option<(Responder, View)> {
    let mut state = State::new(Rules::default());
    let now = Now { elapsed: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH };
    for at in 0..40_u8 {
        let place: HostPort = format!("10.0.0.{at}:80").parse().ok()?;
        let web = Registration::new("web", place).id(format!("i{at}")).tag("api").node(format!("n{at}"));
        step(&mut state, Command::Register(Arc::new(web)), now).ok()?;
    }
    for (name, place) in [("v6", "[2001:db8::1]:80"), ("alias", "example.org:80"), ("a.b", "10.0.1.1:53")] {
        let other = Registration::new(name, place.parse().ok()?).id(name).namespace("ns");
        step(&mut state, Command::Register(Arc::new(other)), now).ok()?;
    }
    let zone = Zone::new("d", "dc", vec![[127, 0, 0, 1].into()])?;
    Some((Responder { zone, ttl: 0 }, View::new(state.snapshot(), true)))
}

thread_local! {
    static FIXTURE: Option<(Responder, View)> = fixture();
}

/// Answers a message as the server does.
///
/// # Panics
/// A reply is longer than its limit, belongs to another message, or is none.
pub fn answer_dns(message: &[u8]) {
    FIXTURE.with(|fixture| {
        let Some((responder, view)) = fixture else { panic!("the fixture is invalid") };
        let (mut shuffle, mut out) = (Shuffle::seeded(1), Vec::new());
        for (transport, limit) in [
            (Transport::LOCAL_UDP, MAX_UDP_REPLY),
            (Transport::REMOTE_UDP, MAX_REMOTE_UDP_REPLY),
            (Transport::Tcp, u16::MAX),
        ] {
            if responder.answer(message, transport, view, &mut shuffle, &mut out) != DnsOutcome::Ignored {
                check(message, &out, limit);
            }
        }
        if responder.refer_to_tcp(message, &mut out) != DnsOutcome::Ignored {
            check(message, &out, MAX_UDP_REPLY);
            assert!(out.len() <= message.len(), "a forged address would get more bytes than were sent");
        }
    });
}

fn check(message: &[u8], reply: &[u8], limit: u16) {
    assert!((12..=usize::from(limit)).contains(&reply.len()));
    assert!(reply[..2] == message[..2] && reply[2] & 0x80 != 0);
}
