//! TLS to PostgreSQL and to Redis, with an authority of the tests' own.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::database::Database;
use super::node::{index_of, node, registration};
use super::redis::is_connected;
use super::redis_server::Redis;
use super::starts::assert_refused;
use crate::serve::{Server, folder, wait_until};
use crate::support::{output, portolan_path};

/// An authority, and what it issues.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// A new one, whose certificate is written to a file with its name.
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join(name).with_extension("pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// A certificate for 127.0.0.1, and its key.
    fn issue(&self, is_expired: bool) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "server");
        if is_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

#[test]
fn servers_reach_postgresql_by_tls_and_every_mismatch_is_one_line() {
    let (database, folder) = (Database::start(), folder());
    let file = |name: &str| folder.path().join(name);
    let authority = Authority::new(folder.path(), "ca");
    Authority::new(folder.path(), "other");
    fs::write(file("empty.pem"), "").unwrap();
    let plain = database.create();
    let with = |query: &str, name: &str| {
        let query = format!("sslmode={query}&sslrootcert={}", file(name).display());
        plain.replace("sslmode=disable", &query)
    };

    let (certificate, key) = authority.issue(false);
    database.use_tls(&certificate, &key, true);
    let url = with("verify-full", "ca.pem");
    let nodes = [node(&url, "a"), node(&with("prefer", "ca.pem"), "b")];
    let index = nodes[0].register(&registration("i", 30))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[1]) == index);
    let sql = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'portolan'";
    assert_eq!(database.sql("postgres", sql), "4|4", "two connections of each server");
    let status = output(Command::new(portolan_path()).args(["db", "status", &url]).env_clear());
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));

    let issuer = "TLS failed: the certificate's issuer is not trusted";
    assert_refused(&with("require", "other.pem"), &[], &[issuer, "sslrootcert=FILE"]);
    assert_refused(&plain.replace("sslmode=disable", "sslmode=prefer"), &[], &[issuer, "sslrootcert=FILE"]);
    let other_name = url.replace("127.0.0.1", "127.0.0.2");
    assert_refused(&other_name, &[], &["the certificate does not cover the name", "name the host in the URL"]);
    assert_refused(&with("verify-full", "absent.pem"), &[], &["absent.pem", "sslrootcert=FILE"]);
    assert_refused(&with("verify-full", "empty.pem"), &[], &["empty.pem has no certificates", "sslrootcert=FILE"]);
    assert_refused(&plain, &[], &["no encryption", "sslmode=require"]);

    // A certificate that has expired meanwhile: the servers that run keep their connections.
    let (certificate, key) = authority.issue(true);
    database.use_tls(&certificate, &key, false);
    let refused = || Server::try_with(["--database-url", &url]).err();
    wait_until(|| refused().is_some_and(|said| said.contains("TLS failed: a certificate has expired")));
    nodes[1].register(&registration("j", 30));
}

#[test]
fn servers_reach_redis_by_tls_with_the_authorities_of_the_system() {
    let (database, folder) = (super::database::shared(), folder());
    let file = |name: &str| folder.path().join(name);
    let authority = Authority::new(folder.path(), "ca");
    Authority::new(folder.path(), "other");
    let (certificate, key) = authority.issue(false);
    fs::write(file("server.crt"), certificate).unwrap();
    fs::write(file("server.key"), key).unwrap();

    let redis = Redis::start_with_tls(folder.path());
    let url = database.create();
    let start = |name: &str, authorities: &str| {
        let args = ["--database-url", &url, "--node", name, "--redis", &redis.url()];
        let file = file(authorities);
        let variables =
            [("SSL_CERT_FILE", file.to_str().unwrap()), ("PORTOLAN__REGISTRY__HEALTH_CHECKS__ENABLED", "false")];
        Server::with_environment(args, &variables)
    };
    let nodes = [start("a", "ca.pem"), start("b", "ca.pem")];
    wait_until(|| nodes.iter().all(is_connected));
    let index = nodes[0].register(&registration("i", 30))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[1]) == index);
    wait_until(|| redis.ask(&["XREVRANGE", "portolan:default:changes", "+", "-"]).contains("index"));

    // With another authority it is not used, says why, and everything works by the store.
    let stranger = start("c", "other.pem");
    wait_until(|| stranger.log().contains("TLS failed: the certificate's issuer is not trusted"));
    assert!(!is_connected(&stranger));
    let index = stranger.register(&registration("j", 30))["index"].as_u64().unwrap();
    wait_until(|| index_of(&nodes[0]) == index);
}
