//! Certificates compared with OpenSSL: the facts of each, and the findings.

use std::fs;
use std::path::Path;

use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use serde_json::Value;

use crate::oracle::start;
use crate::peer::closed_port;
use crate::pki::{Authority, NAME, Shown, openssl, put, rsa_key};
use crate::{TempDir, portolan};

/// A certificate: the server's chain, the findings, and OpenSSL's verify return code.
struct Case {
    name: &'static str,
    shown: Shown,
    found: &'static [&'static str],
    openssl: u32,
}

fn case(name: &'static str, shown: Shown, found: &'static [&'static str], openssl: u32) -> Case {
    Case { name, shown, found, openssl }
}

fn in_days(days: i64) -> (i32, u8, u8) {
    let date = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date() + jiff::Span::new().days(days);
    (date.year().into(), u8::try_from(date.month()).unwrap(), u8::try_from(date.day()).unwrap())
}

fn cases(root: &Authority, other: &Authority) -> Vec<Case> {
    let key = || KeyPair::generate().unwrap();
    let middle = root.below("Middle", |_| ());
    let stale = root.below("Stale", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let named = |names: &[&str]| {
        let names: Vec<SanType> = names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
        root.issue(KeyPair::generate().unwrap(), move |params| params.subject_alt_names = names)
    };
    vec![
        case("good", root.issue(key(), |_| ()), &[], 0),
        case("RSA", root.issue(rsa_key(), |_| ()), &[], 0),
        case("P-384", root.issue(p384, |_| ()), &[], 0),
        case("Ed25519", root.issue(ed25519, |_| ()), &[], 0),
        case(
            "expired",
            root.issue(key(), |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1)),
            &["cert-expired"],
            10,
        ),
        case(
            "not yet valid",
            root.issue(key(), |params| params.not_before = rcgen::date_time_ymd(2043, 1, 1)),
            &["cert-not-yet-valid"],
            9,
        ),
        case("wrong name", named(&["pay.test"]), &["cert-name-mismatch"], 62),
        case("several names", named(&["pay.test", NAME]), &[], 0),
        case("wildcard", named(&["*.shop.test"]), &[], 0),
        case("wildcard too high", named(&["*.www.shop.test"]), &["cert-name-mismatch"], 62),
        case(
            "a thousand names",
            named(
                &(0..1000)
                    .map(|n| Box::leak(format!("h{n}.test").into_boxed_str()) as &str)
                    .chain([NAME])
                    .collect::<Vec<_>>(),
            ),
            &[],
            0,
        ),
        case(
            "only an address",
            root.issue(key(), |params| {
                params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
                // Only OpenSSL still accepts the subject as a name (RFC 9525, 6.3, no longer does).
                params.distinguished_name.push(DnType::CommonName, "other.test");
            }),
            &["cert-name-mismatch"],
            62,
        ),
        case(
            "no subject",
            root.issue(key(), |params| params.distinguished_name = rcgen::DistinguishedName::new()),
            &[],
            0,
        ),
        case(
            "NUL in the subject",
            root.issue(key(), |params| params.distinguished_name.push(DnType::OrganizationName, "a\0b\u{1b}[2J")),
            &[],
            0,
        ),
        case("self-signed", Shown::self_signed(|_| ()), &["cert-untrusted"], 18),
        case("another authority's", other.issue(key(), |_| ()), &["cert-untrusted"], 21),
        case("another authority's, and the authority", other.issue(key(), |_| ()).with(other), &["cert-untrusted"], 19),
        case("with its intermediate", middle.issue(key(), |_| ()).with(&middle), &[], 0),
        case("without its intermediate", middle.issue(key(), |_| ()), &["cert-untrusted"], 21),
        case("an expired intermediate", stale.issue(key(), |_| ()).with(&stale), &["cert-expired"], 10),
        case(
            "for clients only",
            root.issue(key(), |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            &["cert-untrusted"],
            26,
        ),
        case(
            "little life left",
            root.issue(key(), |params| {
                let (year, month, day) = in_days(10);
                params.not_after = rcgen::date_time_ymd(year, month, day);
            }),
            &["cert-life-sixth"],
            0,
        ),
    ]
}

/// The result for a server: the codes of the findings, and the evidence of TLS.
fn looked(directory: &Path, address: &str, more: &[&str]) -> (Vec<String>, Value) {
    let seen = directory.join("seen");
    let _ = fs::remove_dir_all(&seen);
    let seen_text = seen.display().to_string();
    let args = ["validate", address, "--check", "tls", "--server-name", NAME, "--json", "--evidence", &seen_text];
    let ran = portolan(args.iter().chain(more));
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert!(!ran.stdout.contains('\u{1b}'), "raw escape");
    let findings = document["items"][0]["endpoints"][0]["health"]["findings"].as_array().unwrap().clone();
    let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    let file = fs::read_dir(&seen).unwrap().next().unwrap().unwrap().path();
    let evidence: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    (codes, evidence["evidence"][0]["seen"][0].clone())
}

#[test]
fn twenty_certificates_are_worth_what_openssl_says() {
    let directory = TempDir::new();
    let (root, other) = (Authority::root("Root"), Authority::root("Other"));
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let cases = cases(&root, &other);
    assert!(cases.len() >= 20);
    for Case { name, shown, found, openssl: code } in cases {
        let peer = shown.serve();
        let (codes, seen) = looked(&directory.0, &peer.target(), &["--ca", &ca]);
        assert_eq!(codes, found, "{name}: {seen}");
        let target = peer.target();
        let client = ["s_client", "-connect", &target, "-servername", NAME, "-verify_hostname", NAME];
        let said = openssl(&[&client[..], &["-CAfile", &ca, "-no-CApath", "-no-CAstore"]].concat());
        assert!(said.contains(&format!("Verify return code: {code} ")), "{name}: {said}");
        facts_agree(name, &directory.0, &shown, &seen["leaf"]);
    }
}

fn facts_agree(name: &str, directory: &Path, shown: &Shown, leaf: &Value) {
    let file = put(directory, "leaf.pem", &shown.pem).display().to_string();
    let said = openssl(&[
        "x509",
        "-in",
        &file,
        "-noout",
        "-fingerprint",
        "-sha256",
        "-startdate",
        "-enddate",
        "-dateopt",
        "iso_8601",
        "-text",
    ]);
    let line =
        |begin: &str| said.lines().find_map(|line| line.trim().strip_prefix(begin)).unwrap_or_default().to_owned();
    assert_eq!(leaf["sha256"].as_str().unwrap(), line("sha256 Fingerprint=").replace(':', "").to_lowercase(), "{name}");
    let time = |field: &str| {
        let time = jiff::Timestamp::from_second(leaf[field].as_i64().unwrap()).unwrap();
        time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
    };
    assert_eq!((time("not_before"), time("not_after")), (line("notBefore="), line("notAfter=")), "{name}");
    let algorithm = line("Signature Algorithm: ");
    assert!(leaf["signature"].as_str().unwrap().eq_ignore_ascii_case(&algorithm), "{name}: {leaf} {algorithm}");
    if leaf["key"] != "Ed25519" {
        assert_eq!(format!("({} bit)", leaf["key_bits"]), line("Public-Key: "), "{name}");
    }
}

#[test]
fn an_intermediate_that_is_known_here_is_only_left_out() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let middle = root.below("Middle", |_| ());
    let bundle = put(&directory.0, "ca.pem", &(root.pem.clone() + &middle.pem)).display().to_string();
    let peer = middle.issue(KeyPair::generate().unwrap(), |_| ()).serve();
    assert_eq!(looked(&directory.0, &peer.target(), &["--ca", &bundle]).0, ["cert-chain-incomplete"]);
}

#[test]
fn a_pinned_certificate_needs_no_authority() {
    let directory = TempDir::new();
    let shown = Shown::self_signed(|_| ());
    let peer = shown.serve();
    let file = put(&directory.0, "leaf.pem", &shown.pem).display().to_string();
    let said = openssl(&["x509", "-in", &file, "-noout", "-fingerprint", "-sha256"]);
    let pin = said.trim().split('=').nth(1).unwrap().to_owned();
    assert_eq!(looked(&directory.0, &peer.target(), &["--pin", &pin]).0, [""; 0]);
    assert_eq!(looked(&directory.0, &peer.target(), &["--pin", &"0".repeat(64)]).0, ["cert-pin-mismatch"]);
}

#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let good = root.issue(KeyPair::generate().unwrap(), |_| ());
    let forged = Shown { key: KeyPair::generate().unwrap().serialize_der(), ..good };
    // rustls itself refuses to serve such a pair, so its check is bypassed.
    let peer = crate::pki::serve_unchecked(&forged);
    assert_eq!(looked(&directory.0, &peer.target(), &["--ca", &ca]).0, ["cert-untrusted"]);
}

