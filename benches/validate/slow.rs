//! A web server that takes a second for every reply.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Where it listens.
pub const PORT: u16 = 18_080;
const TIME: Duration = Duration::from_secs(1);
/// The length of the accept queue.
const BACKLOG: u32 = 4096;

/// Prints `ready`, and serves until it is killed.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::UNSPECIFIED, PORT).into()).expect("a free port");
        let listener = socket.listen(BACKLOG).expect("a listener");
        println!("ready");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
}

async fn answer(mut stream: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.is_ok_and(|length| length > 0) {
            continue;
        }
        return;
    }
    tokio::time::sleep(TIME).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
}
