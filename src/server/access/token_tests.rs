//! Tokens that must be refused, and that no handler reaches the registry past the caller's scope.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::token::TokenVerifier;
use super::{Permission, Permissions, Role, TokenAlgorithm, TokenRules};
use crate::clean::Secret;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn rules() -> TokenRules {
    TokenRules {
        secret: Some(Secret::from(SECRET.to_owned())),
        keys_file: None,
        algorithms: TokenAlgorithm::ALL.to_vec(),
        issuer: "https://issuer.example".to_owned(),
        audience: "portolan".to_owned(),
        max_lifetime: Duration::from_hours(1),
        default_role: Role::Viewer,
        with_roles: true,
    }
}

/// The tokens are checked with the clock of this machine, as in a server.
fn now() -> i64 {
    Timestamp::now().as_second()
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": "portolan", "sub": "alice", "iat": now(), "exp": now() + 600,
        "role": "operator" })
}

#[expect(clippy::needless_pass_by_value, reason = "its callers build the values in place")]
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token whose parts are signed by `sign`.
fn token(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = encoded(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(key: &str) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), message).as_ref().to_vec()
}

fn ed25519(key: &Ed25519KeyPair) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| key.sign(message).as_ref().to_vec()
}

fn es256(key: &EcdsaKeyPair) -> impl FnOnce(&[u8]) -> Vec<u8> {
    move |message| key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

/// The header of a token that names its key and its algorithm.
fn header(kid: &str, algorithm: &str) -> String {
    json!({ "alg": algorithm, "kid": kid }).to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "its callers build the values in place")]
fn signed(header: Value, claims: Value) -> String {
    token(&header.to_string(), &claims.to_string(), hs256(SECRET))
}

fn good_header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

fn accepted(verifier: &TokenVerifier, token: &str) -> Result<(), &'static str> {
    verifier.caller(token, Timestamp::from_second(now()).unwrap()).map(drop)
}

/// Row N6.
#[test]
fn a_token_is_accepted_with_the_role_permissions_and_scope_that_it_names() {
    let verifier = TokenVerifier::new(rules(), None).unwrap();
    let at = Timestamp::from_second(now()).unwrap();
    let caller = verifier.caller(&signed(good_header(), claims()), at).unwrap();
    assert_eq!(caller.permissions, Role::Operator.permissions());
    assert_eq!(caller.name, "token alice");
    assert!(caller.scope.is_unlimited() && caller.expires.is_some());

    for (changes, permissions) in [
        (json!({ "role": null }), Role::Viewer.permissions()),
        (json!({ "role": "ADMIN" }), Permissions::ALL),
        (json!({ "permissions": ["heartbeat"] }), [Permission::Heartbeat].into_iter().collect()),
        (json!({ "aud": ["other", "portolan"] }), Role::Operator.permissions()),
        (json!({ "iat": null }), Role::Operator.permissions()),
        (json!({ "nbf": now() - 5 }), Role::Operator.permissions()),
    ] {
        let caller = verifier.caller(&signed(good_header(), with(changes.clone())), at).unwrap();
        assert_eq!(caller.permissions, permissions, "{changes}");
    }
    let scoped = with(json!({ "namespaces": ["shop"], "services": ["web-"] }));
    let caller = verifier.caller(&signed(good_header(), scoped), at).unwrap();
    assert!(caller.scope.contains("shop", "web-1") && !caller.scope.contains("default", "web-1"));

    let agent = with(json!({ "role": "agent", "hosts": ["web1"] }));
    let caller = verifier.caller(&signed(good_header(), agent), at).unwrap();
    assert!(caller.permissions == Role::Agent.permissions() && !caller.scope.is_unlimited());

    // Without roles, every valid token may do everything.
    let verifier = TokenVerifier::new(TokenRules { with_roles: false, ..rules() }, None).unwrap();
    let caller = verifier.caller(&signed(good_header(), with(json!({ "role": "viewer" }))), at).unwrap();
    assert_eq!(caller.permissions, Permissions::ALL);
}