#[test]
fn old_tls_versions_of_real_servers_are_reported() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let shown = root.issue(rsa_key(), |_| ());
    let certificate = put(&directory.0, "leaf.pem", &shown.pem).display().to_string();
    let key = directory.path("leaf.key").display().to_string();
    fs::write(&key, &shown.key).unwrap();
    for (options, found) in [
        (&["-tls1"][..], "tls-obsolete-only"),
        (&["-tls1_1"], "tls-obsolete-only"),
        (&["-min_protocol", "TLSv1"], "tls-obsolete-accepted"),
        (&["-tls1_2"], ""),
    ] {
        let address = closed_port().to_string();
        let mut args = vec!["s_server", "-quiet", "-cert", &certificate, "-key", &key, "-keyform", "DER"];
        args.extend(["-accept", &address, "-cipher", "ALL:@SECLEVEL=0"]);
        args.extend(options);
        let _server = start("openssl", &args, &address);
        let (codes, evidence) = looked(&directory.0, &address, &["--ca", &ca]);
        assert_eq!(codes.join(" "), found, "{options:?}: {evidence}");
    }
}

/// A listing has no names: what the certificate should cover was not looked at, and is not passed over in silence.
#[test]
fn a_name_that_was_not_compared_is_said_to_be_unchecked() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let roots = put(&directory.0, "root.pem", &root.pem);
    let shown = root.issue(KeyPair::generate().unwrap(), |_| ());
    let peer = shown.serve();
    let listing = serde_json::json!({ "items": [{ "id": "local/tcp/1", "source": "local",
        "endpoints": [{ "address": "127.0.0.1", "port": peer.address.port(), "transport": "tcp" }] }] });
    let file = directory.path("listing.json");
    fs::write(&file, listing.to_string()).unwrap();

    let explained = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.env_clear().args(["validate", "-", "--check", "tls", "--explain", "--ca"]).arg(&roots).args(more);
        let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = explained(&[]);
    assert!(text.contains("    not checked: name ("), "{text}");
    let named = explained(&["--server-name", NAME, "--no-check", "dns"]);
    assert!(!named.contains("not checked: name"), "{named}");
}

