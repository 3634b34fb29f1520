//! The signatures of tokens, by the cryptography that the rest of portolan uses.

use std::str::FromStr;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::error::nearest;
use crate::model::ParseError;

/// An algorithm that a token may be signed with. Those that share a secret for longer hashes, and `none`, are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256, by a shared secret.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in tokens and settings (RFC 7518, RFC 8037).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(super) const fn of_library(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

impl FromStr for TokenAlgorithm {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let near = nearest(text, &names).map_or_else(String::new, |near| format!("did you mean {near}? "));
            ParseError::new("there is no such algorithm", format!("{near}the algorithms are {}", names.join(", ")))
        })
    }
}

/// The shortest secret for HS256 (RFC 7518, section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Only what makes keys of private keys needs these.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes it the provider of this process. A program that has chosen one before keeps it.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// Whether a key has the right type and length for its algorithm.
pub(super) fn check_key(algorithm: TokenAlgorithm, key: &DecodingKey) -> Result<(), &'static str> {
    let bytes = key.try_get_as_bytes().map_or(0, <[u8]>::len);
    match (algorithm, key.kind()) {
        (TokenAlgorithm::Hs256, _) if bytes < MIN_SECRET_BYTES => Err("is shorter than 32 bytes"),
        (TokenAlgorithm::EdDsa, _) if bytes != 32 => Err("is not an Ed25519 key"),
        (TokenAlgorithm::Es256, _) if bytes != 65 => Err("is not a P-256 key"),
        (TokenAlgorithm::Rs256, DecodingKeyKind::RsaModulusExponent { n, .. }) if n.len() < 256 => {
            Err("is shorter than 2048 bits")
        }
        _ => Ok(()),
    }
}

/// A signature of one algorithm, with one key.
struct TokenSignature {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for TokenSignature {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let is_right = match (self.algorithm, self.key.kind()) {
            (Algorithm::HS256, DecodingKeyKind::SecretOrDer(secret)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, signature).is_ok()
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(message, signature).is_ok()
            }
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            _ => false,
        };
        if is_right { Ok(()) } else { Err(signature::Error::new()) }
    }
}

impl JwtVerifier for TokenSignature {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let family = match algorithm {
        Algorithm::HS256 => AlgorithmFamily::Hmac,
        Algorithm::EdDSA => AlgorithmFamily::Ed,
        Algorithm::ES256 => AlgorithmFamily::Ec,
        Algorithm::RS256 => AlgorithmFamily::Rsa,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    if key.family() != family {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(TokenSignature { algorithm: *algorithm, key: key.clone() }))
}

/// Portolan signs no tokens.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}
