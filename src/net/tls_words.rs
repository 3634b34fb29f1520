//! The errors of the TLS library in words.

use std::fmt::Debug;
use std::io;
use std::iter::successors;

use rustls::{AlertDescription, CertRevocationListError, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why TLS failed, in one phrase without a full stop.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => describe_alert(*alert),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge,
        ) => "the reply is not TLS".to_owned(),
        Error::InvalidMessage(cause) => format!("the server sends an invalid TLS message: {}", words(cause)),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sends an unexpected TLS message".to_owned()
        }
        Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(_)) => {
            "the server rejects the encrypted ClientHello".to_owned()
        }
        Error::PeerIncompatible(cause) => format!("the server is incompatible: {}", words(cause)),
        Error::PeerMisbehaved(cause) => format!("the server violates the TLS protocol: {}", words(cause)),
        Error::InvalidCertificate(error) => describe_certificate_error(error).to_owned(),
        Error::InvalidCertRevocationList(error) => format!("a revocation list is unusable: {}", revocation_list(error)),
        Error::InvalidEncryptedClientHello(cause) => format!("the ClientHello cannot be encrypted: {}", words(cause)),
        Error::InconsistentKeys(_) => "the private key does not belong to the certificate".to_owned(),
        Error::NoCertificatesPresented => "the server sends no certificate".to_owned(),
        Error::UnsupportedNameType => "the server name is neither a DNS name nor an address".to_owned(),
        Error::DecryptError => "a message of the server cannot be decrypted".to_owned(),
        Error::EncryptError => "a message cannot be encrypted".to_owned(),
        Error::HandshakeNotComplete => "the handshake is not complete".to_owned(),
        Error::PeerSentOversizedRecord => "the server sends a TLS record that is too long".to_owned(),
        Error::NoApplicationProtocol => "the server supports none of the offered application protocols".to_owned(),
        Error::BadMaxFragmentSize => "the maximum fragment size is invalid".to_owned(),
        Error::FailedToGetCurrentTime => "this machine's clock cannot be read".to_owned(),
        Error::FailedToGetRandomBytes => "this machine has no random bytes".to_owned(),
        _ => "TLS failed for an unknown reason".to_owned(),
    }
}

/// The error of the TLS library that led to another one, if it was one.
pub(crate) fn find<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Error> {
    successors(Some(error), |error| error.source()).find_map(|error| {
        // The source of an error of I/O is not the error within it.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        within.map_or_else(|| error.downcast_ref(), |within| within.downcast_ref())
    })
}

/// An alert by its name in RFC 8446, 6, and what it means.
fn describe_alert(alert: AlertDescription) -> String {
    use AlertDescription as A;

    let number = u8::from(alert);
    let name = match alert {
        A::UnrecognisedName => "unrecognized_name".to_owned(),
        A::UnknownCA => "unknown_ca".to_owned(),
        A::UnknownPSKIdentity => "unknown_psk_identity".to_owned(),
        _ => alert.as_str().map_or_else(|| number.to_string(), |name| split(name).join("_").to_lowercase()),
    };
    let meaning = match alert {
        A::HandshakeFailure | A::InsufficientSecurity => {
            ": it accepts none of the offered cipher suites, curves and signatures"
        }
        A::ProtocolVersion => ": it accepts neither TLS 1.2 nor 1.3",
        A::UnrecognisedName => ": it does not serve that name",
        A::CertificateRequired => ": it requires a client certificate",
        A::UnknownCA => ": it does not trust the authority of the client certificate",
        A::AccessDenied => ": it denies access to the client certificate",
        A::InternalError => ": it has an internal error",
        _ => "",
    };
    format!("the server sends the alert {name}{meaning}")
}