/// The days of a certificate fail the run below a limit, whatever they cost.
#[test]
fn a_certificate_that_ends_too_soon_fails_the_run() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let roots = put(&directory.0, "root.pem", &root.pem).display().to_string();
    let (year, month, day) = in_days(100);
    let shown =
        root.issue(KeyPair::generate().unwrap(), |params| params.not_after = rcgen::date_time_ymd(year, month, day));
    let peer = shown.serve();
    let validate = |days: &str| {
        let address = peer.target();
        portolan([
            "validate",
            &address,
            "--check",
            "tls",
            "--server-name",
            NAME,
            "--ca",
            &roots,
            "--min-cert-days",
            days,
        ])
    };
    assert_eq!(validate("50").code, Some(0));
    let ran = validate("200");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("days left, so --min-cert-days fails"), "{}", ran.stderr);

    // Without a word about TLS only the connection is checked, and the certificate is unknown: that is no success.
    let ran = portolan(["validate", "-q", &peer.target(), "--min-cert-days", "200"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with("error: cannot tell whether --min-cert-days holds: no certificate of 1 endpoint "),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: add --protocol tls"), "{}", ran.stderr);
}

/// What `openssl s_client` shows of a server, `--explain` shows too.
#[test]
fn the_explanation_has_the_handshake_and_the_certificates() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let middle = root.below("Middle", |_| ());
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let hostile = |params: &mut rcgen::CertificateParams| {
        params.distinguished_name.push(DnType::OrganizationName, "a\u{1b}[2J");
    };
    let shown = middle.issue(KeyPair::generate().unwrap(), hostile).with(&middle);
    let peer = shown.serve();

    let target = peer.target();
    let ran = portolan(["validate", &target, "--check", "tls", "--server-name", NAME, "--ca", &ca, "--explain"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains('\u{1b}'), "raw escape: {}", ran.stdout);
    let file = put(&directory.0, "leaf.pem", &shown.pem).display().to_string();
    let said = openssl(&["x509", "-in", &file, "-noout", "-fingerprint", "-sha256"]);
    let sha256 = said.trim().split('=').nth(1).unwrap().replace(':', "").to_lowercase();
    for text in [
        "    tls: TLSv1.3 TLS_",
        "    certificate: ",
        "      issuer: CN=Middle\n",
        &format!("      names: {NAME}\n      valid: "),
        "      key: EC 256, signed with ecdsa-with-SHA256\n",
        &format!("      sha256: {sha256}\n"),
        "    chain: CN=Middle, issued by CN=Root, valid until ",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
}

/// A scan trusts what `portolan validate` would trust with the same options.
#[test]
fn a_scan_that_checks_takes_the_roots_of_the_user() {
    let directory = TempDir::new();
    let root = Authority::root("Root");
    let ca = put(&directory.0, "ca.pem", &root.pem).display().to_string();
    let peer = root.issue(KeyPair::generate().unwrap(), |_| ()).serve();
    let port = peer.address.port().to_string();

    for words in [&["scan"][..], &["discover", "scan"]] {
        let scan = [words, &["127.0.0.1", "-p", &port, "--json", "--server-name", NAME, "--identify"]].concat();
        for (trust, is_trusted) in [(&["--validate", "--ca", &ca][..], true), (&["--validate"], false)] {
            let ran = portolan(scan.iter().chain(trust));
            let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
            let health = &document["items"][0]["endpoints"][0]["health"];
            assert!(health["coverage"].as_array().unwrap().contains(&"tls".into()), "{health}");
            let findings = health["findings"].as_array().unwrap();
            let is_untrusted = findings.iter().any(|finding| finding["code"] == "cert-untrusted");
            assert_eq!(is_untrusted, !is_trusted, "{health}");
        }
        let unchecked = portolan([words, &["127.0.0.1", "-p", &port, "--ca", &ca]].concat());
        assert_eq!(unchecked.code, Some(2), "{unchecked:?}");
        assert!(unchecked.stderr.starts_with("error: cannot use --ca: it requires checks\n"), "{}", unchecked.stderr);
    }
}
