//! More than a hundred certificate chains, each beside the verdict of `openssl verify` and of curl. Where they differ from
//! portolan, a rule of docs/certificates.md says why, and the case names it.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use crate::der::*;
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

fn chains() -> Vec<Case> {
    let (root, other) = (Made::root("Root"), Made::root("Other"));
    let middle = root.middle("Middle");
    let (direct, below) = (root.leaf(), middle.leaf());
    let mut cases = vec![
        case("a leaf of the root", &direct, &[], &[&root], &[]),
        case("the root sent too", &direct, &[&root], &[&root], &[]),
        case("another root", &direct, &[], &[&other], UNTRUSTED),
        case("another root, and the own one sent", &direct, &[&root], &[&other], UNTRUSTED),
        case("several roots", &direct, &[], &[&other, &root], &[]),
        case("an intermediate", &below, &[&middle], &[&root], &[]),
        case("an intermediate that is missing", &below, &[], &[&root], UNTRUSTED),
        case("an intermediate that is known here", &below, &[], &[&root, &middle], &["cert-chain-incomplete"]),
        case("only the intermediate is trusted", &below, &[&middle], &[&middle], &[]),
        case("only the intermediate is trusted, and not sent", &below, &[], &[&middle], &[]),
        case("only the leaf is trusted", &below, &[], &[&below], &[]),
        case("only the leaf is trusted, with its intermediate sent", &below, &[&middle], &[&below], &[]),
        case("the intermediate twice", &below, &[&middle, &middle], &[&root], &[]),
        case("an unrelated certificate between", &below, &[&other, &middle], &[&root], &[]),
        case("an unrelated certificate at the end", &below, &[&middle, &other], &[&root], &[]),
    ];

    for length in [2, 3, 5, 7, 9, 10, 12] {
        let mut path = vec![root.middle("I1")];
        for at in 2..=length {
            let next = path[at - 2].middle(&format!("I{at}"));
            path.push(next);
        }
        let leaf = path[length - 1].leaf();
        let sent: Vec<&Made> = path.iter().rev().collect();
        let mixed: Vec<&Made> = path.iter().collect();
        cases.push(case(format!("{length} intermediates"), &leaf, &sent, &[&root], &[]));
        cases.push(case(format!("{length} intermediates in reverse order"), &leaf, &mixed, &[&root], &[]));
        let hole: Vec<&Made> = sent.iter().copied().skip(1).collect();
        cases.push(case(format!("{length} intermediates, the first missing"), &leaf, &hole, &[&root], UNTRUSTED));
    }
    cases
}

fn self_signed() -> Vec<Case> {
    let own = |extensions: Vec<Vec<u8>>| Made::own(dn("own"), extensions, |_| ());
    let names = alternative_names(&[dns(NAME)]);
    // As `openssl req -x509` makes it.
    let authority = own(vec![basic_constraints(true, None), names.clone()]);
    let server = own(server_extensions());
    let bare = own(vec![names.clone()]);
    let signer = own(vec![names.clone(), key_usage(&[CERT_SIGN])]);
    let client = own(vec![names.clone(), extended_key_usage(false, &[CLIENT])]);
    let stale = Made::own(dn("own"), server_extensions(), |fields| fields.not_after = utc("200101000000Z"));
    let early = Made::own(dn("own"), server_extensions(), |fields| fields.not_before = utc("430101000000Z"));
    let twin = Made::own(dn("own"), authority_extensions(), |_| ());
    vec![
        case("self-signed, CA:TRUE, trusted", &authority, &[], &[&authority], &[]),
        case("self-signed, CA:FALSE, trusted", &server, &[], &[&server], &[]),
        case("self-signed without constraints, trusted", &bare, &[], &[&bare], &[]),
        case("self-signed, sent twice, trusted", &server, &[&server], &[&server], &[]),
        case("self-signed, not trusted", &server, &[], &[&twin], UNTRUSTED),
        case("self-signed, CA:TRUE, not trusted", &authority, &[], &[&twin], UNTRUSTED),
        case("self-signed for certificates only, trusted", &signer, &[], &[&signer], UNTRUSTED),
        case("self-signed for clients, trusted", &client, &[], &[&client], UNTRUSTED),
        case("self-signed and expired, trusted", &stale, &[], &[&stale], EXPIRED),
        case("self-signed and not yet valid, trusted", &early, &[], &[&early], &["cert-not-yet-valid"]),
    ]
}