/// Tokens with the right signature, and one thing that is wrong.
fn signed_wrongly() -> Vec<(String, String)> {
    let far = now() + 10_000_000;
    let headers = [
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "nOnE" }),
        json!({ "alg": "" }),
        json!({ "alg": null }),
        json!({ "alg": "HS384" }),
        json!({ "alg": "HS512" }),
        json!({ "alg": "hs256" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "EdDSA" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": ["HS256"] }),
        json!({ "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "JWE" }),
        json!({ "alg": "HS256", "typ": "secevent+jwt" }),
        json!({ "alg": "HS256", "crit": ["b64"], "b64": true }),
        json!({ "alg": "HS256", "crit": [] }),
        json!({ "alg": "HS256", "crit": ["exp"] }),
        json!({ "alg": "HS256", "crit": ["http://x/y"], "http://x/y": 1 }),
        json!({ "alg": "HS256", "b64": false }),
        json!({ "alg": "HS256", "zip": "DEF" }),
        json!({ "alg": "HS256", "enc": "A128GCM" }),
        json!({ "alg": "HS256", "kid": "unknown" }),
        json!({ "alg": "HS256", "kid": "" }),
        json!({ "alg": "HS256", "kid": "../../dev/null" }),
        json!({ "alg": "HS256", "kid": "' OR 1=1 --" }),
        json!({ "alg": "HS256", "kid": 7 }),
        json!([]),
        json!("HS256"),
    ];
    let claims = [
        json!({ "exp": null }),
        json!({ "iss": null }),
        json!({ "aud": null }),
        json!({ "exp": now() - 31 }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": "9999999999" }),
        json!({ "exp": 1e300 }),
        json!({ "exp": far }),
        json!({ "exp": far, "iat": null }),
        json!({ "iat": now() + 3_600, "exp": now() + 3_700 }),
        json!({ "iat": "now" }),
        json!({ "nbf": now() + 3_600 }),
        json!({ "nbf": "tomorrow" }),
        json!({ "iss": "https://other.example" }),
        json!({ "iss": "https://issuer.example/" }),
        json!({ "iss": ["https://issuer.example"] }),
        json!({ "iss": 1 }),
        json!({ "aud": "other" }),
        json!({ "aud": "portolan2" }),
        json!({ "aud": [] }),
        json!({ "aud": ["other"] }),
        json!({ "aud": 1 }),
        json!({ "aud": {} }),
        json!({ "role": "root" }),
        json!({ "role": "" }),
        json!({ "role": ["admin"] }),
        json!({ "permissions": ["everything"] }),
        json!({ "permissions": "administer" }),
        json!({ "namespaces": "shop" }),
        json!({ "namespaces": [] }),
        json!({ "namespaces": [""] }),
        json!({ "namespaces": ["shop"], "services": [] }),
        json!({ "services": [""] }),
        json!({ "services": [1] }),
        json!({ "role": "agent" }),
        json!({ "role": "agent", "permissions": ["discover"] }),
        json!({ "hosts": [] }),
        json!({ "hosts": "web1" }),
        json!({ "sub": 7 }),
    ];
    let headers = headers.into_iter().map(|header| (header.to_string(), signed(header, self::claims())));
    let claims = claims.into_iter().map(|changes| (changes.to_string(), signed(good_header(), with(changes))));
    headers.chain(claims).collect()
}

/// Tokens whose form or signature is wrong.
fn forged() -> Vec<(String, String)> {
    let good = signed(good_header(), claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let admin = encoded(with(json!({ "role": "admin" })).to_string());
    let twice =
        format!("{{\"exp\":{0},\"exp\":{0},\"iss\":\"https://issuer.example\",\"aud\":\"portolan\"}}", now() + 60);

    [
        ("empty", String::new()),
        ("dots", "..".to_owned()),
        ("one part", header.to_owned()),
        ("no signature", format!("{message}.")),
        ("signature left out", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.a.b")),
        ("other claims", format!("{header}.{admin}.{signature}")),
        ("cut signature", good[..good.len() - 2].to_owned()),
        ("longer signature", format!("{good}AA")),
        ("padded", format!("{good}==")),
        ("space", format!("{header} .{payload}.{signature}")),
        ("line break", format!("{good}\n")),
        ("another secret", token(&good_header().to_string(), &claims().to_string(), hs256(&"x".repeat(32)))),
        ("the empty secret", token(&good_header().to_string(), &claims().to_string(), hs256(""))),
        ("claims that are no object", signed(good_header(), json!([1]))),
        ("claims that are no JSON", token(&good_header().to_string(), "{", hs256(SECRET))),
        ("a claim twice", token(&good_header().to_string(), &twice, hs256(SECRET))),
        ("too long", signed(good_header(), with(json!({ "x": "y".repeat(10_000) })))),
        ("standard base64", good.replace(['-', '_'], "+").replacen('.', "+.", 1)),
        ("none without signature", {
            let message =
                format!("{}.{}", encoded(json!({ "alg": "none" }).to_string()), encoded(claims().to_string()));
            format!("{message}.")
        }),
    ]
    .into_iter()
    .map(|(name, token)| (name.to_owned(), token))
    .collect()
}

#[test]
fn no_bad_token_is_accepted() {
    let verifier = TokenVerifier::new(rules(), None).unwrap();
    let bad: Vec<(String, String)> = signed_wrongly().into_iter().chain(forged()).collect();
    assert!(bad.len() >= 60, "{}", bad.len());
    for (name, token) in &bad {
        let refused = accepted(&verifier, token);
        assert!(refused.is_err(), "accepted: {name}");
        assert!(!refused.unwrap_err().contains(SECRET));
    }
    assert_eq!(accepted(&verifier, &signed(good_header(), claims())), Ok(()));
}

/// Keys are chosen by `kid`, each for its own algorithm: a public key is never taken for a secret.
#[test]
fn each_key_of_a_set_verifies_its_own_algorithm() {
    let random = SystemRandom::new();
    let ed = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let ec_key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec_key.as_ref(), &random).unwrap();
    let point = ec.public_key().as_ref();
    let set = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encoded(ed.public_key().as_ref()) },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) },
        { "kty": "oct", "kid": "hs", "k": encoded(SECRET) },
        // Not for signatures, or not accepted: left out.
        { "kty": "oct", "kid": "encryption", "use": "enc", "k": encoded(SECRET) },
        { "kty": "oct", "kid": "longer", "alg": "HS512", "k": encoded(SECRET) },
    ] });
    let verifier =
        TokenVerifier::new(TokenRules { secret: None, ..rules() }, Some(set.to_string().as_bytes())).unwrap();

    let text = claims().to_string();
    assert_eq!(accepted(&verifier, &token(&header("ed", "EdDSA"), &text, ed25519(&ed))), Ok(()));
    assert_eq!(accepted(&verifier, &token(&header("ec", "ES256"), &text, es256(&ec))), Ok(()));
    assert_eq!(accepted(&verifier, &token(&header("hs", "HS256"), &text, hs256(SECRET))), Ok(()));

    for (name, forged) in [
        (
            "a public key as a secret",
            token(&header("ed", "HS256"), &text, |message| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, ed.public_key().as_ref());
                hmac::sign(&key, message).as_ref().to_vec()
            }),
        ),
        ("another key's algorithm", token(&header("ec", "EdDSA"), &text, ed25519(&ed))),
        ("another kid", token(&header("ed", "ES256"), &text, es256(&ec))),
        ("a key for encryption", token(&header("encryption", "HS256"), &text, hs256(SECRET))),
        ("an algorithm that is not accepted", token(&header("longer", "HS512"), &text, hs256(SECRET))),
        ("no kid", token(&good_header().to_string(), &text, hs256(SECRET))),
        // Keys are never fetched, and an own certificate proves nothing.
        ("a set elsewhere", {
            let header = json!({ "alg": "HS256", "kid": "hs", "jku": "http://127.0.0.1:1/keys" });
            token(&header.to_string(), &text, hs256("mine"))
        }),
        ("a certificate elsewhere", {
            let header = json!({ "alg": "HS256", "kid": "hs", "x5u": "http://127.0.0.1:1/chain", "x5c": ["MIIB"] });
            token(&header.to_string(), &text, hs256("mine"))
        }),
        (
            "a key of its own",
            token(
                &json!({ "alg": "HS256", "kid": "hs", "jwk": { "kty": "oct", "k": encoded("mine") } }).to_string(),
                &text,
                hs256("mine"),
            ),
        ),
    ] {
        assert!(accepted(&verifier, &forged).is_err(), "accepted: {name}");
    }
}

#[test]
fn a_set_of_keys_that_cannot_be_used_is_refused_with_the_reason() {
    for (set, why) in [
        ("{}", "not a JSON Web Key Set"),
        (r#"{"keys":[]}"#, "no key for the algorithms"),
        (r#"{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#, "key 1 has no kid"),
        (r#"{"keys":[{"kty":"oct","kid":"a","k":"c2hvcnQ"}]}"#, "shorter than 32 bytes"),
        (r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}"#, "not an Ed25519 key"),
        (r#"{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}"#, "shorter than 2048 bits"),
    ] {
        let error = TokenVerifier::new(rules(), Some(set.as_bytes())).err().unwrap();
        assert!(error.contains(why), "{set}: {error}");
    }
}

/// Only `Access` holds a request against its caller's scope. What reaches the registry past it must be none of the handlers.
#[test]
fn handlers_reach_the_registry_only_through_their_access() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let mut folders = ["routes", "consul", "eureka"].map(|folder| server.join(folder)).to_vec();
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            read += 1;
            assert!(!text.contains("unscoped"), "{} reads or writes without a scope", path.display());
        }
    }
    assert!(read > 10);
}
