//! Protocols whose servers Debian does not have: each exchange is one that its specification or its manual prints.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tonic::codegen::tokio_stream::wrappers::TcpListenerStream;

use crate::own::{Peer, Peers, identified, run};

/// Replies to a request by its first line, if that is known.
async fn served(mut stream: TcpStream, pages: &'static [(&'static str, &'static str)]) {
    let mut head = vec![0; 4096];
    let Ok(length) = stream.read(&mut head).await else { return };
    let answer = pages.iter().find(|(begin, _)| head[..length].starts_with(begin.as_bytes()));
    if let Some((_, answer)) = answer {
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn server(peers: &Peers, pages: &'static [(&'static str, &'static str)]) -> Peer {
    peers.serve(move |stream| served(stream, pages))
}

/// Protocol, product and version.
fn named(service: &Value) -> [&str; 3] {
    ["protocol", "product", "version"].map(|field| service[field].as_str().unwrap_or("-"))
}

#[test]
fn a_websocket_consents_as_in_rfc_6455() {
    // The server's handshake of 1.2, which consents to the key of 1.3; until it is asked for that, RFC 9110's 15.5.22.
    const REFUSAL: &str =
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n";
    const CONSENT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut head = vec![0; 4096];
        let Ok(length) = stream.read(&mut head).await else { return };
        let asks = String::from_utf8_lossy(&head[..length]).contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        let _ = stream.write_all(if asks { CONSENT } else { REFUSAL }.as_bytes()).await;
    });
    assert_eq!(identified(&peer, &[])["protocol"], "websocket");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_grpc_says_how_it_is() {
    // Not an exchange on paper: tonic's server, with the health service of the gRPC project.
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = tonic::transport::Server::builder().add_service(health);
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let arguments = ["scan", "127.0.0.1", "-p", &port, "--identify", "--json"].map(str::to_owned);
    let output = tokio::task::spawn_blocking(move || run(&arguments.each_ref().map(String::as_str))).await.unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = &document["items"][0]["endpoints"][0]["service"];
    assert_eq!((&said["protocol"], &said["facts"]["health"]), (&"grpc".into(), &"serving".into()), "{said}");
    serving.abort();
}

#[test]
fn dockers_engine_answers_as_in_its_reference() {
    // Docker Engine API v1.24, 3.3 "Show the docker version information"; the server's name as its daemon gives it.
    const PAGES: &[(&str, &str)] = &[
        (
            "GET /version ",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Version\": \"1.12.0\", \"Os\": \"linux\",\
            \"KernelVersion\": \"3.19.0-23-generic\", \"GoVersion\": \"go1.6.3\", \"GitCommit\": \"deadbee\",\
            \"Arch\": \"amd64\", \"ApiVersion\": \"1.24\", \"BuildTime\": \"2016-06-14T07:09:13.444803460+00:00\",\
            \"Experimental\": true}",
        ),
        (
            "GET / ",
            "HTTP/1.1 404 Not Found\r\nServer: Docker/1.12.0 (linux)\r\nContent-Length: 19\r\n\r\n404 page not found\n",
        ),
    ];
    let peers = Peers::new();
    let said = identified(&server(&peers, PAGES), &[]);
    assert_eq!(named(&said), ["docker", "Docker Engine", "1.12.0"], "{said}");
    assert_eq!(said["facts"]["api_version"], "1.24");
}

#[test]
fn consuls_agent_answers_as_in_its_reference() {
    // "Read Configuration", sample response; its front page leads to its own pages.
    const PAGES: &[(&str, &str)] = &[
        (
            "GET /v1/agent/self ",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"Config\": {\"Datacenter\": \"dc1\",\
            \"NodeName\": \"foobar\", \"NodeID\": \"9d754d17-d864-b1d3-e758-f3fe25a9874f\", \"Server\": true,\
            \"Revision\": \"deadbeef\", \"Version\": \"1.0.0\"}, \"Coord\": {\"Adjustment\": 0, \"Error\": 1.5},\
            \"Member\": {\"Name\": \"foobar\", \"Addr\": \"10.1.10.12\", \"Port\": 8301}}",
        ),
        ("GET / ", "HTTP/1.1 301 Moved Permanently\r\nLocation: /ui/\r\nContent-Length: 0\r\n\r\n"),
    ];
    let peers = Peers::new();
    let said = identified(&server(&peers, PAGES), &[]);
    assert_eq!(named(&said), ["consul", "Consul", "1.0.0"], "{said}");
    assert_eq!((&said["facts"]["node"], &said["facts"]["datacenter"]), (&"foobar".into(), &"dc1".into()));
}

#[test]
fn elasticsearch_answers_as_in_its_reference() {
    // "Root API", with the values of a node of 8.12.1.
    const PAGES: &[(&str, &str)] = &[(
        "GET / ",
        "HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\n\r\n\
        {\"name\": \"instance-0000000000\", \"cluster_name\": \"my_test_cluster\",\
        \"cluster_uuid\": \"5QaxoN0pRZuOmWSxstBBwQ\", \"version\": {\"build_date\": \"2024-02-01T13:07:13.727175297Z\",\
        \"minimum_wire_compatibility_version\": \"7.17.0\",\
        \"build_hash\": \"6185ba65d27469afabc9bc951cded6c17c21e3f3\", \"number\": \"8.12.1\",\
        \"lucene_version\": \"9.9.2\", \"minimum_index_compatibility_version\": \"7.0.0\", \"build_flavor\": \"default\",\
        \"build_snapshot\": false, \"build_type\": \"docker\"}, \"tagline\": \"You Know, for Search\"}",
    )];
    let peers = Peers::new();
    let said = identified(&server(&peers, PAGES), &[]);
    assert_eq!(named(&said), ["elasticsearch", "Elasticsearch", "8.12.1"], "{said}");
    assert_eq!(said["facts"]["cluster"], "my_test_cluster");
}

#[test]
fn rtsp_answers_as_in_rfc_2326() {
    // 10.1, at its usual port: no other probe is sent there.
    const PAGES: &[(&str, &str)] = &[(
        "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n",
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE\r\n\r\n",
    )];
    let peers = Peers::new();
    let peer = peers.serve_at(([127, 3, 0, 4], 554).into(), |stream| served(stream, PAGES));
    let said = identified(&peer, &[]);
    assert_eq!(said["protocol"], "rtsp", "{said}");
    assert_eq!(said["facts"]["methods"], serde_json::json!(["DESCRIBE", "SETUP", "TEARDOWN", "PLAY", "PAUSE"]));
    // And anywhere, if all is asked.
    let elsewhere = server(&peers, PAGES);
    assert_eq!(identified(&elsewhere, &["--intensity", "all"])["protocol"], "rtsp");
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_negotiates_its_version_as_in_rfc_8999() {
    // Section 6: version 0, the two connection IDs the other way round, and the versions that there are (RFC 9000, RFC 9369).
    let socket = UdpSocket::bind("127.3.0.5:443").await.unwrap();
    let answering = tokio::spawn(async move {
        let mut asked = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut asked).await {
            // RFC 9000, 14.1: nothing shorter than 1,200 bytes is answered.
            if length < 1200 || asked[0] & 0x80 == 0 {
                continue;
            }
            let destination = &asked[6..6 + usize::from(asked[5])];
            let source = &asked[7 + destination.len()..][..usize::from(asked[6 + destination.len()])];
            let mut answer = vec![0x80, 0, 0, 0, 0];
            for id in [source, destination] {
                answer.push(u8::try_from(id.len()).unwrap());
                answer.extend_from_slice(id);
            }
            answer.extend_from_slice(&[0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
            let _ = socket.send_to(&answer, from).await;
        }
    });
    let scan = || run(&["scan", "127.3.0.5", "-p", "443", "--udp", "--identify", "--json"]);
    let output = tokio::task::spawn_blocking(scan).await.unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = &document["items"][0]["endpoints"][0]["service"];
    assert_eq!(
        (&said["protocol"], &said["facts"]["versions"]),
        (&"quic".into(), &serde_json::json!(["1", "2"])),
        "{said}"
    );
    answering.abort();
}

/// The listener's refusal as Oracle's manuals print it, at its own port; its version is the number in it.
#[test]
fn a_listener_of_oracle_refuses_with_its_version() {
    const REFUSAL: &[u8] = b"\0\x65\0\0\x04\0\0\0\x22\0\0\x59\
        (DESCRIPTION=(TMP=)(VSNNUM=186647040)(ERR=1189)(ERROR_STACK=(ERROR=(CODE=1189)(EMFI=4))))";
    let peers = Peers::new();
    let peer = peers.serve_at(([127, 3, 0, 15], 1521).into(), |mut stream| async move {
        let mut request = vec![0; 4096];
        if stream.read(&mut request).await.is_ok_and(|length| request[..length].ends_with(b"(COMMAND=version))")) {
            let _ = stream.write_all(REFUSAL).await;
        }
    });
    assert_eq!(named(&identified(&peer, &[])), ["oracle", "Oracle Database", "11.2.0.2.0"]);
}

/// At the ports of controllers, nothing is sent but what their own protocol has.
#[test]
fn a_controller_receives_no_probes_of_other_protocols() {
    let peers = Peers::new();
    let received = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let sent = std::sync::Arc::clone(&received);
    let silent = move |mut stream: TcpStream| {
        let sent = std::sync::Arc::clone(&sent);
        async move {
            let mut bytes = vec![0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                sent.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        }
    };
    let modbus = peers.serve_at(([127, 3, 0, 16], 502).into(), silent.clone());
    let unknown = identified(&modbus, &["--identify-timeout", "3s"]);
    assert!(unknown["protocol"].is_null(), "{unknown}");
    assert_eq!(*received.lock().unwrap(), b"po\0\0\0\x05\xff\x2b\x0e\x01\0");

    let peer = peers.serve_at(([127, 3, 0, 16], 102).into(), silent);
    let arguments = ["scan", "127.3.0.16", "-p", "102", "--identify"];
    let output = run(&arguments);
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(notes.contains("port 102 was not probed"), "{notes}");
    assert_eq!(received.lock().unwrap().len(), 11);
    drop(peer);
}