fn authorities() -> Vec<Case> {
    let root = Made::root("Root");
    let old = |fields: &mut Fields| {
        fields.version = 0;
        fields.extensions.clear();
    };
    let mut cases = Vec::new();
    let sign = || key_usage(&[CERT_SIGN]);
    for (name, extensions, found) in [
        ("CA:FALSE", vec![basic_constraints(false, None), sign()], UNTRUSTED),
        ("no extensions", vec![], UNTRUSTED),
        ("without keyCertSign", vec![basic_constraints(true, None), key_usage(&[CRL_SIGN])], UNTRUSTED),
        ("with keyCertSign", vec![basic_constraints(true, None), sign()], &[][..]),
        ("without key usage", vec![basic_constraints(true, None)], &[]),
        ("for servers", vec![basic_constraints(true, None), extended_key_usage(false, &[SERVER])], &[]),
        ("for clients", vec![basic_constraints(true, None), extended_key_usage(false, &[CLIENT])], UNTRUSTED),
    ] {
        let middle = root.middle_with("Middle", with(extensions.clone()));
        let own = Made::root_with("Own", with(extensions));
        cases.push(case(format!("an intermediate {name}"), &middle.leaf(), &[&middle], &[&root], found));
        cases.push(case(format!("a root {name}"), &own.leaf(), &[], &[&own], found));
    }

    let unmarked = root.middle_with("Middle", with(vec![sign()]));
    let unmarked_root = Made::root_with("Own", with(vec![sign()]));
    let any =
        root.middle_with("Middle", with(vec![basic_constraints(true, None), extended_key_usage(false, &[ANY_USAGE])]));
    let first = Made::root_with("First", old);
    let old_middle = root.middle_with("Middle", old);
    cases.extend([
        case("an intermediate with key usage alone", &unmarked.leaf(), &[&unmarked], &[&root], UNTRUSTED),
        case("a root with key usage alone", &unmarked_root.leaf(), &[], &[&unmarked_root], UNTRUSTED).differs(
            true,
            true,
            "Basic constraints",
        ),
        case("an intermediate for any usage", &any.leaf(), &[&any], &[&root], UNTRUSTED),
        case("a root of version 1", &first.leaf(), &[], &[&first], &[]),
        case("an intermediate of version 1", &old_middle.leaf(), &[&old_middle], &[&root], UNTRUSTED),
    ]);

    for (name, limit, authorities, found) in [
        ("0 over a leaf", 0, 0, &[][..]),
        ("0 over an intermediate", 0, 1, UNTRUSTED),
        ("1 over an intermediate", 1, 1, &[]),
        ("1 over two intermediates", 1, 2, UNTRUSTED),
    ] {
        let top = Made::root_with("Top", path_length(limit));
        let one = top.middle("One");
        let two = one.middle("Two");
        let (leaf, sent) = match authorities {
            0 => (top.leaf(), vec![]),
            1 => (one.leaf(), vec![&one]),
            _ => (two.leaf(), vec![&two, &one]),
        };
        cases.push(case(format!("path length {name}"), &leaf, &sent, &[&top], found));
    }
    let narrow = root.middle_with("Narrow", path_length(0));
    let lower = narrow.middle("Lower");
    let names = || alternative_names(&[dns(NAME)]);
    let top = Made::root_with("Top", |fields| {
        fields.extensions = vec![basic_constraints(true, Some(0)), key_usage(&[CERT_SIGN]), subject_key_id(b"first")];
    });
    let identified = [subject_key_id(b"second"), authority_key_id(Some(b"first"), None)];
    let rolled = top.sign(dn("Top"), [authority_extensions(), identified.to_vec()].concat(), |_| ());
    let renewed_leaf = rolled.leaf_with(plus(authority_key_id(Some(b"second"), None)));
    cases.extend([
        case("path length 0 of an intermediate over another", &lower.leaf(), &[&lower, &narrow], &[&root], UNTRUSTED),
        case("path length 0 over a leaf with CA:TRUE", &narrow.leaf_with(|_| ()), &[&narrow], &[&root], &[]),
        case(
            "a leaf with CA:TRUE",
            &root.leaf_with(with(vec![basic_constraints(true, None), names()])),
            &[],
            &[&root],
            &[],
        ),
        case(
            "a leaf with CA:TRUE that only signs certificates",
            &root.leaf_with(with([authority_extensions(), vec![names()]].concat())),
            &[],
            &[&root],
            UNTRUSTED,
        ),
        case("path length 0 over a renewed key of the same name", &renewed_leaf, &[&rolled], &[&top], &[]),
    ]);
    cases
}

