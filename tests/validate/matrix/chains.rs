//! Paths: their lengths, order, authorities, anchors and times.

use super::{Case, EXPIRED, UNTRUSTED, case, path_length, plus, with};
use crate::der::{
    ANY_USAGE, CERT_SIGN, CLIENT, CRL_SIGN, Fields, Made, SERVER, alternative_names, authority_extensions,
    authority_key_id, basic_constraints, dn, dns, extended_key_usage, generalized, key_usage, server_extensions,
    subject_key_id, utc,
};
use crate::pki::NAME;

pub(super) fn chains() -> Vec<Case> {
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

pub(super) fn self_signed() -> Vec<Case> {
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

pub(super) fn authorities() -> Vec<Case> {
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

pub(super) fn times() -> Vec<Case> {
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
