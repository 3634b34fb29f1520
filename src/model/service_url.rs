//! A service as a URL, or as the connection string (DSN) of a database or a message broker.

use std::borrow::Cow;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Position, Url};

use super::dsn::{as_url, percent_decoded};
use super::{CheckSpec, HostPort, HttpPath, ParseError, RequestHeader};
use crate::clean::clean;
use crate::error::nearest;

/// A service as its users write it: `https://shop.test/health`, `postgresql://user:password@db/shop`, `unix:///run/x.sock`.
///
/// Passwords are not kept, except those of HTTP, which become a header.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceUrl {
    /// Where it serves.
    pub place: UrlPlace,
    /// What the URL says about its protocol and its requests.
    pub spec: CheckSpec,
}

/// Where a [`ServiceUrl`] leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlPlace {
    /// One or more hosts, all with the same service.
    Hosts(Vec<HostPort>),
    /// A Unix-domain socket.
    Socket(PathBuf),
}

const HINT: &str = "write it as https://host:port/path";

/// The schemes of services with hosts: the scheme, its protocol, and the port that it stands for.
const SCHEMES: [(&str, &str, Option<u16>); 38] = [
    ("grpc", "grpc", None),
    ("grpcs", "grpcs", None),
    ("tls", "tls", None),
    ("tcp", "tcp", None),
    ("redis", "redis", Some(6379)),
    ("rediss", "rediss", Some(6379)),
    ("postgresql", "postgresql", Some(5432)),
    ("postgres", "postgresql", Some(5432)),
    ("mysql", "mysql", Some(3306)),
    ("mariadb", "mysql", Some(3306)),
    ("smtp", "smtp", Some(25)),
    ("imap", "imap", Some(143)),
    ("pop3", "pop3", Some(110)),
    ("ftp", "ftp", Some(21)),
    ("ssh", "ssh", Some(22)),
    ("nats", "nats", Some(4222)),
    ("memcached", "memcached", Some(11211)),
    ("zookeeper", "zookeeper", Some(2181)),
    ("amqp", "amqp", Some(5672)),
    ("amqps", "amqps", Some(5671)),
    ("mongodb", "mongodb", Some(27017)),
    ("kafka", "kafka", Some(9092)),
    ("mqtt", "mqtt", Some(1883)),
    ("mqtts", "mqtts", Some(8883)),
    ("cassandra", "cassandra", Some(9042)),
    ("mssql", "mssql", Some(1433)),
    ("sqlserver", "mssql", Some(1433)),
    ("ldap", "ldap", Some(389)),
    ("redis-sentinel", "redis", Some(26379)),
    ("cockroachdb", "postgresql", Some(26257)),
    ("oracle", "tcp", Some(1521)),
    ("clickhouse", "tcp", Some(9000)),
    ("ws", "tcp", Some(80)),
    ("wss", "tls", Some(443)),
    // The names of Kafka's listeners.
    ("plaintext", "kafka", Some(9092)),
    ("sasl_plaintext", "kafka", Some(9092)),
    ("ssl", "tls", None),
    ("sasl_ssl", "tls", None),
];

impl ServiceUrl {
    /// Whether a text is meant as a URL.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://") || text.starts_with("unix:") || as_url(text).is_some()
    }
}

impl FromStr for ServiceUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let url = as_url(text);
        let text = url.as_deref().unwrap_or(text);
        // Java's programs write a DSN so.
        let text = text.strip_prefix("jdbc:").unwrap_or(text);
        let (scheme, rest) = text.split_once(':').ok_or_else(|| ParseError::new("it is not a URL", HINT))?;
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.strip_prefix("//").unwrap_or(rest);

        match scheme.as_str() {
            "unix" if rest.len() > 1 && rest.starts_with(['/', '.', '@']) => {
                Ok(Self { place: UrlPlace::Socket(rest.into()), spec: CheckSpec::default() })
            }
            "unix" => Err(ParseError::new("it has no path", "write it as unix:///run/app.sock")),
            "http" | "https" => web(&scheme, rest),
            "mongodb+srv" => Err(ParseError::new(
                "its hosts are in DNS records (SRV), which are not read",
                "name the hosts, as in mongodb://HOST:27017",
            )),
            _ => with_hosts(&scheme, rest),
        }
    }
}

