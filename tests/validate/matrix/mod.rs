//! More than a hundred certificate chains, each beside the verdict of `openssl verify` and of curl. Where they differ from
//! portolan, a rule of docs/certificates.md says why, and the case names it.

mod chains;
mod leaves;

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use self::chains::{authorities, chains, self_signed, times};
use self::leaves::{constraints, hosts, identifiers, leaves};
use crate::der::{CERT_SIGN, Fields, Made, alternative_names, basic_constraints, key_usage, pem, put_chain};
use crate::peer::{Peer, answer};
use crate::pki::{NAME, openssl, put};
use crate::{TempDir, portolan};

/// A chain, what trusts it, and the three verdicts.
struct Case {
    name: String,
    /// The server's certificate first.
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
    ca: Vec<Vec<u8>>,
    host: String,
    /// portolan's findings.
    found: Vec<&'static str>,
    openssl: bool,
    curl: bool,
    /// The rule in the documentation that explains a difference.
    rule: Option<&'static str>,
}

/// The findings that say that a client refuses the certificate.
const REFUSALS: [&str; 6] = [
    "cert-untrusted",
    "cert-expired",
    "cert-not-yet-valid",
    "cert-name-mismatch",
    "cert-pin-mismatch",
    "tls-handshake-failed",
];

fn is_refused(found: &[impl AsRef<str>]) -> bool {
    found.iter().any(|code| REFUSALS.contains(&code.as_ref()))
}

/// A case in which all three agree.
fn case(name: impl Into<String>, leaf: &Made, above: &[&Made], ca: &[&Made], found: &[&'static str]) -> Case {
    let above: Vec<Vec<u8>> = above.iter().map(|made| made.der.clone()).collect();
    let ca: Vec<Vec<u8>> = ca.iter().map(|made| made.der.clone()).collect();
    let chain = [vec![leaf.der.clone()], above].concat();
    let accepted = !is_refused(found);
    Case {
        name: name.into(),
        chain,
        key: leaf.key.pkcs8.clone(),
        ca,
        host: NAME.to_owned(),
        found: found.to_vec(),
        openssl: accepted,
        curl: accepted,
        rule: None,
    }
}

impl Case {
    /// The verdicts of OpenSSL and curl, and the rule that explains the difference.
    fn differs(self, openssl: bool, curl: bool, rule: &'static str) -> Self {
        Self { openssl, curl, rule: Some(rule), ..self }
    }

    fn host(self, host: impl Into<String>) -> Self {
        Self { host: host.into(), ..self }
    }
}

const UNTRUSTED: &[&str] = &["cert-untrusted"];
const EXPIRED: &[&str] = &["cert-expired"];
const MISMATCH: &[&str] = &["cert-name-mismatch"];

fn with(extensions: Vec<Vec<u8>>) -> impl FnOnce(&mut Fields) {
    move |fields| fields.extensions = extensions
}

fn named(names: &[Vec<u8>]) -> impl FnOnce(&mut Fields) {
    let names = alternative_names(names);
    move |fields| fields.extensions = vec![basic_constraints(false, None), names]
}

fn plus(extension: Vec<u8>) -> impl FnOnce(&mut Fields) {
    move |fields| fields.extensions.push(extension)
}

fn path_length(length: u8) -> impl FnOnce(&mut Fields) {
    with(vec![basic_constraints(true, Some(length)), key_usage(&[CERT_SIGN])])
}

/// What portolan finds.
fn found(case: &Case, address: &str, ca: &str) -> (Vec<String>, String) {
    let fixed = ["--check", "tls", "--timeout", "30s", "--json"];
    let ran = portolan([&["validate", address, "--server-name", &case.host, "--ca", ca][..], &fixed].concat());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let health = &document["items"][0]["endpoints"][0]["health"];
    assert_eq!(health["complete"], true, "{}: {health}", case.name);
    let findings = health["findings"].as_array().unwrap();
    (findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect(), health.to_string())
}

fn openssl_accepts(case: &Case, directory: &TempDir, ca: &str) -> (bool, String) {
    let leaf = put_chain(&directory.0, "leaf.pem", &case.chain[..1]);
    let sent = put_chain(&directory.0, "sent.pem", &case.chain);
    let fixed = ["verify", "-CAfile", ca, "-no-CApath", "-no-CAstore", "-partial_chain", "-purpose", "sslserver"];
    let said = openssl(&[&fixed[..], &["-verify_hostname", &case.host, "-untrusted", &sent, &leaf]].concat());
    (said.trim_end().ends_with(": OK"), said)
}

fn curl_accepts(case: &Case, peer: &Peer, ca: &str) -> (bool, String) {
    let port = peer.address.port();
    let output = Command::new("curl")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(["-q", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert", ca])
        .args(["--resolve", &format!("{}:{port}:127.0.0.1", case.host)])
        .arg(format!("https://{}:{port}/", case.host))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let accepted = match output.status.code() {
        Some(0) => true,
        Some(35 | 60) => false,
        code => panic!("{}: curl ends with {code:?}: {said}", case.name),
    };
    (accepted, said)
}

/// A server that presents any chain, also a nonsensical one.
fn serve(case: &Case) -> Peer {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use std::io::{Read, Write};

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(case.key.clone()));
    let key = provider.key_provider.load_private_key(key).unwrap();
    let chain = case.chain.iter().cloned().map(CertificateDer::from).collect();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(shown)));
    Peer::serving(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, stream);
        // A client that only reads the certificate sends no request.
        if tls.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
            let _ = tls.write_all(&answer("200 OK", "Connection: close\r\n", "ok"));
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    })
}

