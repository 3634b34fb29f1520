//! What a user declares about a service: its protocol and its checks. The same options on the command line and in a
//! services file.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{CheckLimits, CheckName, ParseError, StatusRanges, parse_duration};
use crate::clean::redacted_query;

/// The protocol of a service, the requests to send and the expected replies.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[cfg_attr(feature = "cli", command(next_help_heading = "Requests"))]
pub struct CheckSpec {
    /// Use this protocol: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: from the target]
    #[cfg_attr(feature = "cli", arg(long, value_name = "WORD"))]
    pub protocol: Option<String>,
    /// Run only these checks
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "CHECKS", value_delimiter = ','))]
    pub check: Vec<CheckName>,
    /// Skip these checks
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "CHECKS", value_delimiter = ','))]
    pub no_check: Vec<CheckName>,
    /// Send this server name in TLS and in the Host header of HTTP [default: the target's]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub server_name: Option<String>,
    /// Upgrade a plain-text connection to TLS with this protocol's STARTTLS
    #[cfg_attr(feature = "cli", arg(long, value_enum, value_name = "PROTOCOL"))]
    pub starttls: Option<StartTlsKind>,
    /// Present this client certificate to servers that require one: a PEM file with its chain
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath))]
    pub cert: Option<PathBuf>,
    /// Use this private key for --cert: a PEM file [default: the file of --cert]
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, requires = "cert"))]
    pub key: Option<PathBuf>,
    /// Request this path over HTTP [default: /]
    #[cfg_attr(feature = "cli", arg(long, value_name = "PATH"))]
    pub path: Option<HttpPath>,
    /// Use this HTTP request method [default: GET]
    #[cfg_attr(feature = "cli", arg(long, value_name = "METHOD"))]
    pub method: Option<Method>,
    /// Send this request body; the method is POST unless --method sets another
    #[cfg_attr(feature = "cli", arg(long, value_name = "TEXT", allow_hyphen_values = true))]
    pub body: Option<RequestBody>,
    /// Send this request header in place of a default one, as in 'Authorization: Bearer x'; without a value, leave it out
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME: VALUE"))]
    pub header: Vec<RequestHeader>,
    /// Expect these HTTP statuses, as in 200-299,304 or 2xx [default: 200-399]
    #[cfg_attr(feature = "cli", arg(long, value_name = "STATUS"))]
    pub expect_status: Option<StatusRanges>,
    /// Require the body to match this regular expression; at most 8 MiB are read
    #[cfg_attr(feature = "cli", arg(long, value_name = "REGEX"))]
    pub expect_body: Option<BodyAssertion>,
    /// Require this response header, matching the expression if one is given, as in 'Content-Type: json'
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME[: REGEX]"))]
    pub expect_header: Vec<HeaderAssertion>,
    /// Require this value in the JSON body, as in /status=ok (RFC 6901)
    #[cfg_attr(feature = "cli", arg(long, value_name = "POINTER=VALUE"))]
    pub expect_json: Vec<JsonAssertion>,
    /// Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host
    #[cfg_attr(feature = "cli", arg(long))]
    pub follow: bool,
    /// Check this service with the gRPC health check [default: the whole server]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub grpc_service: Option<String>,
    /// Run this program with arguments, up to a `;`, without a shell: exit code 0 is healthy, 1 a warning
    #[cfg_attr(feature = "cli", arg(long, value_name = "PROGRAM", num_args = 1.., value_terminator = ";", allow_hyphen_values = true))]
    pub script: Vec<String>,
    /// Set the latency target, as in 200ms; connect=10ms applies to connecting only [default: 100ms on this machine, 200ms
    /// on a private network, 800ms elsewhere; 5, 25 and 200ms to connect]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", value_delimiter = ','))]
    pub goal: Vec<LatencyTarget>,
    /// Limits of the service itself, from a services file.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub limits: CheckLimits,
}

impl CheckSpec {
    /// The HTTP request method: the given one, else `POST` with a body, else `GET`.
    pub(crate) fn method_name(&self) -> &str {
        let default = if self.body.is_some() { "POST" } else { "GET" };
        self.method.as_ref().map_or(default, |method| method.as_str())
    }

    /// The first set option that only an HTTP check obeys, if gRPC is all that is checked.
    pub(crate) fn useless_for_grpc(&self) -> Option<&'static str> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let is_grpc = matches!(protocol, "grpc" | "grpcs")
            || protocol.is_empty() && (self.grpc_service.is_some() || self.check.contains(&CheckName::Grpc));
        let options = [
            ("path", self.path.is_some()),
            ("method", self.method.is_some()),
            ("body", self.body.is_some()),
            ("follow", self.follow),
            ("expect-status", self.expect_status.is_some()),
            ("expect-body", self.expect_body.is_some()),
            ("expect-header", !self.expect_header.is_empty()),
            ("expect-json", !self.expect_json.is_empty()),
        ];

