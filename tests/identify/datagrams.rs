//! UDP protocols whose servers Debian does not have, or only with a network of their own: the reply of each specification comes
//! from a port of the test, and only to the datagram of that protocol.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use serde_json::Value;

use crate::own::run;

/// A port, its protocol, how the request begins, and the reply.
struct Exchange {
    port: u16,
    protocol: &'static str,
    request: &'static [u8],
    reply: Vec<u8>,
}

fn exchange(port: u16, protocol: &'static str, request: &'static [u8], reply: &[&[u8]]) -> Exchange {
    Exchange { port, protocol, request, reply: reply.concat() }
}

const RAKNET_MARK: &[u8] = b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";

/// What devices and programs of networks, telephony and storage reply.
fn of_networks() -> Vec<Exchange> {
    vec![
        // RFC 2608, 10.2: one type.
        exchange(427, "slp", b"\x02\x09", &[b"\x02\x0a\0\0\x1f\0\0\0\0\0po\0\x02en\0\0\0\x0bservice:ntp"]),
        // RFC 2080, 2.4.2: no route.
        exchange(521, "ripng", b"\x01\x01", &[b"\x02\x01\0\0", &[0; 15], b"\x01\0\0\x80\x10"]),
        // RFC 8762, 4.3.1.
        exchange(
            862,
            "stamp",
            b"portolan-1\0\0\x80\x01",
            &[b"port\xec\xa1\x5b\x20\0\0\0\0\x80\x01\0\0\xec\xa1\x5b\x20\0\0\0\0portolan-1\0\0\x80\x01\0\0\x40\0\0\0"],
        ),
        // RFC 5531, 9: the call succeeded.
        exchange(2049, "nfs", b"nfs3", &[b"nfs3\0\0\0\x01", &[0; 16]]),
        // 3GPP TS 29.274, 7.1.2, and TS 29.281, 7.2.2.
        exchange(2123, "gtp", b"\x40\x01", &[b"\x40\x02\0\x09\0po\0\x03\0\x01\0\x07"]),
        exchange(2152, "gtp", b"\x32\x01", &[b"\x32\x02\0\x06\0\0\0\0po\0\0\x0e\0"]),
        // RFC 3435, 3.3.
        exchange(2427, "mgcp", b"AUEP ", &[b"500 112111114 Endpoint Unknown\r\n"]),
        // RFC 5456, 6.7.2.
        exchange(4569, "iax2", b"\x80\x01", &[b"\x80\x05\0\x01\0\0\0\x70\0\x01\x06\x03"]),
        // RFC 6887, 9: a server without NAT-PMP refuses the version of its request.
        exchange(5351, "pcp", b"\0\0", &[b"\x02\x80\0\x01\0\0\0\x1e\0\0\x10\0", &[0; 12]]),
        // 3GPP TS 29.244, 7.4.2.2.
        exchange(8805, "pfcp", b"\x20\x01", &[b"\x20\x02\0\x0c\0po\0\0\x60\0\x04\xec\xa1\x5b\x20"]),
    ]
}

/// What buildings, machines, cameras and games reply.
fn of_things() -> Vec<Exchange> {
    let game = b"MCPE;Harbour;527;1.19.1;0;10;1;Level;Survival;1;19132;19133;";
    let length = [0, u8::try_from(game.len()).unwrap()];
    vec![
        // ISO 22510: the description of a device.
        exchange(
            3671,
            "knxnet-ip",
            b"\x06\x10\x02\x03",
            &[
                b"\x06\x10\x02\x04\0\x3c\x36\x01\x02\0\x11\0\0\0\0\xc5\x01\x02\x03\x04\xe0\0\x17\x0c\0\x24\x6d\x01\x02\x03",
                b"IP router",
                &[0; 21],
            ],
        ),
        exchange(3956, "gige-vision", b"\x42\x01\0\x02", &[b"\0\0\0\x03\0\xf8po", &[0; 248]]),
        // BEP 5, "ping".
        exchange(6881, "bittorrent-dht", b"d1:ad2:id20:", &[b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:po1:y1:re"]),
        exchange(
            19_132,
            "raknet",
            b"\x01portolan",
            &[b"\x1cportolanharbours", RAKNET_MARK, &length, game],
        ),
        exchange(
            27_960,
            "quake3",
            b"\xff\xff\xff\xffgetinfo ",
            &[b"\xff\xff\xff\xffinfoResponse\n\\challenge\\portolan\\hostname\\Harbour\\mapname\\q3dm17"],
        ),
        exchange(
            44_818,
            "ethernet-ip",
            b"\x63\0\0\0",
            &[
                b"\x63\0\x32\0\0\0\0\0\0\0\0\0\x01\0portol\0\0\0\0",
                b"\x01\0\x0c\0\x2c\0\x01\0\0\x02\xaf\x12\xc0\0\x02\x02\0\0\0\0\0\0\0\0",
                b"\x01\0\x0e\0\x36\0\x14\x0b\x60\0\x34\x12\0\xc0\x0a1756-L61/B\x03",
            ],
        ),
        // ANSI/ASHRAE 135, 20.1.5: the vendor of device 7.
        exchange(
            47_808,
            "bacnet",
            b"\x81\x0a",
            &[b"\x81\x0a\0\x1d\x01\0\x30\x70\x0c\x0c\x02\0\0\x07\x19\x79\x3e\x75\x09\0Harbours\x3f"],
        ),
        exchange(
            56_700,
            "lifx",
            b"\x24\0\0\x34port",
            &[b"\x29\0\0\x14port\xd0\x73\xd5\x01\x02\x03\0\0LIFXV2\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01\x7c\xdd\0\0"],
        ),
    ]
}

#[test]
fn published_datagrams_are_identified() {
    let address = Ipv4Addr::new(127, 3, 0, 35);
    let exchanges: Vec<Exchange> = of_networks().into_iter().chain(of_things()).collect();
    let expected: Vec<(u64, &str)> = exchanges.iter().map(|one| (one.port.into(), one.protocol)).collect();
    let ports: Vec<String> = exchanges.iter().map(|one| one.port.to_string()).collect();

    for one in exchanges {
        let socket = UdpSocket::bind((address, one.port)).unwrap();
        // The thread ends with the test program.
        thread::spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                if datagram[..length].starts_with(one.request) {
                    let _ = socket.send_to(&one.reply, from);
                }
            }
        });
    }

    let output = run(&["scan", &address.to_string(), "--udp", "-p", &ports.join(","), "--identify", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let endpoints = document["items"].as_array().unwrap().iter().map(|item| &item["endpoints"][0]);
    let mut found: Vec<(u64, &str)> = endpoints
        .map(|endpoint| (endpoint["port"].as_u64().unwrap(), endpoint["service"]["protocol"].as_str().unwrap_or("-")))
        .collect();
    found.sort_unstable();
    let mut expected = expected;
    expected.sort_unstable();
    assert_eq!(found, expected, "{document}");
}
