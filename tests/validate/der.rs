//! Certificates made octet by octet: also those that no library would make.

use std::cell::Cell;
use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

/// A DER element.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 128 => out.push(short),
        Ok(long) => out.extend([0x81, long]),
        Err(_) => {
            let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
            out.extend([0x82, high, low]);
        }
    }
    out.extend_from_slice(content);
    out
}

pub(crate) fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// An object identifier in dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u32> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = vec![u8::try_from(arcs[0] * 40 + arcs[1]).unwrap()];
    for &arc in &arcs[2..] {
        let groups: Vec<u8> = (0..5).rev().map(|at| u8::try_from(arc >> (7 * at) & 0x7f).unwrap()).collect();
        let first = groups.iter().position(|group| *group != 0).unwrap_or(4);
        let last = groups.len() - 1;
        content.extend(groups.iter().enumerate().skip(first).map(|(at, group)| group | u8::from(at < last) << 7));
    }
    tlv(6, &content)
}

pub(crate) const UTF8: u8 = 12;
pub(crate) const PRINTABLE: u8 = 19;
pub(crate) const TELETEX: u8 = 20;
pub(crate) const BMP: u8 = 30;

/// A distinguished name of one common name and one organization.
pub(crate) fn name(tag: u8, common_name: &[u8]) -> Vec<u8> {
    seq(&[attribute("2.5.4.10", UTF8, b"Shop"), attribute("2.5.4.3", tag, common_name)])
}

pub(crate) fn attribute(kind: &str, tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x31, &seq(&[oid(kind), tlv(tag, value)]))
}

pub(crate) fn dn(common_name: &str) -> Vec<u8> {
    name(UTF8, common_name.as_bytes())
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    tlv(23, text.as_bytes())
}

pub(crate) fn generalized(text: &str) -> Vec<u8> {
    tlv(24, text.as_bytes())
}

/// An extension.
pub(crate) fn extension(kind: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(1, &[0xff]) } else { Vec::new() };
    seq(&[oid(kind), critical, tlv(4, value)])
}

pub(crate) fn basic_constraints(authority: bool, path_length: Option<u8>) -> Vec<u8> {
    let authority = if authority { tlv(1, &[0xff]) } else { Vec::new() };
    let length = path_length.map(|length| tlv(2, &[length])).unwrap_or_default();
    extension("2.5.29.19", true, &seq(&[authority, length]))
}

/// Key usage: the bits from the first one, digitalSignature, on.
pub(crate) fn key_usage(bits: &[u8]) -> Vec<u8> {
    let byte = bits.iter().fold(0_u8, |byte, bit| byte | 0x80 >> bit);
    extension("2.5.29.15", true, &tlv(3, &[u8::try_from(byte.trailing_zeros()).unwrap(), byte]))
}

pub(crate) const DIGITAL_SIGNATURE: u8 = 0;
pub(crate) const NON_REPUDIATION: u8 = 1;
pub(crate) const KEY_ENCIPHERMENT: u8 = 2;
pub(crate) const DATA_ENCIPHERMENT: u8 = 3;
pub(crate) const KEY_AGREEMENT: u8 = 4;
pub(crate) const CERT_SIGN: u8 = 5;
pub(crate) const CRL_SIGN: u8 = 6;

pub(crate) const SERVER: &str = "1.3.6.1.5.5.7.3.1";
pub(crate) const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
pub(crate) const CODE: &str = "1.3.6.1.5.5.7.3.3";
pub(crate) const ANY_USAGE: &str = "2.5.29.37.0";

pub(crate) fn extended_key_usage(critical: bool, kinds: &[&str]) -> Vec<u8> {
    extension("2.5.29.37", critical, &seq(&kinds.iter().map(|kind| oid(kind)).collect::<Vec<_>>()))
}

/// General names: their tag numbers and contents.
pub(crate) fn dns(name: &str) -> Vec<u8> {
    tlv(0x82, name.as_bytes())
}

pub(crate) fn email(name: &str) -> Vec<u8> {
    tlv(0x81, name.as_bytes())
}

pub(crate) fn ip(octets: &[u8]) -> Vec<u8> {
    tlv(0x87, octets)
}

pub(crate) fn directory(name: &[u8]) -> Vec<u8> {
    tlv(0xa4, name)
}

pub(crate) fn alternative_names(names: &[Vec<u8>]) -> Vec<u8> {
    extension("2.5.29.17", false, &seq(names))
}

pub(crate) fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let subtrees = |tag: u8, names: &[Vec<u8>]| {
        let trees: Vec<u8> = names.iter().flat_map(|name| tlv(0x30, name)).collect();
        if names.is_empty() { Vec::new() } else { tlv(tag, &trees) }
    };
    extension("2.5.29.30", true, &seq(&[subtrees(0xa0, permitted), subtrees(0xa1, excluded)]))
}

pub(crate) fn subject_key_id(id: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &tlv(4, id))
}

/// The authority key identifier: a key id, and the issuer and serial of the issuer's certificate.
pub(crate) fn authority_key_id(id: Option<&[u8]>, issuer: Option<(&[u8], u8)>) -> Vec<u8> {
    let id = id.map(|id| tlv(0x80, id)).unwrap_or_default();
    let issuer =
        issuer.map(|(name, serial)| [tlv(0xa1, &directory(name)), tlv(0x82, &[serial])].concat()).unwrap_or_default();
    extension("2.5.29.35", false, &tlv(0x30, &[id, issuer].concat()))
}

/// A key, in PKCS#8.
pub(crate) struct Key {
    pub(crate) pkcs8: Vec<u8>,
    pair: EcdsaKeyPair,
}

const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const ECDSA_SHA384: &str = "1.2.840.10045.4.3.3";

