//! Real TLS servers with unusual versions, suites, groups, keys and demands. OpenSSL's client connects to all of them: what
//! portolan cannot speak is its own limit, and no finding against the server.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::oracle::start;
use crate::peer::closed_port;
use crate::pki::{NAME, openssl, put};
use crate::{TempDir, portolan};

/// A server's certificate and key, and what its authority has signed.
struct Files {
    directory: TempDir,
}

impl Files {
    /// Authorities, each with certificates of several keys: NAME.pem, NAME.key.
    fn new() -> Self {
        let files = Self { directory: TempDir::new() };
        files.authority("ca", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        put(&files.directory.0, "ext", &format!("subjectAltName=DNS:{NAME},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n"));
        files
    }

    fn path(&self, name: &str) -> String {
        self.directory.path(name).display().to_string()
    }

    fn authority(&self, name: &str, key: &[&str]) {
        let (pem, secret) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        let fixed =
            ["req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=Authority", "-keyout", &secret, "-out", &pem];
        openssl(&[&fixed[..], key].concat());
        assert!(Path::new(&pem).exists(), "openssl makes no authority {key:?}");
    }

    /// Issues a certificate with a key of these options, signed by an authority with this digest.
    fn issue(&self, name: &str, key: &[&str], authority: &str, digest: &str) {
        let [request, secret, pem] = ["csr", "key", "pem"].map(|end| self.path(&format!("{name}.{end}")));
        let fixed = ["req", "-new", "-nodes", "-subj", "/CN=server", "-keyout", &secret, "-out", &request];
        openssl(&[&fixed[..], key].concat());

        let [ca, ca_key] = ["pem", "key"].map(|end| self.path(&format!("{authority}.{end}")));
        let ext = self.path("ext");
        let fixed = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-days", "3650", "-out", &pem];
        openssl(&[&fixed[..], &["-extfile", &ext, digest]].concat());
        assert!(Path::new(&pem).exists(), "openssl issues no certificate {key:?}");
    }
}

const RSA: [&str; 2] = ["-newkey", "rsa:2048"];
const P256: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A server and what portolan says of it.
struct Case {
    /// Options of `openssl s_server`.
    server: &'static str,
    certificate: &'static str,
    found: &'static [&'static str],
    /// What portolan could not look at; `None` if it looked at everything.
    limit: Option<&'static str>,
}

fn case(
    server: &'static str,
    certificate: &'static str,
    found: &'static [&'static str],
    limit: Option<&'static str>,
) -> Case {
    Case { server, certificate, found, limit }
}

const WEAK: &[&str] = &["tls-weak-suites"];