fn leaves() -> Vec<Case> {
    let root = Made::root("Root");
    let names = || alternative_names(&[dns(NAME)]);
    let mut cases = Vec::new();
    for (name, bits, found) in [
        ("digitalSignature", &[DIGITAL_SIGNATURE][..], &[][..]),
        ("keyEncipherment", &[KEY_ENCIPHERMENT], &[]),
        ("keyAgreement", &[KEY_AGREEMENT], &[]),
        ("all three", &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT], &[]),
        ("keyCertSign", &[CERT_SIGN], UNTRUSTED),
        ("nonRepudiation", &[NON_REPUDIATION], UNTRUSTED),
        ("dataEncipherment", &[DATA_ENCIPHERMENT], UNTRUSTED),
    ] {
        let leaf = root.leaf_with(with(vec![names(), key_usage(bits)]));
        cases.push(case(format!("key usage {name}"), &leaf, &[], &[&root], found));
    }
    for (name, critical, kinds, found) in [
        ("server", false, &[SERVER][..], &[][..]),
        ("server, critical", true, &[SERVER], &[]),
        ("server and client", false, &[CLIENT, SERVER], &[]),
        ("client", false, &[CLIENT], UNTRUSTED),
        ("code", false, &[CODE], UNTRUSTED),
        ("any", false, &[ANY_USAGE], UNTRUSTED),
    ] {
        let leaf = root.leaf_with(with(vec![names(), extended_key_usage(critical, kinds)]));
        cases.push(case(format!("extended key usage {name}"), &leaf, &[], &[&root], found));
    }

    let policies = |critical| extension("2.5.29.32", critical, &seq(&[seq(&[oid("1.3.6.1.4.1.99999.1")])]));
    let explicit = extension("2.5.29.36", true, &seq(&[tlv(0x80, &[0])]));
    let inhibit = extension("2.5.29.54", true, &tlv(2, &[0]));
    let points = |critical| {
        let point = tlv(0x30, &tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"http://127.0.0.1/crl"))));
        extension("2.5.29.31", critical, &seq(&[point]))
    };
    let unknown = |critical| extension("1.3.6.1.4.1.99999.7", critical, &tlv(5, &[]));
    let with_policy = root.middle_with("Middle", plus(explicit));
    let inhibited = root.middle_with("Middle", plus(inhibit));
    let odd = root.middle_with("Middle", plus(unknown(true)));
    let odd_root = Made::root_with("Odd", plus(unknown(true)));
    cases.extend([
        case("critical policies", &root.leaf_with(plus(policies(true))), &[], &[&root], &[]),
        case("policies", &root.leaf_with(plus(policies(false))), &[], &[&root], &[]),
        case("an explicit policy required", &with_policy.leaf(), &[&with_policy], &[&root], &[]),
        case("any policy inhibited", &inhibited.leaf(), &[&inhibited], &[&root], &[]),
        case("critical distribution points", &root.leaf_with(plus(points(true))), &[], &[&root], &[]),
        case("an unknown extension", &root.leaf_with(plus(unknown(false))), &[], &[&root], &[]),
        case("an unknown critical extension", &root.leaf_with(plus(unknown(true))), &[], &[&root], UNTRUSTED),
        case("an unknown critical extension above", &odd.leaf(), &[&odd], &[&root], UNTRUSTED),
        case("an unknown critical extension of the root", &odd_root.leaf(), &[], &[&odd_root], UNTRUSTED),
        case("a damaged signature", &root.leaf_with(|fields| fields.is_damaged = true), &[], &[&root], UNTRUSTED),
        case(
            "two signature algorithms",
            &root.leaf_with(|fields| fields.is_inconsistent = true),
            &[],
            &[&root],
            UNTRUSTED,
        ),
        case("no subject", &root.leaf_with(|fields| fields.subject = seq(&[])), &[], &[&root], &[]),
    ]);
    let damaged = root.middle_with("Middle", |fields| fields.is_damaged = true);
    cases.push(case("a damaged signature above", &damaged.leaf(), &[&damaged], &[&root], UNTRUSTED));
    let first = root.leaf_with(|fields| {
        fields.version = 0;
        fields.extensions.clear();
        fields.subject = dn(NAME);
    });
    cases.push(case("a leaf of version 1", &first, &[], &[&root], MISMATCH).differs(true, true, "Common names"));
    cases
}

