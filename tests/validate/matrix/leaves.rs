//! Certificates: usages, extensions, identifiers, constraints and names of hosts.

use super::{Case, MISMATCH, UNTRUSTED, case, named, plus, with};
use crate::der::{
    ANY_USAGE, BMP, CERT_SIGN, CLIENT, CODE, DATA_ENCIPHERMENT, DIGITAL_SIGNATURE, KEY_AGREEMENT, KEY_ENCIPHERMENT,
    Made, NON_REPUDIATION, PRINTABLE, SERVER, TELETEX, UTF8, alternative_names, attribute, authority_key_id,
    basic_constraints, directory, dn, dns, email, extended_key_usage, extension, ip, key_usage, name, name_constraints,
    oid, seq, subject_key_id, tlv,
};
use crate::pki::NAME;

pub(super) fn leaves() -> Vec<Case> {
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

pub(super) fn identifiers() -> Vec<Case> {
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

pub(super) fn constraints() -> Vec<Case> {
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

pub(super) fn hosts() -> Vec<Case> {
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