/// `http://`, `https://`: the URL standard knows the parts.
fn web(scheme: &str, rest: &str) -> Result<ServiceUrl, ParseError> {
    // The URL standard would take the path for the host.
    if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
        return Err(ParseError::new("it has no host", HINT));
    }

    let (rest, zone) = without_zone(rest);
    let url = Url::parse(&format!("{scheme}://{rest}"))
        .map_err(|error| ParseError::new(format!("it is not a URL: {error}"), HINT))?;
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => format!("[{ip}{}]", zone.map(|zone| format!("%{zone}")).unwrap_or_default()),
        None => return Err(ParseError::new("it has no host", HINT)),
    };
    let at = parse_host(&format!("{host}:{}", url.port_or_known_default().unwrap_or(80)), None)?;

    let path = &url[Position::BeforePath..Position::AfterQuery];
    let path = (path != "/").then(|| path.parse::<HttpPath>()).transpose()?;
    // The certificate must cover the host, even if that is an address.
    let bare = host.trim_matches(['[', ']']).split('%').next().unwrap_or_default();
    let server_name = (scheme == "https").then(|| bare.to_owned());

    let header = basic_authorization(&url).into_iter().collect();
    let spec = CheckSpec { protocol: Some(scheme.to_owned()), path, server_name, header, ..CheckSpec::default() };
    Ok(ServiceUrl { place: UrlPlace::Hosts(vec![at]), spec })
}

/// Takes the zone out of a bracketed address, which the URL standard does not know: `[fe80::1%25eth0]` (RFC 6874), or
/// `[fe80::1%eth0]` as people write it.
fn without_zone(rest: &str) -> (Cow<'_, str>, Option<&str>) {
    let inside = rest.find('[').zip(rest.find(']')).filter(|(open, close)| open < close);
    let zone = inside.and_then(|(open, close)| Some((open + rest[open..close].find('%')?, close)));
    let Some((start, end)) = zone else { return (rest.into(), None) };

    let zone = &rest[start + 1..end];
    let plain = format!("{}{}", &rest[..start], &rest[end..]);
    (plain.into(), Some(zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone)))
}

/// The user and the password of a URL, as HTTP sends them (RFC 7617).
fn basic_authorization(url: &Url) -> Option<RequestHeader> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }

    let mut credentials = percent_decoded(url.username());
    credentials.push(b':');
    credentials.extend(percent_decoded(url.password().unwrap_or_default()));
    Some(RequestHeader { name: "authorization".to_owned(), value: format!("Basic {}", base64(&credentials)) })
}

/// Standard base64 with padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);

    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = DIGITS[number >> (18 - 6 * at) & 63];
            text.push(if at > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// `scheme://user:password@host:port,host:port/path?query`. Only the hosts matter: portolan never logs in.
fn with_hosts(scheme: &str, rest: &str) -> Result<ServiceUrl, ParseError> {
    // SQLAlchemy's names have a driver: postgresql+asyncpg.
    let base = scheme.split('+').next().unwrap_or_default();
    let Some((_, protocol, port)) = SCHEMES.iter().find(|(known, ..)| *known == base) else {
        return Err(unknown(scheme));
    };

    // SQL Server's properties follow a semicolon.
    let authority = rest.split(['/', '?', '#', ';']).next().unwrap_or_default();
    let after = rest.get(authority.len()..).unwrap_or_default();
    if !authority.contains('@') && after.starts_with(['/', '#']) && has_user_after(authority, after) {
        let hint = "in a password, write %2F for / and %23 for #";
        return Err(ParseError::new("its password ends at a / or #", hint));
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let hosts = hosts.split(',').map(|host| parse_host(host, *port)).collect::<Result<Vec<_>, _>>()?;

    let spec = CheckSpec { protocol: Some((*protocol).to_owned()), ..CheckSpec::default() };
    Ok(ServiceUrl { place: UrlPlace::Hosts(hosts), spec })
}

/// Whether what looks like a host and a path is a user with a password: the port is no number, and the real host follows.
fn has_user_after(authority: &str, after: &str) -> bool {
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    !port.is_empty() && !port.bytes().all(|byte| byte.is_ascii_digit()) && after.contains('@')
}

/// `host:port`, or a host alone where the scheme stands for a port.
fn parse_host(text: &str, default_port: Option<u16>) -> Result<HostPort, ParseError> {
    let is_path = text.starts_with(['/', '.', '@']);
    if text.is_empty() || is_path {
        return Err(ParseError::new("the host is missing", HINT));
    }

    let (text, zone) = without_zone(text);
    let text = zone.map_or_else(|| text.to_string(), |zone| text.replacen(']', &format!("%{zone}]"), 1));
    let has_port = text.rsplit_once(']').map_or(text.as_str(), |(_, after)| after).contains(':');
    match default_port.filter(|_| !has_port) {
        Some(port) => format!("{text}:{port}").parse(),
        None => text.parse(),
    }
}

/// The usual port of a scheme.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => SCHEMES.iter().find(|(known, ..)| *known == scheme).and_then(|(_, _, port)| *port),
    }
}

