//! Telnet (RFC 854): the greeting negotiates options.

use super::words::lines;
use super::{Probe, ProbeFuture, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Telnet;

const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
/// The most options that are refused, which is more than servers request. Further ones stay open.
const MAX_OPTIONS: usize = 64;

impl Probe for Telnet {
    fn protocol(&self) -> &'static str {
        "telnet"
    }

    fn ports(&self) -> &'static [u16] {
        &[23, 2323]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // Option numbers are below 50, except for a few special ones.
        let recognised =
            received.reply_to.is_none() && matches!(received.bytes, [IAC, WILL..=DONT, 0..=49 | 200.., ..]);
        recognised.then(|| with_banner(Identity::of("telnet"), received.bytes))
    }

    fn speak<'a>(&'a self, talk: &'a mut super::Talk<'_>) -> ProbeFuture<'a> {
        Box::pin(async move {
            let mut greeting = Vec::new();
            let mut refused = 0;
            while talk.more(&mut greeting).await? && greeting.len() < self.max_bytes() {
                if !matches!(greeting[..], [IAC, ..]) {
                    return Ok(None);
                }

                // The server sends its banner once all its options are refused.
                let refusals = refusals(&greeting);
                if refusals.len() > refused {
                    talk.peer.write(&refusals[refused..]).await?;
                    refused = refusals.len();
                }
            }

            Ok(matches!(greeting[..], [IAC, WILL..=DONT, ..]).then(|| with_banner(Identity::of("telnet"), &greeting)))
        })
    }
}

/// Separates the option commands from the text.
fn split_options(bytes: &[u8]) -> (Vec<(u8, u8)>, Vec<u8>) {
    let (mut options, mut text) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    loop {
        rest = match rest {
            [IAC, IAC, rest @ ..] => {
                text.push(IAC);
                rest
            }
            [IAC, command @ WILL..=DONT, option, rest @ ..] => {
                options.push((*command, *option));
                rest
            }
            [IAC, SB, inside @ ..] => match inside.windows(2).position(|pair| pair == [IAC, SE]) {
                Some(end) => &inside[end + 2..],
                None => return (options, text),
            },
            [IAC, _, rest @ ..] => rest,
            [IAC] | [] => return (options, text),
            [byte, rest @ ..] => {
                text.push(*byte);
                rest
            }
        }
    }
}

/// Refuses all requested and offered options.
fn refusals(greeting: &[u8]) -> Vec<u8> {
    let (options, _) = split_options(greeting);
    let refusals = options.into_iter().take(MAX_OPTIONS).filter_map(|(command, option)| match command {
        DO => Some([IAC, WONT, option]),
        WILL => Some([IAC, DONT, option]),
        _ => None,
    });
    refusals.flatten().collect()
}

fn with_banner(identity: Identity, greeting: &[u8]) -> Identity {
    let (options, text) = split_options(greeting);
    let line = lines(&text).map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let line = line.map(|line| Untrusted::from_bytes(&line[..line.len().min(256)]));

    let requested: Vec<u8> =
        options.iter().filter(|(command, _)| *command == DO).map(|(_, option)| *option).take(32).collect();
    identity.fact_if("banner", line).fact("options", requested)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn options_are_separated_from_the_text() {
        // RFC 854 and 855: DO TERMINAL-TYPE, WILL ECHO, a subnegotiation, and a text with an escaped IAC.
        let greeting = b"\xff\xfd\x18\xff\xfb\x01\xff\xfa\x18\x01\xff\xf0\r\nDebian\xff\xff login: ";
        let identity = recognise_tcp(&Telnet, greeting, None).unwrap();
        assert_eq!(identity.facts["banner"], Untrusted::from_bytes(b"Debian\xff login:").into());
        assert_eq!(identity.facts["options"], vec![24_u8].into());
        assert_eq!(refusals(greeting), [IAC, WONT, 24, IAC, DONT, 1]);
        assert_eq!(recognise_tcp(&Telnet, b"\xff\xfe", None), None);
        assert_eq!(recognise_tcp(&Telnet, greeting, Some("http")), None);
    }

    proptest! {
        #[test]
        fn any_greeting_is_accepted(greeting: Vec<u8>) {
            let (options, text) = split_options(&greeting);
            prop_assert!(options.len() * 3 + text.len() <= greeting.len());
            prop_assert!(refusals(&greeting).len() <= 3 * MAX_OPTIONS);
            let _ = with_banner(Identity::default(), &greeting);
        }
    }
}
