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
    assert_eq!(judged(with("Authorization: Bearer bad")).await, ["grpc-timeout"]);
    let mut more = with("Authorization: Bearer good");
    more.extend(["--header", "Host: shop.test", "--header", "Connection: close"].map(ToOwned::to_owned));
    assert_eq!(judged(more).await, [""; 0], "what HTTP/2 has itself is no metadata");
    serving.abort();
}
