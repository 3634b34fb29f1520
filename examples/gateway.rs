//! An HTTP proxy that routes by name: `gateway PORT REGISTRY`, then `curl http://127.0.0.1:PORT/NAME/path`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portolan::balance::P2c;
use portolan::client::{Registry, Resolver};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

type AnyResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One resolver for each name that was asked for.
struct Routes(Registry, Mutex<HashMap<String, Resolver>>);

impl Routes {
    fn resolver(&self, name: &str) -> AnyResult<Resolver> {
        let mut resolvers = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if !resolvers.contains_key(name) {
            resolvers.insert(name.to_owned(), self.0.resolve(name).balance(P2c).start()?);
        }
        Ok(resolvers[name].clone())
    }

    /// Sends `GET /NAME/path` as `GET /path` to an instance of NAME, and its reply back.
    async fn forward(&self, stream: TcpStream) -> AnyResult<()> {
        let (mut client, mut line) = (BufReader::new(stream), String::new());
        (&mut client).take(8192).read_line(&mut line).await?;
        let [method, target, version] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err("not an HTTP request".into());
        };
        let (name, path) = target.trim_start_matches('/').split_once('/').unwrap_or_default();

        let call = self.resolver(name)?.pick(()).await?;
        let connected = TcpStream::connect(call.endpoint().to_string()).await;
        call.done(connected.is_ok());
        let mut server = connected?;
        server.write_all(format!("{method} /{path} {version}\r\nConnection: close\r\n").as_bytes()).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> AnyResult<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [port, url] = args.as_slice() else { return Err("usage: gateway PORT REGISTRY".into()) };
    let routes = Arc::new(Routes(Registry::open(url)?, Mutex::default()));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, routes) = (listener.accept().await?.0, Arc::clone(&routes));
        tokio::spawn(async move { routes.forward(stream).await.unwrap_or_else(|error| eprintln!("{error}")) });
    }
}