/// Judges each case three times; returns what is wrong.
fn judge(cases: &[Case]) -> Vec<String> {
    let rules = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/certificates.md")).unwrap();
    let directory = TempDir::new();
    let mut wrong = Vec::new();
    for case in cases {
        let peer = serve(case);
        let ca = put(&directory.0, "ca.pem", &pem(&case.ca)).display().to_string();
        let (codes, health) = found(case, &peer.target(), &ca);
        let (by_openssl, openssl_says) = openssl_accepts(case, &directory, &ca);
        let (by_curl, curl_says) = curl_accepts(case, &peer, &ca);

        let is_as_expected = codes == case.found && (by_openssl, by_curl) == (case.openssl, case.curl);
        let agree = is_refused(&codes) != by_openssl && by_openssl == by_curl;
        let is_explained = case.rule.is_none_or(|rule| rules.contains(&format!("**{rule}**")));
        if !is_as_expected || agree != case.rule.is_none() || !is_explained {
            let name = &case.name;
            wrong.push(format!(
                "{name}: {codes:?}, openssl {by_openssl}, curl {by_curl}, expected {:?}, {}, {}\n  {health}\n  {}  {}",
                case.found, case.openssl, case.curl, openssl_says, curl_says,
            ));
        }
    }
    wrong
}

/// Guards path building and RFC 5280's rules: intermediates without keyCertSign, path lengths, roots that are no authority,
/// names in another case or encoding, version 1, long chains, anchors that are intermediates or the leaf itself.
#[test]
fn chains_are_judged_as_openssl_and_curl_judge_them() {
    let groups = [chains(), self_signed(), authorities()];
    let wrong: Vec<String> = groups.iter().flat_map(|cases| judge(cases)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Guards usages, extensions, identifiers, constraints, and names of hosts.
#[test]
fn certificates_are_judged_as_openssl_and_curl_judge_them() {
    let groups = [leaves(), identifiers(), constraints(), hosts()];
    let wrong: Vec<String> = groups.iter().flat_map(|cases| judge(cases)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Guards times as X.509 writes them, of every certificate of the path.
#[test]
fn times_are_judged_as_openssl_and_curl_judge_them() {
    let wrong = judge(&times());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_matrix_has_more_than_a_hundred_and_twenty_rows() {
    let groups = [chains(), self_signed(), authorities(), leaves(), identifiers(), constraints(), times(), hosts()];
    assert!(groups.iter().map(Vec::len).sum::<usize>() >= 120);
}
