//! Connection strings that are no URLs, or that hold their host in another place than URLs do: each as the URL of the same
//! place. Names and passwords are left out, which no check needs.

/// The URL of the place that a connection string leads to; `None` if it is none of these.
///
/// | string | of |
/// |---|---|
/// | `app:pw@tcp(db:3306)/shop` | Go's driver for MySQL |
/// | `host=db port=5433 dbname=shop` | libpq |
/// | `postgresql:///shop?host=db&port=5433`, `postgresql://%2Frun%2Fpostgresql/shop` | libpq |
/// | `Server=db,1433;Database=shop`, `Host=db;Port=5433` | ADO.NET |
/// | `jdbc:oracle:thin:@db:1521:ORCL`, `jdbc:oracle:thin:@//db:1521/shop` | Oracle |
/// | `http+unix://%2Frun%2Fapp.sock/path` | requests-unixsocket, Docker's clients |
pub(super) fn as_url(text: &str) -> Option<String> {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    // The path of a socket.
    if text.starts_with(['/', '.', '@']) {
        return None;
    }

    match text.split_once("://") {
        Some((scheme, rest)) => of_url(scheme, rest),
        None => go(text).or_else(|| oracle(text)).or_else(|| keywords(text)).or_else(|| properties(text)),
    }
}

/// The URLs that hold their host in the query, or a path in the place of the host.
fn of_url(scheme: &str, rest: &str) -> Option<String> {
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = authority.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);

    if scheme == "http+unix" {
        return Some(format!("unix:{}", decoded(host)?));
    }
    // SQLAlchemy's names have a driver.
    match scheme.split('+').next()? {
        "postgresql" | "postgres" if host.is_empty() || host.starts_with("%2") => {
            let (path, path_port) = host.split_once(':').unwrap_or((host, ""));
            let host = if path.is_empty() { decoded(parameter(query, "host=")?)? } else { decoded(path)? };
            Some(postgresql(&host, parameter(query, "port=").unwrap_or(path_port)))
        }
        _ => None,
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|word| word.strip_prefix(name))
}

/// `app:pw@tcp(db:3306)/shop`
fn go(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("@tcp(")?;
    Some(format!("mysql://{}", rest.split(')').next().unwrap_or_default()))
}

/// `oracle:thin:@db:1521:ORCL`, `oracle:thin:app/pw@//db:1521/shop`: what follows the port is the name of the database.
fn oracle(text: &str) -> Option<String> {
    let (_, place) = text.strip_prefix("oracle:")?.rsplit_once('@')?;
    let place = place.strip_prefix("//").unwrap_or(place).split('/').next().unwrap_or_default();
    let end_of_address = place.find(']').unwrap_or(0);
    let mut parts = place.get(end_of_address..)?.splitn(3, ':');
    let (head, port) = (parts.next()?, parts.next());
    let host = place.get(..end_of_address + head.len())?;
    Some(port.map_or_else(|| format!("oracle://{host}"), |port| format!("oracle://{host}:{port}")))
}

/// libpq's `host=db port=5433 dbname=shop`: every word is a keyword with its value, and one of them is the host.
fn keywords(text: &str) -> Option<String> {
    let pairs: Vec<(&str, &str)> = text.split_whitespace().map(|word| word.split_once('=')).collect::<Option<_>>()?;
    if text.contains(';') {
        return None;
    }
    let (host, port) = (property(&pairs, &["host", "hostaddr"])?, property(&pairs, &["port"]));
    Some(postgresql(host.trim_matches('\''), port.unwrap_or_default().trim_matches('\'')))
}

/// ADO.NET's `Server=tcp:db,1433;Database=shop`. `Server` with a port of its own may be of several databases.
fn properties(text: &str) -> Option<String> {
    let words = text.split(';').map(str::trim).filter(|word| !word.is_empty());
    let pairs: Vec<(&str, &str)> = words.map(|word| word.split_once('=')).collect::<Option<_>>()?;
    if !text.contains(';') {
        return None;
    }

    let port = property(&pairs, &["port"]);
    if let Some(host) = property(&pairs, &["host"]) {
        return Some(postgresql(host, port.unwrap_or_default()));
    }
    let server = property(&pairs, &["server", "data source", "addr", "address", "network address"])?;
    let server = server.strip_prefix("tcp:").unwrap_or(server);
    if let Some(port) = port {
        return Some(format!("tcp://{}", with_port(server, port)));
    }
    // The name of an instance does not lead to its port, which SQL Server's browser knows.
    let (host, port) = server.split_once(',').unwrap_or((server, ""));
    let host = host.split('\\').next().unwrap_or_default();
    Some(format!("mssql://{}", with_port(host, port.trim())))
}

