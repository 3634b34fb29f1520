//! Greetings and refusals that are known though they are not the usual ones.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::own::{Peers, identified, mute};

async fn says(mut stream: TcpStream, text: &'static [u8]) {
    let _ = stream.write_all(text).await;
    mute(stream).await;
}

#[test]
fn unusual_greetings_are_known() {
    let peers = Peers::new();
    let cases: [(&'static [u8], &str); 4] = [
        // RFC 4253, 4.2: lines before the version.
        (b"Authorized use only.\r\nSSH-2.0-OpenSSH_9.2p1\r\n", "ssh"),
        // RFC 5321, 3.1: a server that takes no mail, and one that is busy.
        (b"554 mail.test ESMTP not accepting messages\r\n", "smtp"),
        (b"421 mail.test ESMTP too many connections\r\n", "smtp"),
        (b"421-mail.test ESMTP\r\n421 try again later\r\n", "smtp"),
    ];
    for (greeting, protocol) in cases {
        let peer = peers.serve(move |stream| says(stream, greeting));
        let service = identified(&peer, &[]);
        assert_eq!(service["protocol"], protocol, "{}: {service}", String::from_utf8_lossy(greeting));
    }
}

#[test]
fn a_redis_that_loads_its_data_is_known() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut request = [0; 1024];
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            let _ = stream.write_all(b"-LOADING Redis is loading the dataset in memory\r\n").await;
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!((&service["protocol"], &service["facts"]["loading"]), (&"redis".into(), &true.into()), "{service}");
}
