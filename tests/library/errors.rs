//! Each cause has its own variant of the error, which a program can match. The registries' own suites do the same with
//! real servers that refuse, are away, and hang.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use portolan::client::Registry;
use portolan::model::{Address, Instance, RegistryDetail, Transport};
use portolan::source::{Consul, File, Scan};
use portolan::{Endpoint, Error, Service};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::validation::{closed, serve};

/// The error of listing a Consul that is at this address.
async fn error_of(address: SocketAddr, timeout: Duration) -> Error {
    let consul = Consul { address: Some(address.to_string()), timeout, ..Consul::default() };
    let error = consul.listing().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot list the services of Consul: "), "{error}");
    assert!(error.to_string().contains(&address.to_string()) && !error.hint().is_empty(), "{error}: {}", error.hint());
    error
}

const NEVER_REACHED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_that_refuses_is_away_hangs_or_speaks_otherwise() {
    let refuses = error_of(serve(|_| Some("403 Forbidden")), NEVER_REACHED).await;
    assert!(matches!(refuses, Error::Refused { .. }), "{refuses:?}");
    let away = error_of(closed(), NEVER_REACHED).await;
    assert!(matches!(away, Error::Connection { .. }), "{away:?}");
    let hangs = error_of(serve(|_| None), Duration::from_millis(100)).await;
    assert!(matches!(hangs, Error::TimedOut { .. }), "{hangs:?}");
    let speaks_otherwise = error_of(serve(|_| Some("200 OK")), NEVER_REACHED).await;
    assert!(matches!(speaks_otherwise, Error::Protocol { .. }), "{speaks_otherwise:?}");
}

/// A reply without an end: portolan stops reading at its own limit.
#[tokio::test]
async fn a_reply_that_never_ends_exceeds_a_limit_of_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
                while stream.write_all(&[b' '; 8_192]).is_ok() {}
            });
        }
    });

    let error = error_of(address, NEVER_REACHED).await;
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
}

#[test]
fn a_scan_that_needs_raw_sockets_needs_permission() {
    // Of this thread alone; the threads of the scan inherit it.
    let scanning = thread::spawn(|| {
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).unwrap();
        let ports = Some("1".parse().unwrap());
        Scan { targets: vec!["127.0.0.1".into()], ports, syn: true, ..Scan::default() }.listing()
    });

    let error = scanning.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Permission { .. }), "{error:?}");
    assert!(error.to_string().contains("CAP_NET_RAW") && error.hint().contains("setcap"), "{error}: {}", error.hint());
}

/// The service was listed, and has no key that could be removed.
#[tokio::test]
async fn an_instance_without_a_key_is_not_found() {
    let endpoint = Endpoint::new(Address::Ip([127, 0, 0, 1].into()), Some(80), Transport::Tcp);
    let service = Service::new("etcd/web", "etcd", vec![endpoint], RegistryDetail::default()).erase();
    let instance = Instance { id: "web-1".into(), ..Instance::default() };

    let error = Registry::open("etcd://127.0.0.1:1").unwrap().remove(&service, &instance).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("web-1"), "{error}");
}

#[tokio::test]
async fn an_option_that_makes_no_sense_is_of_the_user() {
    let scan = Scan { targets: vec!["10.0.0.0/99".into()], ..Scan::default() };
    let error = scan.listing().unwrap_err();
    assert!(matches!(error, Error::Usage { .. }), "{error:?}");
    assert!(error.to_string().contains("10.0.0.0/99"), "{error}");

    let error = File::new("/nowhere/services.toml").listing().await.unwrap_err();
    assert!(matches!(error, Error::Usage { .. } | Error::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("/nowhere/services.toml"), "{error}");
}