fn identifiers() -> Vec<Case> {
    const ID: &[u8] = b"root key";
    let root = Made::root_with("Root", |fields| {
        fields.extensions.push(subject_key_id(ID));
        fields.serial = 77;
    });
    let silent = Made::root("Silent");
    let leaf = |id: Option<&[u8]>, issuer: Option<(&[u8], u8)>| root.leaf_with(plus(authority_key_id(id, issuer)));
    let own = root.fields.subject.clone();
    let elsewhere = dn("Elsewhere");
    let mut cases = vec![
        case("the right key id", &leaf(Some(ID), None), &[], &[&root], &[]),
        case("a wrong key id", &leaf(Some(b"other"), None), &[], &[&root], UNTRUSTED),
        case("the right issuer and serial", &leaf(None, Some((&own, 77))), &[], &[&root], &[]),
        case("a wrong serial", &leaf(None, Some((&own, 78))), &[], &[&root], UNTRUSTED),
        case("a wrong issuer of the issuer", &leaf(None, Some((&elsewhere, 77))), &[], &[&root], UNTRUSTED),
        case("the right key id and a wrong serial", &leaf(Some(ID), Some((&own, 78))), &[], &[&root], UNTRUSTED),
        case(
            "a key id that the root lacks",
            &silent.leaf_with(plus(authority_key_id(Some(ID), None))),
            &[],
            &[&silent],
            &[],
        ),
    ];

    let bmp: Vec<u8> = "Root".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (name, issuer, found) in [
        ("in another case", name(UTF8, b"rOOT"), &[][..]),
        ("with more spaces", name(UTF8, b"  Root "), &[]),
        ("as a PrintableString", name(PRINTABLE, b"Root"), &[]),
        ("as a TeletexString", name(TELETEX, b"Root"), &[]),
        ("as a BMPString", name(BMP, &bmp), &[]),
        ("with another word", name(UTF8, b"Root 2"), UNTRUSTED),
        (
            "in another order",
            seq(&[attribute("2.5.4.3", UTF8, b"Root"), attribute("2.5.4.10", UTF8, b"Shop")]),
            UNTRUSTED,
        ),
        ("with less", seq(&[attribute("2.5.4.3", UTF8, b"Root")]), UNTRUSTED),
    ] {
        let leaf = root.leaf_with(|fields| fields.issuer = issuer);
        cases.push(case(format!("the issuer's name {name}"), &leaf, &[], &[&root], found));
    }
    cases
}

