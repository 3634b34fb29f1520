//! gRPC's health protocol against a real tonic server, and a silent one.

use serde_json::Value;
use tokio::net::TcpListener;
use tonic::codegen::tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;

use crate::peers::Peer;
use crate::portolan;

/// The codes of the findings that do not depend on latency.
async fn judged(args: Vec<String>) -> Vec<String> {
    let ran = tokio::task::spawn_blocking(move || {
        let always = ["validate", "--json", "--check", "grpc", "--timeout", "2s", "--retries", "0"];
        portolan(always.iter().map(ToString::to_string).chain(args))
    });
    let ran = ran.await.unwrap();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let health = &document["items"][0]["endpoints"][0]["health"];
    assert_eq!(health["coverage"], serde_json::json!(["grpc"]), "{health}");
    let codes = health["findings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap().to_owned());
    codes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_s_own_word_counts() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("shop.Cart", ServingStatus::Serving).await;
    reporter.set_service_status("shop.Pay", ServingStatus::NotServing).await;
    reporter.set_service_status("shop.New", ServingStatus::Unknown).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let server = tonic::transport::Server::builder().add_service(health);
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let service = |name: &str| vec![at.clone(), "--grpc-service".to_owned(), name.to_owned()];
    assert_eq!(judged(vec![at.clone()]).await, [""; 0], "the server as a whole");
    assert_eq!(judged(service("shop.Cart")).await, [""; 0]);
    assert_eq!(judged(service("shop.Pay")).await, ["grpc-not-serving"]);
    assert_eq!(judged(service("shop.New")).await, ["grpc-not-serving"], "it does not know itself");
    assert_eq!(judged(service("shop.Gone")).await, ["grpc-unknown-service"]);
    // A name whose length takes two bytes.
    assert_eq!(judged(service(&"x".repeat(300))).await, ["grpc-unknown-service"]);
    serving.abort();
    let mute = Peer::new("mute", crate::peers::Connection::wait);
    assert_eq!(judged(vec![mute.address.to_string()]).await, ["grpc-timeout"]);
}

/// H8 and X7: each status is what it says, with its message decoded. The one of a deadline is the server's own timeout.
#[tokio::test(flavor = "multi_thread")]
async fn every_status_is_named() {
    use tonic::Code;

    for (code, found) in [
        (Code::Unauthenticated, "grpc-unauthenticated"),
        (Code::PermissionDenied, "grpc-permission-denied"),
        (Code::Unavailable, "grpc-unavailable"),
        (Code::Internal, "grpc-internal"),
        (Code::ResourceExhausted, "grpc-unexpected-status"),
        (Code::Unknown, "grpc-unexpected-status"),
        (Code::Cancelled, "grpc-unexpected-status"),
        (Code::NotFound, "grpc-unknown-service"),
        (Code::Unimplemented, "grpc-unknown-service"),
        (Code::DeadlineExceeded, "grpc-timeout"),
    ] {
        let (_reporter, health) = tonic_health::server::health_reporter();
        let refuse = move |_: tonic::Request<()>| -> Result<tonic::Request<()>, tonic::Status> {
            Err(tonic::Status::new(code, "café: 100 % of\n\u{1b}[31m it"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let service = tonic::service::interceptor::InterceptedService::new(health, refuse);
        let server = tonic::transport::Server::builder().add_service(service);
        let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        assert_eq!(judged(vec![at.clone()]).await, [found], "{code:?}");

        if code == Code::Internal {
            let args = ["validate".to_owned(), format!("grpc://{at}"), "--explain".to_owned()];
            let explained = tokio::task::spawn_blocking(move || portolan(args)).await.unwrap().stdout;
            let text = "health of the server: INTERNAL: café: 100 % of\\n\\u{1b}[31m it";
            assert!(explained.contains(text), "{explained}");
        }
        serving.abort();
    }

    let web = crate::peer::Peer::http(|_| crate::peer::answer("400 Bad", "", ""));
    assert_eq!(judged(vec![web.target()]).await, ["grpc-invalid"]);
}

/// An option of HTTP on a gRPC target is refused: it would be ignored.
#[test]
fn options_of_http_are_refused() {
    let target = "grpc://127.0.0.1:9";
    for option in [
        &["--path", "/x"][..],
        &["--method", "POST"],
        &["--body", "x"],
        &["--follow"],
        &["--expect-status", "200"],
        &["--expect-body", "x"],
        &["--expect-header", "x"],
        &["--expect-json", "/a=1"],
    ] {
        for args in [&[target][..], &["127.0.0.1:9", "--protocol", "grpcs"], &["127.0.0.1:9", "--grpc-service", "s"]] {
            let ran = portolan([&["validate"], args, option].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?} {option:?}: {ran:?}");
            assert!(ran.stderr.contains(&format!("cannot use {}", option[0])), "{args:?} {option:?}: {ran:?}");
            assert!(ran.stderr.contains("is checked with gRPC"), "{args:?} {option:?}: {ran:?}");
        }
    }
    let both = portolan(["validate", target, "--path", "/x", "--check", "http,grpc", "--timeout", "1s", "--json"]);
    assert_eq!(both.code, Some(1), "{both:?}");
}

/// H1: headers are sent as metadata.
#[tokio::test(flavor = "multi_thread")]
async fn headers_are_metadata() {
    let (_reporter, health) = tonic_health::server::health_reporter();
    let check = |request: tonic::Request<()>| match request.metadata().get("authorization") {
        Some(value) if value == "Bearer good" => Ok(request),
        _ => Err(tonic::Status::unauthenticated("who?")),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("grpc://{}", listener.local_addr().unwrap());
    let service = tonic::service::interceptor::InterceptedService::new(health, check);
    let server = tonic::transport::Server::builder().add_service(service);
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let with = |header: &str| vec![at.clone(), "--header".to_owned(), header.to_owned()];
    assert_eq!(judged(with("Authorization: Bearer good")).await, [""; 0]);
    assert_eq!(judged(with("Authorization: Bearer bad")).await, ["grpc-unauthenticated"]);
    let mut more = with("Authorization: Bearer good");
    more.extend(["--header", "Host: shop.test", "--header", "Connection: close"].map(ToOwned::to_owned));
    assert_eq!(judged(more).await, [""; 0], "what HTTP/2 has itself is no metadata");
    serving.abort();
}
