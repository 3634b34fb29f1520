use std::path::PathBuf;
use std::time::Duration;

use http::Request;
use kube::client::Body;
use proptest::prelude::*;

use super::*;
use crate::source::k8s::api::client;

/// Every key that portolan reads. The servers are on loopback, and nothing listens there.
const VALID: &str = "\
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: https://127.0.0.1:1
    certificate-authority: ca.pem
    certificate-authority-data: \"\"
    insecure-skip-tls-verify: true
    disable-compression: true
    tls-server-name: kubernetes
    proxy-url: http://127.0.0.1:1
contexts:
- name: test
  context:
    cluster: test
    user: tester
    namespace: shop
users:
- name: tester
  user:
    token: a-token
    tokenFile: token
    username: jane
    password: secret
    client-certificate: client.pem
    client-certificate-data: \"\"
    client-key: client.key
    client-key-data: \"\"
    as: jane
    as-uid: 1000
    as-groups: [a, b]
    as-user-extra: {reason: [why]}
    auth-provider: {name: oidc, config: {id-token: a-token}}
    exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false', provideClusterInfo: true}
";

/// Values that a client could trip over.
const NASTY: [&str; 34] = [
    "",
    "''",
    "null",
    "~",
    "[]",
    "{}",
    "0",
    "true",
    "- ",
    ": ",
    "\"a\\nb\"",
    "\"\\0\"",
    "\"a\\n\"",
    "|\n      text",
    ">-\n      text\n      more",
    "127.0.0.1:1",
    "127.0.0.1",
    "http://127.0.0.1:65979",
    "https://127.0.0.1:0",
    "https://",
    "http://:1",
    "http://127.0.0.1:1/base/?query#fragment",
    "//127.0.0.1:1",
    "https://[::1]:1",
    "https://[127.0.0.1]:1",
    "https://user@127.0.0.1:1",
    "/",
    "*",
    "socks5://127.0.0.1:1",
    "socks5://a:b@127.0.0.1",
    "../..",
    "%zz",
    "\u{1f4a5}",
    "QUJD\n      REVG",
];

/// One change of a text.
#[derive(Clone, Debug)]
enum Mutation {
    /// Replaces the value of a line.
    Value(usize, &'static str),
    /// Removes a line.
    Remove(usize),
    /// Repeats a line.
    Repeat(usize),
    /// Overwrites a byte.
    Byte(usize, u8),
    /// Cuts the text off.
    Cut(usize),
    /// Puts bytes before the text.
    Prefix(&'static [u8]),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        8 => (any::<usize>(), prop::sample::select(NASTY.to_vec())).prop_map(|(line, text)| Mutation::Value(line, text)),
        6 => any::<usize>().prop_map(Mutation::Remove),
        1 => any::<usize>().prop_map(Mutation::Repeat),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        1 => any::<usize>().prop_map(Mutation::Cut),
        1 => prop::sample::select(vec![&b"\xFF\xFE"[..], b"\xFE\xFF", b"\xEF\xBB\xBF", b"\0"]).prop_map(Mutation::Prefix),
    ]
}

fn mutated(mut text: Vec<u8>, mutation: &Mutation) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let count = lines.len();

    match mutation {
        Mutation::Value(at, value) => {
            let at = at % count;
            let key = lines[at].iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
            lines[at].truncate(key);
            lines[at].extend_from_slice(format!(" {value}").as_bytes());
        }
        Mutation::Remove(at) => drop(lines.remove(at % count)),
        Mutation::Repeat(at) => lines.insert(at % count, lines[at % count].clone()),
        Mutation::Byte(at, byte) => {
            let at = at % text.len().max(1);
            if let Some(old) = text.get_mut(at) {
                *old = *byte;
            }
            return text;
        }
        Mutation::Cut(at) => {
            text.truncate(at % (text.len() + 1));
            return text;
        }
        Mutation::Prefix(bytes) => return [bytes, text.as_slice()].concat(),
    }

    lines.join(&b'\n')
}

/// Reads a kubeconfig, makes a client of it, and sends a request if that stays on this machine.
fn use_kubeconfig(runtime: &tokio::runtime::Runtime, file: PathBuf) {
    let options = K8s { kubeconfig: vec![file], timeout: Duration::from_millis(200), ..K8s::default() };
    runtime.block_on(async {
        let Ok(config) = options.config(Deadline::after(Duration::from_secs(5))).await else { return };
        let hosts = [Some(&config.cluster_url), config.proxy_url.as_ref()];
        let is_local = hosts.into_iter().flatten().all(|url| matches!(url.host(), Some("127.0.0.1" | "[::1]")));

        let Ok(client) = client(config, options.timeout) else { return };
        if is_local {
            let request = Request::get("/version").body(Body::empty()).unwrap();
            let _ = tokio::time::timeout(options.timeout, client.send(request)).await;
        }
    });
}

/// The valid kubeconfig with only these of its optional keys: some of them contradict each other.
fn with_keys(keep: &[bool]) -> Vec<u8> {
    let mut keep = keep.iter();
    let mut lines: Vec<&str> = VALID.lines().collect();
    lines.retain(|line| !is_optional(line) || keep.next().is_some_and(|keep| *keep));
    lines.join("\n").into_bytes()
}

fn is_optional(line: &str) -> bool {
    line.starts_with("    ") && !["server:", "cluster:", "user:"].contains(&word(line))
}

fn word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_kubeconfig_panics(
        keep in prop::collection::vec(prop::bool::weighted(0.3), 32),
        mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        let directory = std::env::temp_dir().join(format!("portolan-kubeconfig-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("token"), "a-token\n").unwrap();
        std::fs::write(directory.join("config"), mutations.iter().fold(with_keys(&keep), mutated)).unwrap();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        use_kubeconfig(&runtime, directory.join("config"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