fn unknown(scheme: &str) -> ParseError {
    let known: Vec<&str> =
        ["http", "https", "unix"].into_iter().chain(SCHEMES.iter().map(|(scheme, ..)| *scheme)).collect();
    let scheme_text = clean(scheme);
    let why: Cow<'static, str> = match nearest(scheme, &known) {
        Some(near) => format!("unknown scheme {scheme_text} (did you mean {near}?)").into(),
        None => format!("unknown scheme {scheme_text}").into(),
    };
    ParseError::new(why, HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Vec<String>, Option<String>) {
        let ServiceUrl { place, spec } = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let hosts = match place {
            UrlPlace::Hosts(hosts) => hosts.iter().map(ToString::to_string).collect(),
            UrlPlace::Socket(path) => vec![path.to_string_lossy().into_owned()],
        };
        (hosts, spec.protocol)
    }

    /// U4: the connection strings that other programs take.
    #[test]
    fn connection_strings_have_hosts_and_a_protocol() {
        for (text, hosts, protocol) in [
            ("postgresql://h:5433/mydb", &["h:5433"][..], "postgresql"),
            ("postgres://u:p@h/mydb?sslmode=require", &["h:5432"], "postgresql"),
            ("postgresql+asyncpg://u:p@h/mydb", &["h:5432"], "postgresql"),
            ("jdbc:postgresql://h/mydb", &["h:5432"], "postgresql"),
            ("mysql://u@[::1]/x", &["[::1]:3306"], "mysql"),
            ("redis://:p@h/0", &["h:6379"], "redis"),
            ("rediss://h:6380", &["h:6380"], "rediss"),
            ("amqp://guest:guest@h/%2f", &["h:5672"], "amqp"),
            ("mongodb://u:p@a,b:27018/db?replicaSet=r", &["a:27017", "b:27018"], "mongodb"),
            ("kafka://a:9093,b", &["a:9093", "b:9092"], "kafka"),
            ("NATS://h", &["h:4222"], "nats"),
            ("http://[fe80::1]x", &[], ""),
            ("http://[fe80::1%25eth0]/x", &["[fe80::1%eth0]:80"], "http"),
            ("redis://[fe80::1%eth0]", &["[fe80::1%eth0]:6379"], "redis"),
            ("http://h/x", &["h:80"], "http"),
            ("https://h:8443", &["h:8443"], "https"),
            ("tcp://h:1", &["h:1"], "tcp"),
        ] {
            if hosts.is_empty() {
                assert!(text.parse::<ServiceUrl>().is_err(), "{text}");
            } else {
                assert_eq!(parts(text), (hosts.iter().map(ToString::to_string).collect(), Some(protocol.into())));
            }
        }

        for (text, host, protocol) in [
            ("app:pw@tcp(localhost:3306)/x", "localhost:3306", "mysql"),
            ("sqlserver://localhost:1433;database=x", "localhost:1433", "mssql"),
            ("jdbc:sqlserver://db;encrypt=true", "db:1433", "mssql"),
            ("jdbc:oracle:thin:@h:1521:ORCL", "h:1521", "tcp"),
            ("host=h port=5433 dbname=x", "h:5433", "postgresql"),
            ("Server=h;Database=x", "h:1433", "mssql"),
            ("redis-sentinel://h/0#m", "h:26379", "redis"),
            ("ws://h/x", "h:80", "tcp"),
            ("PLAINTEXT://h:9092", "h:9092", "kafka"),
            ("cockroachdb://h/db", "h:26257", "postgresql"),
        ] {
            assert_eq!(parts(text), (vec![host.to_owned()], Some(protocol.to_owned())), "{text}");
        }
        let socket = "/run/postgresql/.s.PGSQL.5432".to_owned();
        for text in ["postgresql:///app?host=/run/postgresql", "postgres://u@/app?sslmode=off&host=%2Frun%2Fpostgresql"]
        {
            assert_eq!(parts(text), (vec![socket.clone()], None), "{text}");
        }

        for path in ["/run/x.sock", "@name", "./x"] {
            for text in [format!("unix:{path}"), format!("unix://{path}")] {
                assert_eq!(parts(&text), (vec![path.to_owned()], None), "{text}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, why) in [
            ("tcp://h", "the port is missing"),
            ("grpc://", "the host is missing"),
            ("http:///x", "it has no host"),
            ("redis:///0", "the host is missing"),
            ("postgresql://h:x/db", "the port is not a number from 1 to 65535"),
            ("postgres://u:p#w@localhost:5432/app", "its password ends at a / or #"),
            ("postgres://u:p/w@localhost:5432/app", "its password ends at a / or #"),
            ("gopher://h", "unknown scheme gopher"),
            ("postgrs://h", "unknown scheme postgrs (did you mean postgres?)"),
            ("unix://", "it has no path"),
        ] {
            assert_eq!(text.parse::<ServiceUrl>().expect_err(text).to_string(), why, "{text}");
        }
    }

    /// The value is that of `curl --user 'me:p@ss%'`.
    #[test]
    fn credentials_of_http_become_a_header() {
        let ServiceUrl { spec, .. } = "http://me:p%40ss%25@h/".parse().unwrap();
        assert_eq!(spec.header[0].value, "Basic bWU6cEBzcyU=");
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
        assert!(!format!("{spec:?}").contains("bWU6"));
    }
}
