//! Waiting until services are healthy.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use portolan::Error;
use portolan::client::{WaitOptions, wait};
use portolan::health::Validator;
use portolan::source::File;

/// A services file with one service at `port`.
fn services_file(name: &str, port: u16) -> PathBuf {
    let file = std::env::temp_dir().join(format!("portolan-library-{}-{name}.toml", std::process::id()));
    let text = format!("[[service]]\nname = \"web\"\nendpoints = [\"127.0.0.1:{port}\"]\n");
    std::fs::write(&file, text).unwrap();
    file
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn it_waits_until_the_service_is_healthy() {
    let port = free_port();
    let file = services_file("up", port);
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.incoming().for_each(drop);
    });

    let found = wait(Arc::new(File::new(&file)), &Validator::default(), &WaitOptions::default()).await;
    std::fs::remove_file(file).unwrap();
    assert!(found.unwrap()[0].health.as_ref().unwrap().score.unwrap() >= 80);
}

#[tokio::test]
async fn it_gives_up_with_the_last_reason() {
    let file = services_file("down", free_port());
    let mut options = WaitOptions::default();
    options.timeout = Duration::from_millis(700);

    let error = wait(Arc::new(File::new(&file)), &Validator::default(), &options).await.unwrap_err();
    std::fs::remove_file(file).unwrap();
    let Error::TimedOut { why, .. } = &error else { panic!("{error:?}") };
    assert!(why.contains("scored") || why.contains("no attempt"), "{why}");
}