        let set = options.into_iter().find(|(_, is_set)| *is_set).map(|(option, _)| option);
        set.filter(|_| is_grpc && !self.check.contains(&CheckName::Http))
    }

    /// Fills unset options from `other`.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let list =
            |one: &Vec<CheckName>, other: &Vec<CheckName>| if one.is_empty() { other.clone() } else { one.clone() };
        let other_headers = other.header.iter().filter(|header| self.header.iter().all(|own| own.name != header.name));

        Self {
            protocol: self.protocol.clone().or_else(|| other.protocol.clone()),
            check: list(&self.check, &other.check),
            no_check: list(&self.no_check, &other.no_check),
            server_name: self.server_name.clone().or_else(|| other.server_name.clone()),
            starttls: self.starttls.or(other.starttls),
            cert: self.cert.clone().or_else(|| other.cert.clone()),
            // A key belongs to its certificate.
            key: if self.cert.is_some() { self.key.clone() } else { other.key.clone() },
            path: self.path.clone().or_else(|| other.path.clone()),
            method: self.method.clone().or_else(|| other.method.clone()),
            body: self.body.clone().or_else(|| other.body.clone()),
            header: self.header.iter().chain(other_headers).cloned().collect(),
            expect_status: self.expect_status.clone().or_else(|| other.expect_status.clone()),
            expect_body: self.expect_body.clone().or_else(|| other.expect_body.clone()),
            expect_header: self.expect_header.iter().chain(&other.expect_header).cloned().collect(),
            expect_json: self.expect_json.iter().chain(&other.expect_json).cloned().collect(),
            follow: self.follow || other.follow,
            grpc_service: self.grpc_service.clone().or_else(|| other.grpc_service.clone()),
            script: if self.script.is_empty() { other.script.clone() } else { self.script.clone() },
            // The last value wins.
            goal: other.goal.iter().chain(&self.goal).copied().collect(),
            limits: self.limits.over(&other.limits),
        }
    }
}

/// Protocols with STARTTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum StartTlsKind {
    /// Mail, RFC 3207
    Smtp,
    /// Mailboxes, RFC 9051
    Imap,
    /// Mailboxes, RFC 2595
    Pop3,
    /// Files, RFC 4217
    Ftp,
    /// Directories, RFC 4511
    Ldap,
    /// PostgreSQL's SSLRequest
    Postgresql,
    /// MySQL's and MariaDB's SSLRequest
    Mysql,
}

impl StartTlsKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp, Self::Ldap, Self::Postgresql, Self::Mysql];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Ldap => "ldap",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
        }
    }
}

/// A path with its query, as sent.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpPath {
    text: String,
    /// As it is shown, if that differs: it may hold secrets.
    shown: Option<String>,
}

impl HttpPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path without the secrets in its query.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }

    /// Whether its query has a parameter whose name says that it is a secret.
    pub(crate) fn has_secret(&self) -> bool {
        matches!(redacted_query(&self.text), Cow::Owned(_))
    }

    /// The same path, shown as this text.
    #[must_use]
    pub(crate) fn shown_as(self, shown: &str) -> Self {
        let shown = redacted_query(shown).into_owned();
        Self { shown: (shown != self.text).then_some(shown), ..self }
    }
}

impl fmt::Debug for HttpPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

impl FromStr for HttpPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let sendable = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !sendable {
            let why = "it is not a valid HTTP path";
            return Err(ParseError::new(why, "write it as /health?full=1, anything but ASCII percent-encoded"));
        }
        Ok(Self { text: text.to_owned(), shown: None }.shown_as(text))
    }
}

/// An HTTP method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(http::Method);

impl Method {
    /// Its name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Method {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let method = http::Method::from_str(text).ok().filter(|method| *method != http::Method::CONNECT);
        method.map(Self).ok_or_else(|| ParseError::new("it is not an HTTP method", "write GET, HEAD or POST"))
    }
}

/// The body of a request. It may hold a secret and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestBody(Arc<str>);

impl RequestBody {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl FromStr for RequestBody {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(Self(text.into()))
    }
}

/// A request header. Its value may be a secret and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// In lower case.
    pub name: String,
    /// Without line ends.
    pub value: String,
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ***", self.name)
    }
}

const HEADER_HINT: &str = "write it as 'Name: value'";
/// Headers that frame the request: portolan sends them itself.
const FRAMING_HEADERS: [&str; 2] = ["content-length", "transfer-encoding"];