/// Every suite, version and group needs the lowest security level of OpenSSL.
const ANY: &str = "-cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0";

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        case("", "rsa", &[], None),
        case("-tls1_2", "rsa", &[], None),
        case("-tls1_3", "rsa", &[], None),
        case("", "ec", &[], None),
        case("-tls1_2", "ec", &[], None),
        case("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "rsa", &[], None),
        case("-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "rsa", &[], None),
        case("-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "ec", &[], None),
        // Suites that the TLS library lacks: the weak ones are findings.
        case("-tls1_2 -cipher ECDHE-RSA-AES128-SHA", "rsa", WEAK, Some("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")),
        case("-tls1_2 -cipher ECDHE-RSA-AES256-SHA384", "rsa", WEAK, Some("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384")),
        case("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", "ec", WEAK, Some("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")),
        case("-tls1_2 -cipher AES128-GCM-SHA256", "rsa", WEAK, Some("TLS_RSA_WITH_AES_128_GCM_SHA256")),
        case("-tls1_2 -cipher AES128-SHA", "rsa", WEAK, Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
        case("-tls1_2 -cipher AES256-SHA256", "rsa", WEAK, Some("TLS_RSA_WITH_AES_256_CBC_SHA256")),
        case("-tls1_2 -cipher CAMELLIA128-SHA", "rsa", WEAK, Some("TLS_RSA_WITH_CAMELLIA_128_CBC_SHA")),
        case("-tls1_2 -cipher DHE-RSA-AES256-SHA", "rsa", WEAK, Some("TLS_DHE_RSA_WITH_AES_256_CBC_SHA")),
        case("-tls1_2 -cipher AES128-CCM", "rsa", WEAK, Some("TLS_RSA_WITH_AES_128_CCM")),
        case("-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0", "rsa", WEAK, Some("TLS_RSA_WITH_NULL_SHA256")),
        case("-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", "rsa", &[], Some("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")),
        case("-tls1_2 -cipher DHE-RSA-CHACHA20-POLY1305", "rsa", &[], Some("TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256")),
        case("-tls1_2 -cipher ECDHE-ARIA128-GCM-SHA256", "rsa", &[], Some("TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256")),
        case("-tls1_2 -cipher ECDHE-ECDSA-AES128-CCM", "ec", &[], Some("TLS_ECDHE_ECDSA_WITH_AES_128_CCM")),
        // A strong suite beside weak ones, neither of which the TLS library has.
        case("-tls1_2 -serverpref -cipher AES128-SHA:DHE-RSA-AES128-GCM-SHA256", "rsa", &[], Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
        case("-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256", "rsa", &[], Some("TLS_AES_128_CCM_SHA256")),
        case("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "rsa", &[], None),
        // Groups.
        case("-curves P-384", "rsa", &[], None),
        case("-curves P-521", "rsa", &[], Some("secp521r1")),
        case("-tls1_2 -curves P-521", "rsa", &[], Some("secp521r1")),
        case("-tls1_3 -curves P-521", "rsa", &[], Some("secp521r1")),
        case("-tls1_3 -curves X448", "rsa", &[], Some("x448")),
        case("-tls1_3 -curves ffdhe2048", "rsa", &[], Some("ffdhe2048")),
        // Old versions.
        case("-tls1 OLD", "rsa", &["tls-obsolete-only"], Some("TLSv1.0")),
        case("-tls1_1 OLD", "rsa", &["tls-obsolete-only"], Some("TLSv1.1")),
        case("-min_protocol TLSv1 OLD", "rsa", &["tls-obsolete-accepted"], None),
        case("-min_protocol TLSv1 -max_protocol TLSv1.2 -cipher AES128-SHA:@SECLEVEL=0", "rsa",
            &["tls-obsolete-accepted", "tls-weak-suites"], Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
        // Keys and signatures.
        case("", "rsa3072", &[], None),
        case("", "p384", &[], None),
        case("", "ed25519", &[], None),
        case("", "p521", &[], Some("cannot verify")),
        case("", "ed448", &[], Some("cannot verify")),
        case("", "sha512", &[], Some("ecdsa-with-SHA512")),
        case("", "below-p521", &[], Some("cannot verify")),
        case("-tls1_3 OLD", "rsa1024", &["cert-weak-key"], Some("cannot verify")),
        case("-tls1_2 OLD", "rsa1024", &["cert-weak-key"], Some("cannot verify")),
        case("-tls1_2 OLD", "sha1", &["cert-weak-signature"], None),
        // A weak certificate that is sent, and on no path.
        case("-tls1_2 EXTRA OLD", "rsa", &[], None),
        // Keys that sign with RSASSA-PSS only.
        case("-tls1_3", "pss", &[], None),
        case("-tls1_2", "pss", &[], Some("RSASSA-PSS keys in TLSv1.2")),
        // Curves and digests of signatures that only TLS 1.2 negotiates by themselves.
        case("-tls1_2", "p521", &[], Some("ECDSA keys with secp521r1 in TLSv1.2")),
        case("-tls1_2 -sigalgs RSA+SHA224", "rsa", &[], Some("the signature algorithms of TLSv1.2")),
        case("-tls1_2 -sigalgs ECDSA+SHA224", "ec", &[], Some("the signature algorithms of TLSv1.2")),
        // A server of another protocol inside TLS refuses HTTP's name, and nothing else.
        case("-tls1_2 -alpn dot", "rsa", &["http-invalid"], None),
        case("-tls1_3 -alpn dot", "ec", &["http-invalid"], None),
        case("-alpn http/1.1", "rsa", &[], None),
        // Client certificates: required by both versions, and optional.
        case("-Verify 1 -tls1_2", "rsa", &["tls-auth-required"], Some("client certificate")),
        case("-Verify 1 -tls1_3", "rsa", &["tls-auth-required"], Some("client certificate")),
        case("-Verify 1", "ec", &["tls-auth-required"], Some("client certificate")),
        case("-verify 1 -tls1_2", "rsa", &[], None),
        case("-verify 1 -tls1_3", "rsa", &[], None),
    ]
}

/// The codes of the findings, the limits, and the evidence of TLS.
fn judged(files: &Files, target: &str, ca: &str, more: &[&str]) -> (Vec<String>, String, String) {
    let ca = files.path(ca);
    let fixed = ["validate", target, "--server-name", NAME, "--ca", &ca, "--json", "--no-check", "dns"];
    // A busy machine changes no verdict.
    let patient = ["--timeout", "30s", "--goal", "60s,connect=60s"];
    let ran = portolan(fixed.iter().chain(&patient).chain(more));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let health = &document["items"][0]["endpoints"][0]["health"];
    let codes = health["findings"].as_array().unwrap_or_else(|| panic!("{document}"));
    let codes = codes.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    (codes, health["hindered"].to_string(), health.to_string())
}

/// Whether everything could be looked at.
fn is_unlimited(limits: &str) -> bool {
    matches!(limits, "null" | "[]")
}

/// Whether a client of OpenSSL that accepts everything connects.
fn openssl_connects(address: &str) -> bool {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", address, "-servername", NAME, "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])
        .args([
            "-curves",
            "X25519:P-256:P-384:P-521:X448:ffdhe2048",
            "-min_protocol",
            "TLSv1",
            "-legacy_server_connect",
        ])
        .args(["-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256"])
        .stdin(Stdio::null())
        .output()
        .unwrap();

    String::from_utf8_lossy(&output.stdout).contains("Cipher is TLS_")
        || String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|line| line.contains("Cipher is ") && !line.contains("(NONE)"))
}

fn serve(files: &Files, certificate: &str, options: &str, address: &str) -> crate::oracle::Running {
    let [pem, key] = ["pem", "key"].map(|end| files.path(&format!("{certificate}.{end}")));
    let extra = format!("-cert_chain {}", files.path("rsa1024.pem"));
    let options = options.replace("OLD", ANY).replace("EXTRA", &extra);
    let mut args = vec!["s_server", "-quiet", "-www", "-accept", address, "-cert", &pem, "-key", &key];
    args.extend(options.split_whitespace());
    start("openssl", &args, address)
}

fn files() -> Files {
    let files = Files::new();
    let curve = |name: &'static str| ["-newkey", "ec", "-pkeyopt", name];
    files.issue("rsa", &RSA, "ca", "-sha256");
    files.issue("ec", &P256, "ca", "-sha256");
    files.issue("rsa3072", &["-newkey", "rsa:3072"], "ca", "-sha256");
    files.issue("p384", &curve("ec_paramgen_curve:P-384"), "ca", "-sha384");
    files.issue("p521", &curve("ec_paramgen_curve:P-521"), "ca", "-sha256");
    files.issue("ed25519", &["-newkey", "ed25519"], "ca", "-sha256");

    files.issue("pss", &["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], "ca", "-sha256");
    files.issue("ed448", &["-newkey", "ed448"], "ca", "-sha256");
    files.issue("sha512", &P256, "ca", "-sha512");
    files.issue("rsa1024", &["-newkey", "rsa:1024"], "ca", "-sha256");
    files.authority("ca-rsa", &RSA);
    files.issue("sha1", &RSA, "ca-rsa", "-sha1");
    files.authority("ca-p521", &curve("ec_paramgen_curve:P-521"));
    files.issue("below-p521", &P256, "ca-p521", "-sha512");

    files
}

fn authority_of(certificate: &str) -> &'static str {
    match certificate {
        "sha1" => "ca-rsa.pem",
        "below-p521" => "ca-p521.pem",
        _ => "ca.pem",
    }
}

/// Guards servers that the TLS library cannot speak with: their certificates were not looked at and they were unhealthy;
/// `tls-obsolete-only` beside evidence of TLS 1.2; weak keys told as another's; client certificates without a name.
#[test]
fn servers_are_judged_by_what_they_accept() {
    let files = files();
    let mut wrong = Vec::new();
    for Case { server, certificate, found, limit } in cases() {
        let address = closed_port().to_string();
        let _server = serve(&files, certificate, server, &address);
        let connects = openssl_connects(&address) || server.contains("-Verify");

        let target = format!("https://{address}/");
        let (codes, limits, health) = judged(&files, &target, authority_of(certificate), &[]);
        let is_limited = match limit {
            Some(limit) => limits.contains(limit),
            None => is_unlimited(&limits),
        };
        if codes != found || !is_limited || !connects || health.contains("Some(") || health.contains("Other(") {
            wrong.push(format!("{server} {certificate}: {codes:?}, not {found:?}; openssl {connects}; {health}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Guards servers that refuse what every client offers, though an offer of everything finds a suite and a group that portolan
/// has: they were unknown for "a parameter" that portolan lacks.
#[test]
fn what_every_client_is_refused_is_a_failure() {
    let files = Files::new();
    for curve in ["brainpoolP256r1", "secp256k1"] {
        files.issue(curve, &["-newkey", "ec", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")], "ca", "-sha256");
        let address = closed_port().to_string();
        let _server = serve(&files, curve, "", &address);

        let curl = Command::new("curl")
            .args(["-q", "-sS", "--noproxy", "*", "--insecure", "--max-time", "60", &format!("https://{address}/")])
            .output()
            .unwrap();
        let (codes, limits, health) = judged(&files, &format!("https://{address}/"), "ca.pem", &[]);
        assert_eq!((curl.status.code(), &codes[..]), (Some(35), &["tls-handshake-failed".to_owned()][..]), "{health}");
        assert!(is_unlimited(&limits) && health.contains("handshake_failure"), "{health}");
    }

    // DNS over TLS, for example: TLS is well.
    files.issue("rsa", &RSA, "ca", "-sha256");
    let address = closed_port().to_string();
    let _server = serve(&files, "rsa", "-alpn dot", &address);
    let (codes, limits, health) = judged(&files, &format!("tls://{address}"), "ca.pem", &[]);
    assert!(codes.is_empty() && is_unlimited(&limits), "{health}");
}

/// Guards pins of weak keys: portolan said that the certificate was another's.
#[test]
fn a_weak_key_is_a_weak_key_with_its_pin_too() {
    let files = Files::new();
    files.issue("rsa1024", &["-newkey", "rsa:1024"], "ca", "-sha256");
    let address = closed_port().to_string();
    let _server = serve(&files, "rsa1024", "-tls1_2 OLD", &address);

    let said = openssl(&["x509", "-in", &files.path("rsa1024.pem"), "-noout", "-fingerprint", "-sha256"]);
    let pin = said.trim().split('=').nth(1).unwrap();
    let (codes, _, health) = judged(&files, &format!("https://{address}/"), "ca.pem", &["--pin", pin]);
    assert_eq!(codes, ["cert-weak-key"], "{health}");
}

/// Guards `--cert` and `--key`, in TLS 1.2 and 1.3, right and wrong.
#[test]
fn a_client_certificate_is_sent_and_judged() {
    let files = Files::new();
    files.authority("foreign", &P256);
    files.issue("server", &P256, "ca", "-sha256");
    files.issue("client", &P256, "ca", "-sha256");
    files.issue("stranger", &P256, "foreign", "-sha256");
    let both = [files.path("client.pem"), files.path("client.key")].map(|path| std::fs::read_to_string(path).unwrap());
    put(&files.directory.0, "both.pem", &both.concat());

    let ca = files.path("ca.pem");
    for version in ["-tls1_2", "-tls1_3"] {
        let address = closed_port().to_string();
        let options = format!("{version} -Verify 1 -verify_return_error -CAfile {ca}");
        let _server = serve(&files, "server", &options, &address);
        let target = format!("https://{address}/");
        let ask = |args: &[&str]| judged(&files, &target, "ca.pem", args);

        let [client, key, stranger, stranger_key] =
            ["client.pem", "client.key", "stranger.pem", "stranger.key"].map(|name| files.path(name));
        let (codes, limits, health) = ask(&["--cert", &client, "--key", &key]);
        assert!(codes.is_empty() && is_unlimited(&limits), "{version}: {health}");
        let (codes, _, health) = ask(&["--cert", &files.path("both.pem")]);
        assert!(codes.is_empty(), "{version}, one file: {health}");
        let (codes, _, health) = ask(&["--cert", &stranger, "--key", &stranger_key]);
        assert!(codes.contains(&"tls-handshake-failed".to_owned()), "{version}, a stranger: {health}");
        let (codes, limits, health) = ask(&[]);
        assert_eq!(codes, ["tls-auth-required"], "{version}, none: {health}");
        assert!(limits.contains("--cert"), "{version}: {limits}");

        // The same keys of a services file, relative to it.
        let keys = "cert = 'client.pem'\nkey = 'client.key'\nca = 'ca.pem'";
        let file =
            put(&files.directory.0, "s.toml", &format!("[[service]]\nname = 'a'\nendpoints = '{target}'\n{keys}\n"));
        let ran = portolan(["validate", &file.display().to_string(), "--no-check", "dns"]);
        assert!(ran.code == Some(0) && ran.stdout.contains("healthy"), "{version}: {ran:?}");

        // The same options of `wait`, and what curl says.
        let wait = ["wait", &target, "--timeout", "30s", "--ca", &ca, "--cert", &client, "--key", &key];
        let ran = portolan(wait);
        assert_eq!(ran.code, Some(0), "{version}: {ran:?}");
    }

    for (args, why) in [
        (["--cert", "/nonexistent", "--key", "/nonexistent"], "cannot be read"),
        (["--cert", &files.path("client.pem"), "--key", &files.path("stranger.key")], "does not belong"),
        (["--cert", &files.path("client.key"), "--key", &files.path("client.key")], "contains no certificate"),
    ] {
        for command in ["validate", "wait"] {
            let ran = portolan([&[command, "https://127.0.0.1:9/"][..], &args].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
            assert!(ran.stderr.contains(why) && ran.stderr.contains("hint:"), "{ran:?}");
        }
    }
}

/// Guards gRPC inside TLS: its clients refuse a server that does not negotiate h2.
#[test]
fn grpc_without_h2_is_refused() {
    let files = Files::new();
    files.issue("server", &P256, "ca", "-sha256");
    let address = closed_port().to_string();
    let _server = serve(&files, "server", "", &address);
    let (codes, _, health) = judged(&files, &format!("grpcs://{address}"), "ca.pem", &[]);
    assert_eq!(codes, ["grpc-no-h2", "tls-no-h2"], "{health}");
}