/// Why a certificate is not accepted.
fn describe_certificate_error(error: &CertificateError) -> &'static str {
    use CertificateError as E;

    match error {
        E::BadEncoding => "the certificate cannot be parsed",
        E::Expired | E::ExpiredContext { .. } => "a certificate has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "a certificate is not valid yet",
        E::Revoked => "a certificate is revoked",
        E::UnhandledCriticalExtension => "a certificate has a critical extension that is not supported",
        E::UnknownIssuer => "the certificate's issuer is not trusted",
        E::UnknownRevocationStatus => "the revocation status is unknown",
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => "the revocation list has expired",
        E::BadSignature => "a signature is invalid",
        E::UnsupportedSignatureAlgorithmContext { .. } => "a signature algorithm is not supported",
        E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a signature algorithm does not match the public key"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => "the certificate does not cover the name",
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "the certificate is not issued for this purpose",
        E::InvalidOcspResponse => "the OCSP response is invalid",
        E::ApplicationVerificationFailure => "the certificate is refused",
        // What is not in its list of errors, the library wraps with its name.
        E::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => {
            "the certificate is that of an authority, not of a server"
        }
        // The library's other errors have no words of their own.
        _ => "the certificate violates RFC 5280",
    }
}

fn revocation_list(error: &CertRevocationListError) -> String {
    match error {
        CertRevocationListError::Other(_) => "it is invalid".to_owned(),
        error => words(error),
    }
}