fn constraints() -> Vec<Case> {
    let root = Made::root("Root");
    let wildcard = || vec![dns("*.shop.test")];
    let mut cases = Vec::new();
    for (name, permitted, excluded, names, found) in [
        ("the domain", vec![dns("shop.test")], vec![], vec![dns(NAME)], &[][..]),
        ("the domain with a dot", vec![dns(".shop.test")], vec![], vec![dns(NAME)], &[]),
        ("another domain", vec![dns("pay.test")], vec![], vec![dns(NAME)], UNTRUSTED),
        ("two domains", vec![dns("pay.test"), dns("shop.test")], vec![], vec![dns(NAME)], &[]),
        ("one of two names", vec![dns("shop.test")], vec![], vec![dns(NAME), dns("pay.test")], UNTRUSTED),
        ("all but the domain", vec![], vec![dns("shop.test")], vec![dns(NAME)], UNTRUSTED),
        ("all but another", vec![], vec![dns("pay.test")], vec![dns(NAME)], &[]),
        ("all but one host, and a wildcard", vec![], vec![dns("bad.shop.test")], wildcard(), &[]),
        ("the domain, and a wildcard", vec![dns("shop.test")], vec![], wildcard(), &[]),
        ("addresses, and a name", vec![ip(&[10, 0, 0, 0, 255, 0, 0, 0])], vec![], vec![dns(NAME)], &[]),
        (
            "an address outside",
            vec![ip(&[10, 0, 0, 0, 255, 0, 0, 0])],
            vec![],
            vec![dns(NAME), ip(&[11, 1, 1, 1])],
            UNTRUSTED,
        ),
        ("an address inside", vec![ip(&[10, 0, 0, 0, 255, 0, 0, 0])], vec![], vec![dns(NAME), ip(&[10, 1, 1, 1])], &[]),
        ("mail of another domain", vec![email("pay.test")], vec![], vec![dns(NAME), email("a@shop.test")], UNTRUSTED),
        ("all but the domain's mail", vec![], vec![email("shop.test")], vec![dns(NAME), email("a@pay.test")], &[]),
        ("another subject", vec![directory(&dn("other"))], vec![], vec![dns(NAME)], UNTRUSTED),
        ("the subject", vec![directory(&seq(&[attribute("2.5.4.10", UTF8, b"SHOP")]))], vec![], vec![dns(NAME)], &[]),
    ] {
        let middle = root.middle_with("Middle", plus(name_constraints(&permitted, &excluded)));
        let leaf = middle.leaf_with(named(&names));
        cases.push(case(format!("constraints: {name}"), &leaf, &[&middle], &[&root], found));
    }
    let narrow = Made::root_with("Narrow", plus(name_constraints(&[dns("pay.test")], &[])));
    cases.push(case("constraints of the root", &narrow.leaf(), &[], &[&narrow], UNTRUSTED));
    cases
}