impl FromStr for RequestHeader {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, value) = text.split_once(':').ok_or_else(|| ParseError::new("it has no colon", HEADER_HINT))?;
        let value = http::HeaderValue::from_str(value.trim());
        let value = value.ok().and_then(|value| value.to_str().ok().map(ToOwned::to_owned));
        let value =
            value.ok_or_else(|| ParseError::new("its value cannot be sent", "leave line ends and non-ASCII out"))?;
        let name = header_name(name)?;
        if FRAMING_HEADERS.contains(&name.as_str()) {
            return Err(ParseError::new("portolan sends this header itself", "give the body with --body"));
        }
        Ok(Self { name, value })
    }
}

fn header_name(text: &str) -> Result<String, ParseError> {
    let name = http::HeaderName::from_str(text.trim());
    name.map(|name| name.as_str().to_owned())
        .map_err(|_| ParseError::new("it begins with no header's name", HEADER_HINT))
}

/// A regular expression for a body.
#[derive(Clone, Debug)]
pub struct BodyAssertion(Regex);

/// Maximum memory of a compiled expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

impl BodyAssertion {
    /// Whether it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for BodyAssertion {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl FromStr for BodyAssertion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        RegexBuilder::new(text).size_limit(MAX_REGEX_BYTES).build().map(Self).map_err(|error| {
            // The library's message has several lines; the last one is the reason.
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            ParseError::new(format!("it is not a regular expression: {why}"), "see the syntax at docs.rs/regex")
        })
    }
}

/// A required header.
#[derive(Clone, Debug, PartialEq)]
pub struct HeaderAssertion {
    /// In lower case.
    pub name: String,
    /// What its value must match.
    pub pattern: Option<BodyAssertion>,
}

impl FromStr for HeaderAssertion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            None => Ok(Self { name: header_name(text)?, pattern: None }),
            Some((name, pattern)) => Ok(Self { name: header_name(name)?, pattern: Some(pattern.trim().parse()?) }),
        }
    }
}

/// A required value in a JSON document.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonAssertion {
    /// Its JSON pointer (RFC 6901).
    pub pointer: String,
    /// The expected value. Text that is not JSON is a string.
    pub value: Value,
}

impl FromStr for JsonAssertion {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parts = text.split_once('=').filter(|(pointer, _)| pointer.is_empty() || pointer.starts_with('/'));
        let (pointer, value) = parts.ok_or_else(|| {
            ParseError::new("it is not a JSON pointer with a value", "write it as /status=ok or /checks/0/ready=true")
        })?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { pointer: pointer.to_owned(), value })
    }
}

/// A latency target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatencyTarget {
    /// Connecting.
    Connect(Duration),
    /// The response.
    Answer(Duration),
}

impl FromStr for LatencyTarget {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once('=') {
            None => parse_duration(text).map(Self::Answer),
            Some(("answer", time)) => parse_duration(time).map(Self::Answer),
            Some(("connect", time)) => parse_duration(time).map(Self::Connect),
            Some(_) => Err(ParseError::new(
                "only connect and answer have latency targets",
                "write 200ms, connect=10ms or answer=200ms",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_shown() {
        let header: RequestHeader = "Authorization: Bearer secret".parse().unwrap();
        assert_eq!(format!("{header:?}"), "authorization: ***");
        assert_eq!((header.name.as_str(), header.value.as_str()), ("authorization", "Bearer secret"));

        let body: RequestBody = "secret".parse().unwrap();
        assert_eq!((format!("{body:?}"), body.as_bytes()), ("6 bytes".to_owned(), &b"secret"[..]));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for path in ["", "health", "/a b", "/a\r\nX: y", "/é", "/#top"] {
            assert!(path.parse::<HttpPath>().is_err(), "{path}");
        }
        for header in ["", "x", ": y", "a b: c", "x: a\r\nb", "Content-Length: 5", "transfer-encoding: chunked"] {
            assert!(header.parse::<RequestHeader>().is_err(), "{header:?}");
        }
        let bad = "a{1000}{1000}{1000}".parse::<BodyAssertion>().unwrap_err().to_string();
        assert!(bad.starts_with("it is not a regular expression: "), "{bad}");
        let bad = "(".parse::<BodyAssertion>().unwrap_err().to_string();
        assert_eq!(bad, "it is not a regular expression: unclosed group");
        assert!("CONNECT".parse::<Method>().is_err());
        assert!("status=ok".parse::<JsonAssertion>().is_err());
        assert!("slow".parse::<LatencyTarget>().is_err());
        assert!("read=1s".parse::<LatencyTarget>().is_err());
    }

    #[test]
    fn json_values_are_json_where_they_can_be() {
        let value = |text: &str| text.parse::<JsonAssertion>().unwrap().value;
        assert_eq!(value("/a=true"), Value::Bool(true));
        assert_eq!(value("/a=ok"), Value::String("ok".into()));
        assert_eq!(value("=\"1\""), Value::String("1".into()));
    }
}
