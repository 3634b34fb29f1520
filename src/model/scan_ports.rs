//! Ports of both transports as scanners take them: `22,80`, `U:53,161,T:80,443`.

use std::str::FromStr;

use super::{ParseError, Ports};

/// TCP and UDP ports: `T:` or `U:` applies to all ports that follow. Ports before the first prefix have the
/// default transport.
///
/// ```
/// let ports: portolan::model::ScanPorts = "22,U:53,161,T:80".parse()?;
/// let (tcp, udp) = ports.of(false);
/// assert_eq!((tcp.to_string(), udp.to_string()), ("22,80".to_owned(), "53,161".to_owned()));
/// # Ok::<(), portolan::model::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPorts {
    unmarked: Ports,
    tcp: Ports,
    udp: Ports,
}

impl ScanPorts {
    /// The TCP and the UDP ports. With `udp`, ports without a prefix are UDP.
    pub fn of(&self, udp: bool) -> (Ports, Ports) {
        if udp {
            (self.tcp.clone(), self.with_unmarked(&self.udp))
        } else {
            (self.with_unmarked(&self.tcp), self.udp.clone())
        }
    }

    fn with_unmarked(&self, marked: &Ports) -> Ports {
        marked.iter().chain(self.unmarked.iter()).collect()
    }
}

impl From<Ports> for ScanPorts {
    /// These ports, without a prefix.
    fn from(unmarked: Ports) -> Self {
        Self { unmarked, ..Self::default() }
    }
}

impl FromStr for ScanPorts {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (mut lists, mut of) = ([Vec::new(), Vec::new(), Vec::new()], 0);
        for part in text.split(',').map(str::trim) {
            let (mark, rest) = part.split_once(':').unwrap_or(("", part));
            of = match mark {
                "T" | "t" => 1,
                "U" | "u" => 2,
                "" if rest == part => of,
                _ => return Err(ParseError::new("a mark is neither T: nor U:", "write ports as U:53,161,T:80,443")),
            };
            lists[of].push(rest.trim());
        }

        let [unmarked, tcp, udp] = &lists;
        Ok(Self { unmarked: parse_list(unmarked)?, tcp: parse_list(tcp)?, udp: parse_list(udp)? })
    }
}

fn parse_list(list: &[&str]) -> Result<Ports, ParseError> {
    if list.is_empty() { Ok(Ports::default()) } else { list.join(",").parse() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, udp: bool) -> (String, String) {
        let (tcp, udp) = text.parse::<ScanPorts>().unwrap().of(udp);
        (tcp.to_string(), udp.to_string())
    }

    fn pair(tcp: &str, udp: &str) -> (String, String) {
        (tcp.to_owned(), udp.to_owned())
    }

    #[test]
    fn a_mark_holds_until_the_next() {
        assert_eq!(of("22,80", false), pair("22,80", ""));
        assert_eq!(of("22,80", true), pair("", "22,80"));
        assert_eq!(of("U:53,161,T:80,443", false), pair("80,443", "53,161"));
        assert_eq!(of("22, u:53 ,t:http,U:161", false), pair("22,80", "53,161"));
        assert_eq!(of("U:-,T:80", false), pair("80", "1-65535"));
        assert_eq!(of("-", false), pair("1-65535", ""));
    }

    #[test]
    fn what_is_no_port_is_refused_with_its_reason() {
        for (text, why) in [
            ("S:1", "a mark is neither T: nor U:"),
            (":1", "a mark is neither T: nor U:"),
            ("U:", "no port is given"),
            ("U:53,,T:1", "a comma has no port next to it"),
            ("T:U:1", "TCP and UDP ports cannot be combined here"),
            ("", "no port is given"),
        ] {
            assert_eq!(text.parse::<ScanPorts>().map_err(|error| error.to_string()).unwrap_err(), why, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9TtUu:,a -]{0,24}") {
            let _ = text.parse::<ScanPorts>();
        }

        #[test]
        fn without_marks_it_is_a_set_of_ports(text in "[0-9,-]{0,16}") {
            let plain = text.parse::<Ports>();
            prop_assert_eq!(text.parse::<ScanPorts>(), plain.map(ScanPorts::from));
        }
    }
}