fn times() -> Vec<Case> {
    let root = Made::root("Root");
    let mut cases = Vec::new();
    for (name, not_before, not_after, found) in [
        ("no end", utc("240101000000Z"), generalized("99991231235959Z"), &[][..]),
        ("from 1950", utc("500101000000Z"), utc("440101000000Z"), &[]),
        ("from 1949", generalized("19490101000000Z"), utc("440101000000Z"), &[]),
        ("from the year 1", generalized("00010101000000Z"), utc("440101000000Z"), &[]),
        ("until 1950, which looks like 2050", utc("240101000000Z"), utc("500101000000Z"), EXPIRED),
        ("until 2050", utc("240101000000Z"), generalized("20500101000000Z"), &[]),
        ("until 2044 in the long form", utc("240101000000Z"), generalized("20440101000000Z"), &[]),
        ("until 1969", utc("600101000000Z"), utc("691231235959Z"), EXPIRED),
        ("until 2025", utc("240101000000Z"), utc("250101000000Z"), EXPIRED),
        ("from 2043", utc("430101000000Z"), utc("440101000000Z"), &["cert-not-yet-valid"]),
        ("from 2060", generalized("20600101000000Z"), generalized("20700101000000Z"), &["cert-not-yet-valid"]),
    ] {
        let set = |fields: &mut Fields| {
            fields.not_before.clone_from(&not_before);
            fields.not_after.clone_from(&not_after);
        };
        let middle = root.middle_with("Middle", set);
        let own = Made::root_with("Own", set);
        cases.push(case(format!("a leaf: {name}"), &root.leaf_with(set), &[], &[&root], found));
        cases.push(case(format!("an intermediate: {name}"), &middle.leaf(), &[&middle], &[&root], found));
        cases.push(case(format!("a root: {name}"), &own.leaf(), &[], &[&own], found));
    }

    // A renewed root and its predecessor, and an intermediate that both have signed.
    let (stale, other) =
        (Made::root_with("Stale", |fields| fields.not_after = utc("250101000000Z")), Made::root("New"));
    let middle = stale.middle("Cross");
    let leaf = middle.leaf();
    let cross = middle.again(&other, |_| ());
    let renewed = stale.again(&stale, |fields| fields.not_after = utc("440101000000Z"));
    let both = |first: &[u8], second: &[u8]| vec![leaf.der.clone(), first.to_vec(), second.to_vec()];
    let plain = |name: &str, found| case(name, &leaf, &[], &[&other], found);
    cases.extend([
        Case {
            chain: both(&middle.der, &cross),
            ..plain("cross-signed, the old path first", &[]).differs(false, false, "Every path")
        },
        Case { chain: both(&cross, &middle.der), ..plain("cross-signed, the new path first", &[]) },
        Case {
            ca: vec![stale.der.clone(), other.der.clone()],
            chain: both(&cross, &middle.der),
            ..plain("cross-signed, both roots trusted, the new path first", &[])
        },
        Case {
            ca: vec![stale.der.clone(), other.der.clone()],
            chain: both(&middle.der, &cross),
            ..plain("cross-signed, both roots trusted, the old path first", &[]).differs(false, false, "Every path")
        },
        Case {
            ca: vec![stale.der.clone(), renewed],
            chain: vec![leaf.der.clone(), middle.der.clone()],
            ..plain("a root and its renewal", &[])
        },
    ]);
    cases
}

fn hosts() -> Vec<Case> {
    let root = Made::root("Root");
    let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
    assert_eq!(long.len(), 253);
    let many: Vec<Vec<u8>> = (0..800).map(|n| dns(&format!("h{n}.test"))).chain([dns(NAME)]).collect();
    let mut cases = Vec::new();
    for (what, names, host, found) in [
        ("a wildcard", vec![dns("*.shop.test")], NAME, &[][..]),
        ("a wildcard of another level", vec![dns("*.test")], NAME, MISMATCH),
        ("a wildcard for two labels", vec![dns("*.shop.test")], "a.www.shop.test", MISMATCH),
        ("a wildcard for none", vec![dns("*.shop.test")], "shop.test", MISMATCH),
        ("upper case", vec![dns("WWW.Shop.TEST")], NAME, &[]),
        ("the last of many", many, NAME, &[]),
        ("253 characters", vec![dns(&long)], &long, &[]),
        ("another name", vec![dns("pay.test")], NAME, MISMATCH),
        ("an address", vec![ip(&[127, 0, 0, 1])], NAME, MISMATCH),
        ("a NUL", vec![dns("www.shop.test\0.evil.test")], NAME, MISMATCH),
        ("an underscore", vec![dns("my_host.shop.test")], "my_host.shop.test", &[]),
    ] {
        let leaf = root.leaf_with(named(&names));
        cases.push(case(format!("a name: {what}"), &leaf, &[], &[&root], found).host(host));
    }
    let partial = root.leaf_with(named(&[dns("w*.shop.test")]));
    let common = root.leaf_with(|fields| {
        fields.subject = dn(NAME);
        fields.extensions = vec![basic_constraints(false, None)];
    });
    cases.extend([
        case("a name: a part of a label", &partial, &[], &[&root], MISMATCH).differs(true, false, "Wildcards"),
        case("a name: only the common name", &common, &[], &[&root], MISMATCH).differs(true, true, "Common names"),
    ]);
    cases
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
        let agree = !is_refused(&codes) == by_openssl && by_openssl == by_curl;
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
