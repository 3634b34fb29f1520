//! Four hundred spellings of secrets, and texts that have none.

use super::*;

/// A part of every secret below; no text may show it.
const MARK: &str = "QQ7";

/// Passwords with what confuses parsers.
const PASSWORDS: [&str; 10] =
    ["QQ7", "QQ7/QQ7", "QQ7@QQ7", "QQ7:QQ7", "QQ7?QQ7", "QQ7#QQ7", "QQ7%40QQ7", "QQ7'QQ7", "QQ7+QQ7=", "éQQ7é"];

/// What URLs begin with.
const SCHEMES: [&str; 11] =
    ["postgresql", "postgres", "mysql", "redis", "rediss", "amqp", "mongodb+srv", "nats", "https", "HTTP", "consul"];

/// Names whose values are secrets, as options, variables, parameters and keys spell them.
const NAMES: [&str; 24] = [
    "password",
    "PASSWORD",
    "Passwd",
    "pwd",
    "PGPASSWORD",
    "db_password",
    "db-password",
    "sslpassword",
    "passphrase",
    "secret",
    "client_secret",
    "JWT_SECRET",
    "token",
    "access_token",
    "refresh-token",
    "CONSUL_HTTP_TOKEN",
    "PORTOLAN_TOKEN",
    "api_key",
    "apiKey",
    "X-Amz-Signature",
    "AWS_SECRET_ACCESS_KEY",
    "private_key",
    "credential",
    "auth.jwt.secret",
];

/// Headers with credentials.
const HEADERS: [&str; 12] = [
    "Authorization: Bearer QQ7",
    "authorization: bearer QQ7",
    "AUTHORIZATION:Basic UVE3QQ7==",
    "Proxy-Authorization: Basic QQ7",
    "Cookie: session=QQ7; other=QQ7",
    "Set-Cookie: id=QQ7; Secure",
    "X-Api-Key: QQ7",
    "x-api-key:QQ7",
    "X-Auth-Token: QQ7 QQ7",
    "X-Consul-Token: QQ7",
    "PRIVATE-TOKEN: QQ7",
    "Api-Key: QQ7",
];

/// Whole values, and sentences with one in them.
fn spellings() -> Vec<String> {
    let mut spellings = Vec::new();
    for scheme in SCHEMES {
        for password in PASSWORDS {
            spellings.push(format!("{scheme}://user:{password}@db.example:5432/shop"));
            spellings.push(format!("cannot use target '{scheme}://:{password}@db.example': no port"));
        }
        spellings.push(format!("{scheme}://QQ7@db.example/x"));
        spellings.push(format!("{scheme}://db.example/x?user=u&password=QQ7&x=1"));
    }
    for password in PASSWORDS {
        spellings.push(format!("user:{password}@db.example:5432"));
        spellings.push(format!("user:{password}@tcp(db.example:3306)/shop"));
        spellings.push(format!("//user:{password}@db.example"));
    }
    for name in NAMES {
        spellings.push(format!("https://db.example/x?{name}=QQ7"));
        spellings.push(format!("host=db.example user=u {name}=QQ7 dbname=x"));
        spellings.push(format!("Server=db.example;{name}='QQ7 QQ7';Encrypt=yes"));
        spellings.push(format!("{name} = \"QQ7\\\"QQ7\""));
        spellings.push(format!("{{\"host\":\"db.example\",\"{name}\": \"QQ7\"}}"));
        spellings.push(format!("{name}='QQ7': it is not a value for db.example"));
    }

    for header in HEADERS {
        spellings.push(header.to_owned());
        spellings.push(format!("cannot use --header '{header}': db.example"));
    }
    let others = [
        "sent Bearer QQ7aaaa to db.example",
        "eyJQQ7.eyJQQ7.QQ7-_",
        "key ptl_3f9c0a1b2c3d_QQ7QQ7 is unknown",
        "--token=QQ7",
        "db.example#access_token=QQ7&x=1",
    ];
    spellings.extend(others.map(str::to_owned));

    spellings
}

#[test]
fn no_spelling_of_a_secret_is_shown() {
    let spellings = spellings();
    assert!(spellings.len() >= 400, "{}", spellings.len());
    let mut wrong = Vec::new();
    for text in &spellings {
        for shown in [redacted(text), redacted_url(text)] {
            if shown.contains(MARK) || shown.contains("db.example") != text.contains("db.example") {
                wrong.push(format!("{text}\n    is shown as {shown}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_without_secrets_stays_as_it_is() {
    for text in [
        "cannot read /etc/portolan/token: No such file or directory",
        "the program '/usr/bin/credentials': it failed (exit status: 4)",
        "its file 'token': No such file or directory",
        "hint: set PORTOLAN_TOKEN, or name a file with --token-file",
        "target 'db:5432': connection refused",
        "127.0.0.1:5432 accepts connections after 0.0 s",
        "[::1]:80 and [fe80::1%eth0]:80",
        "admin@example.org wrote to root@localhost",
        "unit user@1000.service of system:serviceaccount:shop:default",
        "https://h:443/x@y?v=1 http://[::1]:80/@",
        "mongodb://a:1,b:2/db",
        "the password is wrong: try again",
        "the token: expired at 2026-11-29T10:00:00Z",
        "a Bearer token is missing; basic authentication is refused",
        "scope=all state=listen",
        "--key client.key --cert client.pem",
        "Content-Type: application/json",
        "hint: set it, or write ${API_KEY:-default}",
    ] {
        assert_eq!(redacted(text), text);
    }
}

#[test]
fn the_rest_of_a_sentence_stays() {
    for (text, shown) in [
        ("postgresql://u:QQ7@127.0.0.1:5432/db", "postgresql://***@127.0.0.1:5432/db"),
        ("redis://:QQ7@h", "redis://***@h"),
        ("amqp://QQ7@h/x?a=1", "amqp://***@h/x?a=1"),
        ("http://u:Q/cr@et@h:80/x", "http://***@h:80/x"),
        ("mongodb://u:QQ7@a:1,b:2/db", "mongodb://***@a:1,b:2/db"),
        ("postgresql://h/db?user=u&password=QQ7", "postgresql://h/db?user=u&password=***"),
        ("https://h/x?api_key=QQ7&v=1", "https://h/x?api_key=***&v=1"),
        (
            "cannot use 'redis://u:QQ7@h:1': no port, 'http://h/?token=QQ7': why",
            "cannot use 'redis://***@h:1': no port, 'http://h/?token=***': why",
        ),
        ("--header 'Authorization: Bearer QQ7': why", "--header 'Authorization: ***': why"),
        ("u:QQ7@db:5432 is down", "***@db:5432 is down"),
        ("cannot use 'scott/QQ7@db:1521/X': why", "cannot use '***@db:1521/X': why"),
        ("shop/web@sha256:0f3ae0 runs", "shop/web@sha256:0f3ae0 runs"),
    ] {
        assert_eq!(redacted(text), shown, "{text}");
    }

    assert_eq!(redacted_url("http://u:Q7 x@h/"), "http://***@h/");
}

#[test]
fn a_parameter_is_a_secret_however_its_name_is_written() {
    for name in ["p%61ssword", "user[password]", "subscription-key", "jwt", "session", "AccountKey"] {
        assert_eq!(redacted_query(&format!("/x?{name}=QQ7")), format!("/x?{name}=***"), "{name}");
    }
    assert!(!redacted_url("http:///u:QQ7@127.0.0.1:1").contains("QQ7"));
    assert!(matches!(redacted_query("/x?page=7&sort=key"), Cow::Borrowed(_)));
}