/// The value of the first property with one of these names.
fn property<'t>(pairs: &[(&'t str, &'t str)], names: &[&str]) -> Option<&'t str> {
    let named = pairs.iter().find(|(key, _)| names.iter().any(|name| key.trim().eq_ignore_ascii_case(name)));
    named.map(|(_, value)| value.trim())
}

/// A host, several of them, or the directory of a socket.
fn postgresql(host: &str, port: &str) -> String {
    if host.starts_with('/') {
        let port = if port.is_empty() { "5432" } else { port };
        return format!("unix:{host}/.s.PGSQL.{port}");
    }
    // One port for all hosts, or one for each.
    let mut ports = port.split(',');
    let last = port.split(',').next_back().unwrap_or_default();
    let hosts: Vec<String> = host.split(',').map(|host| with_port(host, ports.next().unwrap_or(last))).collect();
    format!("postgresql://{}", hosts.join(","))
}

fn with_port(host: &str, port: &str) -> String {
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    if port.is_empty() { host } else { format!("{host}:{port}") }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_decoded(text)).ok()
}

/// A part of a URL without its percent-encoding.
pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());

    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_string_leads_to_its_place() {
        for (text, url) in [
            ("u:p@tcp(h:3307)/db", "mysql://h:3307"),
            ("jdbc:oracle:thin:@h:1521:ORCL", "oracle://h:1521"),
            ("jdbc:oracle:thin:@//h:1521/svc", "oracle://h:1521"),
            ("jdbc:oracle:thin:u/p@[::1]:1522:ORCL", "oracle://[::1]:1522"),
            ("jdbc:oracle:thin:@h/svc", "oracle://h"),
            ("host=h port=5433 dbname=x", "postgresql://h:5433"),
            ("host=a,b port=1,2 password=x", "postgresql://a:1,b:2"),
            ("host=/run/postgresql dbname=x", "unix:/run/postgresql/.s.PGSQL.5432"),
            ("hostaddr=::1 user=x", "postgresql://[::1]"),
            ("postgresql:///db?host=h&port=5433", "postgresql://h:5433"),
            ("postgresql:///db?host=%2Frun&port=5433", "unix:/run/.s.PGSQL.5433"),
            ("postgresql://u:p@%2Frun%2Fpostgresql/db", "unix:/run/postgresql/.s.PGSQL.5432"),
            ("postgresql+asyncpg:///db?host=h", "postgresql://h"),
            ("postgres://%2Frun:5433/db", "unix:/run/.s.PGSQL.5433"),
            ("Server=h,1433;Database=x", "mssql://h:1433"),
            ("Data Source=tcp:h\\SQLEXPRESS;User ID=x", "mssql://h"),
            ("Server=h;Port=3307;Uid=x", "tcp://h:3307"),
            ("Host=h;Port=5433;Password=x", "postgresql://h:5433"),
            ("http+unix://%2Frun%2Fdocker.sock/info", "unix:/run/docker.sock"),
        ] {
            assert_eq!(as_url(text).as_deref(), Some(url), "{text}");
        }
    }

    #[test]
    fn other_words_stay_as_they_are() {
        for text in [
            "",
            "db:5432",
            "k8s/shop/web",
            "postgresql://h:5433/db?host=x",
            "postgresql:///db",
            "http://h/?host=x",
            "user=x dbname=y",
            "name=host",
            "Database=x;Trusted=yes",
            "/run/x=y;server=z",
            "a b",
        ] {
            assert_eq!(as_url(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_accepted(
            begin in "(jdbc:oracle:thin:@|postgresql://|http\\+unix://|host=|Server=|u@tcp\\()?",
            text in "[a-z0-9=;:@/%,?& \\[\\]()'ü]{0,30}",
        ) {
            let _ = as_url(&format!("{begin}{text}"));
        }
    }
}