/// The words of a variant's name, without its fields: `SelectedUnofferedKxGroup` is "selected unoffered key exchange
/// group".
fn words(variant: &impl Debug) -> String {
    let text = format!("{variant:?}");
    let name = text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();

    let words = split(name).into_iter().map(|word| match word {
        "Cert" => "certificate".to_owned(),
        "Kx" => "key exchange".to_owned(),
        "Sig" => "signature".to_owned(),
        "Ccs" => "ChangeCipherSpec".to_owned(),
        "Ems" => "extended master secret".to_owned(),
        "Tls12" => "TLS 1.2".to_owned(),
        "Tls13" => "TLS 1.3".to_owned(),
        "Or13" => "or TLS 1.3".to_owned(),
        "Tls" | "Ec" | "Dh" | "Psk" | "Ech" | "Sct" | "Crl" | "Sni" | "Quic" => word.to_uppercase(),
        word => word.to_lowercase(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Splits at each capital letter that follows a small letter or a digit.
fn split(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        if bytes[at].is_ascii_uppercase() && !bytes[at - 1].is_ascii_uppercase() {
            parts.push(&name[start..at]);
            start = at;
        }
    }
    parts.push(&name[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::CertRevocationListError as L;
    use rustls::CertificateError as C;
    use rustls::EncryptedClientHelloError as H;
    use rustls::InvalidMessage as V;
    use rustls::PeerIncompatible as I;
    use rustls::PeerMisbehaved as M;
    use rustls::{InconsistentKeys, OtherError, PeerMisbehaved};

    use super::*;

    /// No name of a type or variant, no brackets, no quotes: nothing that Rust's `{:?}` writes.
    fn is_plain(text: &str) -> bool {
        let known = [
            "TLS",
            "ClientHello",
            "ChangeCipherSpec",
            "RFC",
            "DNS",
            "OCSP",
            "EC",
            "DH",
            "PSK",
            "ECH",
            "SCT",
            "SNI",
            "QUIC",
            "CRL",
        ];
        let has_words = text.split(' ').all(|word| {
            let word = word.trim_matches([':', ',']);
            known.contains(&word) || !word.chars().any(char::is_uppercase)
        });

        has_words && !text.contains(['(', ')', '{', '}', '[', ']', '"', ';'])
    }

    macro_rules! all {
        ($kind:ident: $($variant:ident)*) => { vec![$($kind::$variant),*] };
    }

    #[test]
    fn an_error_of_the_library_is_found_within_others() {
        let within = io::Error::new(io::ErrorKind::InvalidData, Error::DecryptError);
        assert_eq!(find(&within), Some(&Error::DecryptError));
        assert_eq!(find(&io::Error::other(within)), None, "an error of I/O within another has no source");
        assert_eq!(find(&io::Error::from(io::ErrorKind::NotFound)), None);
    }

    #[test]
    fn every_error_of_the_library_has_words() {
        let misbehaved = all!(M: AttemptedDowngradeToTls12WhenTls13IsSupported BadCertChainExtensions CipherSuiteDifferedOnRetry
            DisallowedEncryptedExtension DuplicateClientHelloExtensions DuplicateEncryptedExtensions
            DuplicateHelloRetryRequestExtensions DuplicateNewSessionTicketExtensions DuplicateServerHelloExtensions
            DuplicateServerNameTypes EarlyDataAttemptedInSecondClientHello EarlyDataExtensionWithoutResumption
            EarlyDataOfferedWithVariedCipherSuite HandshakeHashVariedAfterRetry IllegalHelloRetryRequestWithEmptyCookie
            IllegalHelloRetryRequestWithNoChanges IllegalHelloRetryRequestWithOfferedGroup
            IllegalHelloRetryRequestWithUnofferedCipherSuite IllegalHelloRetryRequestWithUnofferedNamedGroup
            IllegalHelloRetryRequestWithUnsupportedVersion IllegalHelloRetryRequestWithWrongSessionId
            IllegalHelloRetryRequestWithInvalidEch IllegalMiddleboxChangeCipherSpec IllegalTlsInnerPlaintext IncorrectBinder
            InvalidCertCompression InvalidMaxEarlyDataSize InvalidKeyShare KeyEpochWithPendingFragment
            KeyUpdateReceivedInQuicConnection MessageInterleavedWithHandshakeMessage MissingBinderInPskExtension
            MissingKeyShare MissingPskExtensionInSecondClientHello MissingPskModesExtension MissingQuicTransportParameters
            OfferedDuplicateCertificateCompressions OfferedDuplicateKeyShares OfferedEarlyDataWithOldProtocolVersion
            OfferedEmptyApplicationProtocol OfferedIncorrectCompressions PskExtensionMustBeLast
            PskExtensionWithMismatchedIdsAndBinders RefusedToFollowHelloRetryRequest
            RejectedEarlyDataInterleavedWithHandshakeMessage ResumptionAttemptedWithVariedEms
            ResumptionOfferedWithVariedCipherSuite ResumptionOfferedWithVariedEms ResumptionOfferedWithIncompatibleCipherSuite
            SelectedDifferentCipherSuiteAfterRetry SelectedInvalidPsk SelectedTls12UsingTls13VersionExtension
            SelectedUnofferedApplicationProtocol SelectedUnofferedCertCompression SelectedUnofferedCipherSuite
            SelectedUnofferedCompression SelectedUnofferedKxGroup SelectedUnofferedPsk SelectedUnusableCipherSuiteForVersion
            ServerEchoedCompatibilitySessionId ServerHelloMustOfferUncompressedEcPoints ServerNameDifferedOnRetry
            ServerNameMustContainOneHostName SignedKxWithWrongAlgorithm SignedHandshakeWithUnadvertisedSigScheme
            TooManyEmptyFragments TooManyKeyUpdateRequests TooManyRenegotiationRequests TooManyWarningAlertsReceived
            TooMuchEarlyDataReceived UnexpectedCleartextExtension UnsolicitedCertExtension UnsolicitedEncryptedExtension
            UnsolicitedSctList UnsolicitedServerHelloExtension WrongGroupForKeyShare UnsolicitedEchExtension);

        let mut incompatible = all!(I: EcPointsExtensionRequired ExtendedMasterSecretExtensionRequired
            IncorrectCertificateTypeExtension KeyShareExtensionRequired NamedGroupsExtensionRequired
            NoCertificateRequestSignatureSchemesInCommon NoCipherSuitesInCommon NoEcPointFormatsInCommon NoKxGroupsInCommon
            NoSignatureSchemesInCommon NullCompressionRequired ServerDoesNotSupportTls12Or13
            ServerSentHelloRetryRequestWithUnknownExtension ServerTlsVersionIsDisabledByOurConfig
            SignatureAlgorithmsExtensionRequired SupportedVersionsExtensionRequired Tls12NotOffered Tls12NotOfferedOrEnabled
            Tls13RequiredForQuic UncompressedEcPointsRequired UnsolicitedCertificateTypeExtension);
        incompatible.push(I::ServerRejectedEncryptedClientHello(Some(Vec::new())));

        let mut invalid = all!(V: CertificatePayloadTooLarge HandshakePayloadTooLarge InvalidCcs InvalidContentType
            InvalidCertificateStatusType InvalidCertRequest InvalidDhParams InvalidEmptyPayload InvalidKeyUpdate
            InvalidServerName MessageTooLarge MessageTooShort MissingKeyExchange NoSignatureSchemes UnknownProtocolVersion
            UnsupportedCompression UnsupportedCurveType EmptyTicketValue IllegalEmptyValue PreSharedKeyIsNotFinalExtension
            UnknownHelloRetryRequestExtension UnknownCertificateExtension);
        invalid.extend([
            V::MissingData("ServerHello"),
            V::TrailingData("X"),
            V::UnexpectedMessage("Y"),
            V::IllegalEmptyList("Z"),
        ]);
        invalid.push(V::DuplicateExtension(7));

        let mut certificate = all!(C: BadEncoding Expired NotValidYet Revoked UnhandledCriticalExtension UnknownIssuer
            UnknownRevocationStatus ExpiredRevocationList BadSignature NotValidForName InvalidPurpose InvalidOcspResponse
            ApplicationVerificationFailure);
        certificate.push(C::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6],
            supported_algorithms: vec![],
        });
        let other = OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity")));
        certificate.push(C::Other(other.clone()));

        let mut lists = all!(L: BadSignature InvalidCrlNumber InvalidRevokedCertSerialNumber IssuerInvalidForCrl ParseError
            UnsupportedCrlVersion UnsupportedCriticalExtension UnsupportedDeltaCrl UnsupportedIndirectCrl
            UnsupportedRevocationReason);
        lists.push(L::Other(other.clone()));

        let hello = all!(H: InvalidConfigList NoCompatibleConfig SniRequired);

        let mut all = all!(Error: NoCertificatesPresented UnsupportedNameType DecryptError EncryptError FailedToGetCurrentTime
            FailedToGetRandomBytes HandshakeNotComplete PeerSentOversizedRecord NoApplicationProtocol BadMaxFragmentSize);
        all.extend(misbehaved.into_iter().map(Error::PeerMisbehaved));
        all.extend(incompatible.into_iter().map(Error::PeerIncompatible));
        all.extend(invalid.into_iter().map(Error::InvalidMessage));
        all.extend(certificate.into_iter().map(Error::InvalidCertificate));
        all.extend(lists.into_iter().map(Error::InvalidCertRevocationList));
        all.extend(hello.into_iter().map(Error::InvalidEncryptedClientHello));
        all.extend((0..=255).map(|alert| Error::AlertReceived(AlertDescription::from(alert))));
        all.extend([
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
            Error::General("Some(Debug)".to_owned()),
            Error::Other(other),
            Error::InappropriateMessage { expect_types: vec![], got_type: rustls::ContentType::Alert },
            Error::InappropriateHandshakeMessage { expect_types: vec![], got_type: rustls::HandshakeType::Finished },
        ]);

        for error in all {
            let text = describe(&error);
            assert!(is_plain(&text) && text.len() > 10, "{error:?}: {text}");
        }
    }

    #[test]
    fn alerts_have_their_standard_names() {
        for (number, text) in [
            (
                40,
                "the server sends the alert handshake_failure: it accepts none of the offered cipher suites, curves and signatures",
            ),
            (47, "the server sends the alert illegal_parameter"),
            (48, "the server sends the alert unknown_ca: it does not trust the authority of the client certificate"),
            (112, "the server sends the alert unrecognized_name: it does not serve that name"),
            (200, "the server sends the alert 200"),
        ] {
            assert_eq!(describe(&Error::AlertReceived(AlertDescription::from(number))), text);
        }

        assert_eq!(words(&PeerMisbehaved::SelectedUnofferedKxGroup), "selected unoffered key exchange group");
    }
}