impl Key {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap().as_ref().to_vec();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &random).unwrap();
        Self { pkcs8, pair }
    }

    fn public(&self) -> Vec<u8> {
        let algorithm = seq(&[oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")]);
        seq(&[algorithm, bits(self.pair.public_key().as_ref())])
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Fields {
    /// 0 for version 1.
    pub(crate) version: u8,
    pub(crate) serial: u8,
    pub(crate) issuer: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    /// Whether the signature is damaged.
    pub(crate) is_damaged: bool,
    /// Whether the inner signature algorithm differs from the outer one.
    pub(crate) is_inconsistent: bool,
}

/// A certificate with its key.
pub(crate) struct Made {
    pub(crate) fields: Fields,
    pub(crate) key: Key,
    pub(crate) der: Vec<u8>,
}

thread_local! {
    static SERIAL: Cell<u8> = const { Cell::new(1) };
}

fn next_serial() -> u8 {
    SERIAL.set(SERIAL.get() % 100 + 1);
    SERIAL.get()
}

impl Fields {
    fn new(subject: Vec<u8>, issuer: Vec<u8>, extensions: Vec<Vec<u8>>) -> Self {
        Self {
            version: 2,
            serial: next_serial(),
            issuer,
            not_before: utc("240101000000Z"),
            not_after: utc("440101000000Z"),
            subject,
            extensions,
            is_damaged: false,
            is_inconsistent: false,
        }
    }

    fn signed(&self, key: &Key, signer: &Key) -> Vec<u8> {
        let algorithm = seq(&[oid(ECDSA_SHA256)]);
        let inner = if self.is_inconsistent { seq(&[oid(ECDSA_SHA384)]) } else { algorithm.clone() };
        let version = if self.version == 0 { Vec::new() } else { tlv(0xa0, &tlv(2, &[self.version])) };
        let extensions = if self.extensions.is_empty() { Vec::new() } else { tlv(0xa3, &seq(&self.extensions)) };
        let tbs = seq(&[
            version,
            tlv(2, &[self.serial]),
            inner,
            self.issuer.clone(),
            seq(&[self.not_before.clone(), self.not_after.clone()]),
            self.subject.clone(),
            key.public(),
            extensions,
        ]);
        let mut message = tbs.clone();
        if self.is_damaged {
            message.push(0);
        }
        seq(&[tbs, algorithm, bits(&signer.sign(&message))])
    }
}

/// The extensions of an authority.
pub(crate) fn authority_extensions() -> Vec<Vec<u8>> {
    vec![basic_constraints(true, None), key_usage(&[CERT_SIGN, CRL_SIGN])]
}

/// The extensions of a server.
pub(crate) fn server_extensions() -> Vec<Vec<u8>> {
    vec![
        basic_constraints(false, None),
        key_usage(&[DIGITAL_SIGNATURE]),
        extended_key_usage(false, &[SERVER]),
        alternative_names(&[dns(super::pki::NAME)]),
    ]
}

impl Made {
    /// A self-signed certificate.
    pub(crate) fn own(subject: Vec<u8>, extensions: Vec<Vec<u8>>, change: impl FnOnce(&mut Fields)) -> Self {
        let mut fields = Fields::new(subject.clone(), subject, extensions);
        change(&mut fields);
        let key = Key::new();
        let der = fields.signed(&key, &key);
        Self { fields, key, der }
    }

    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, |_| ())
    }

    pub(crate) fn root_with(name: &str, change: impl FnOnce(&mut Fields)) -> Self {
        Self::own(dn(name), authority_extensions(), change)
    }

    /// A certificate with a new key, signed by this one.
    pub(crate) fn sign(&self, subject: Vec<u8>, extensions: Vec<Vec<u8>>, change: impl FnOnce(&mut Fields)) -> Self {
        self.sign_key(Key::new(), subject, extensions, change)
    }

    pub(crate) fn sign_key(
        &self,
        key: Key,
        subject: Vec<u8>,
        extensions: Vec<Vec<u8>>,
        change: impl FnOnce(&mut Fields),
    ) -> Self {
        let mut fields = Fields::new(subject, self.fields.subject.clone(), extensions);
        change(&mut fields);
        let der = fields.signed(&key, &self.key);
        Self { fields, key, der }
    }

    pub(crate) fn middle(&self, name: &str) -> Self {
        self.middle_with(name, |_| ())
    }

    pub(crate) fn middle_with(&self, name: &str, change: impl FnOnce(&mut Fields)) -> Self {
        self.sign(dn(name), authority_extensions(), change)
    }

    pub(crate) fn leaf(&self) -> Self {
        self.leaf_with(|_| ())
    }

    pub(crate) fn leaf_with(&self, change: impl FnOnce(&mut Fields)) -> Self {
        self.sign(dn("server"), server_extensions(), change)
    }

    /// The same certificate with the same key, changed and signed by `signer`.
    pub(crate) fn again(&self, signer: &Self, change: impl FnOnce(&mut Fields)) -> Vec<u8> {
        let mut fields = self.fields.clone();
        fields.issuer.clone_from(&signer.fields.subject);
        fields.serial = next_serial();
        change(&mut fields);
        fields.signed(&self.key, &signer.key)
    }
}

/// PEM files, as OpenSSL and curl read them.
pub(crate) fn pem(certificates: &[Vec<u8>]) -> String {
    certificates.iter().map(|der| armoured("CERTIFICATE", der)).collect()
}

fn armoured(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4_usize {
            let index = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            text.push(if at <= group.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Writes a chain into a file.
pub(crate) fn put_chain(directory: &Path, file: &str, chain: &[Vec<u8>]) -> String {
    super::pki::put(directory, file, &pem(chain)).display().to_string()
}
