//! Eureka's API: its routes, and real clients that know nothing of portolan.

mod clients;
mod routes;

use std::net::SocketAddr;

use serde_json::{Value, json};

pub use self::clients::python_client;
use crate::consul::send_text;
use crate::serve::{Reply, Server, wait_until};

/// Where a server has Eureka's API.
pub fn address_of(server: &Server) -> SocketAddr {
    wait_until(|| server.log().contains("Eureka's API on "));
    let log = server.log();
    let (_, place) = log.split_once("Eureka's API on http://").unwrap();
    place.split_once("/eureka/").unwrap().0.parse().unwrap()
}

/// A server with Eureka's API.
pub struct EurekaServer {
    pub rest: Server,
    pub address: SocketAddr,
}

impl EurekaServer {
    pub fn start() -> Self {
        Self::with(&["--data", ":memory:"])
    }

    /// A server with these options.
    pub fn with(args: &[&str]) -> Self {
        let eureka = ["--eureka", "127.0.0.1:0"];
        let rest = Server::with(args.iter().chain(&eureka).copied());
        let address = address_of(&rest);
        Self { rest, address }
    }

    pub fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        send_text(self.address, method, path, headers, body)
    }

    /// A read in JSON.
    pub fn read(&self, path: &str) -> Value {
        let reply = self.send("GET", path, "Accept: application/json\r\n", "");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    pub fn status(&self, method: &str, path: &str) -> u16 {
        self.send(method, path, "", "").status
    }

    /// Registers an instance by REST.
    pub fn billing(&self, id: &str, port: u16) {
        let body = json!({ "id": id, "name": "billing", "address": "10.0.0.9", "port": port, "ttl": 0 });
        self.rest.register(&body.to_string());
    }
}
