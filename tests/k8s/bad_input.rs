//! Unusable kubeconfigs, options and servers: one line with the error, one with a hint.

use std::net::TcpListener;
use std::process::Command;

use crate::double::{Authority, Double, Resource};
use crate::objects::{namespace, service};
use crate::portolan::Portolan;

const NAME_ONE: &str = "name a kubeconfig with --kubeconfig, or set KUBECONFIG";

fn with(text: &str) -> Portolan {
    Portolan::without_kubeconfig().file("config", text).args("--kubeconfig config")
}

#[test]
fn a_kubeconfig_that_cannot_be_read() {
    Portolan::without_kubeconfig().fails(
        2,
        "use ~/.kube/config: it does not exist, and portolan does not run in a pod",
        NAME_ONE,
    );
    let absent = Portolan::without_kubeconfig().args("--kubeconfig absent");
    absent.fails(2, "use kubeconfig 'absent': No such file or directory", NAME_ONE);
    let directory = Portolan::without_kubeconfig().args("--kubeconfig .");
    directory.fails(2, "use kubeconfig '.': it is a directory", NAME_ONE);
    let device = Portolan::without_kubeconfig().args("--kubeconfig /dev/zero");
    device.fails(2, "use kubeconfig '/dev/zero': it is not a regular file", NAME_ONE);
    let fifo = Portolan::without_kubeconfig().args("--kubeconfig fifo");
    assert!(Command::new("mkfifo").arg(fifo.path("fifo")).status().unwrap().success());
    fifo.fails(2, "use kubeconfig 'fifo': it is not a regular file", NAME_ONE);
    with("").fails(2, "use kubeconfig 'config': it is empty", NAME_ONE);
    with("apiVersion: v1\n").fails(2, "use kubeconfig 'config': it contains no cluster", NAME_ONE);
    let several = Portolan::without_kubeconfig().env("KUBECONFIG", "a:b");
    several.fails(2, "use kubeconfig 'b': none of these files exists", NAME_ONE);
}

#[test]
fn an_invalid_kubeconfig() {
    for text in ["\u{0}\u{1}", "a: [", "- just\n- a list\n", "clusters: 7\n", "{\"kind\":", &"[".repeat(100_000)] {
        let ran = with(text).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{text:.20}: {ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "{text:.20}: {ran:?}");
        assert!(ran.stderr.starts_with("error: cannot use kubeconfig 'config': "), "{ran:?}");
    }
}

#[test]
fn a_context_that_is_not_there() {
    let double = Double::start();
    let hint = "did you mean 'test'? its contexts are test";
    Portolan::new(&double).args("--context tesd").run_fails_in_home("there is no context 'tesd'", hint);
    let none = double.kubeconfig().text().replace("current-context: test\n", "");
    with(&none).fails(
        2,
        "use kubeconfig 'config': it has no current context",
        "its contexts are test; select one with --context",
    );
    let astray = double.kubeconfig().text().replace("- name: double", "- name: other");
    with(&astray).fails(
        2,
        "use kubeconfig 'config': its context 'test' is in a cluster 'double' that does not exist",
        "its contexts are test",
    );
}

#[test]
fn several_kubeconfigs_are_one() {
    let double = Double::start();
    double.store().put(Resource::SERVICES, service("default", "web"));
    let text = double.kubeconfig().text();
    let (clusters, rest) = text.split_once("contexts:").unwrap();
    let portolan = Portolan::without_kubeconfig().file("clusters", clusters).file("rest", format!("contexts:{rest}"));
    assert_eq!(portolan.env("KUBECONFIG", "absent:rest:clusters").services().len(), 1);
}

#[test]
fn a_selector_that_does_not_parse() {
    let double = Double::start();
    let hint = "write it as app=web,tier!=test or 'env in (dev,qa)'; fields are metadata.name and the like";
    // Before any request, and without a server to send it to.
    let serverless = || Portolan::without_kubeconfig();
    serverless().args("-A -l &&").fails(2, "use --selector '&&': '&&' is not a label key", hint);
    serverless().args("-A -l").arg("env in (a").fails(
        2,
        "use --selector 'env in (a': it contains a ( without a )",
        hint,
    );
    serverless().args("--field-selector color").fails(2, "use --field-selector 'color': 'color' has no operator", hint);
    serverless().env("K8S_LABEL_SELECTOR", "=x").fails(2, "use K8S_LABEL_SELECTOR='=x': '' is not a label key", hint);
    assert!(double.seen().is_empty());
    // Only the server knows its fields.
    Portolan::new(&double).args("--field-selector color=red").fails(
        2,
        "use --field-selector 'color=red': field label not supported: color (400)",
        hint,
    );
}

#[test]
fn a_namespace_that_is_none_or_not_there() {
    let double = Double::start();
    double.store().put_all(Resource::NAMESPACES, ["shop", "bank"].map(namespace));
    double.store().put(Resource::SERVICES, service("shop", "web"));
    let hint =
        "write lower-case letters, digits and dashes, at most 63, or a pattern with * and ?; -A selects all namespaces";
    Portolan::new(&double).args("-n ../pods").fails(2, "use --namespace '../pods': it is not a namespace name", hint);
    let hint = "did you mean 'shop'? `kubectl get namespaces` lists them";
    Portolan::new(&double).args("-n shpo").fails(2, "find namespace 'shpo': it does not exist", hint);
    let empty = Portolan::new(&double).args("-n bank").run();
    assert_eq!((empty.code, empty.stderr.as_str()), (Some(0), "nothing found\n"), "it is there, and has none");
    let (document, ran) = Portolan::new(&double).args("-n shop -n shpo").json();
    assert_eq!((document["items"].as_array().unwrap().len(), ran.code), (1, Some(3)));
    assert!(ran.stderr.contains("error: cannot find namespace 'shpo': it does not exist\n"), "{ran:?}");
}

#[test]
fn a_server_that_is_not_trusted_or_not_there() {
    let double = Double::start();
    let what = "list the services in namespace 'default'";
    let port = double.address().port();
    let at = format!("{what}: https://127.0.0.1:{port}");
    Portolan::with(&double.kubeconfig().trusting(&Authority::new("another authority"))).fails(
        3,
        &format!("{at}: the server's certificate is not signed by the kubeconfig's CA"),
        "check certificate-authority in the kubeconfig: it must be the CA that signed the server's certificate",
    );
    Portolan::with(&double.kubeconfig().server(&format!("https://127.0.0.2:{port}"))).fails(
        3,
        &format!("{what}: https://127.0.0.2:{port}: Connection refused"),
        "check the server's address in the kubeconfig, and whether it is reachable from here",
    );
    Portolan::with(&double.kubeconfig().server(&format!("http://127.0.0.1:{port}"))).fails(
        3,
        &format!("{what}: Client sent an HTTP request to an HTTPS server. (400)"),
        "write the server as https://HOST:PORT in the kubeconfig",
    );
}

/// A server that accepts connections, sends this, and nothing more.
fn says(text: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = std::io::Write::write_all(&mut stream, text);
            taken.push(stream);
        }
    });
    address
}

#[test]
fn a_server_that_is_mute_in_the_middle_of_tls_ends_with_the_deadline() {
    let double = Double::start();
    // Silence; and the header of a handshake record whose rest never comes.
    for text in [&b""[..], &[22, 3, 3, 0, 200, 2, 0, 0, 196]] {
        let server = format!("https://{}", says(text));
        let kubeconfig = double.kubeconfig().server(&server);
        let what = "list the services in namespace 'default'";
        Portolan::with(&kubeconfig).args("--timeout 1h --deadline 300ms").fails(
            3,
            &format!("{what}: the deadline of 300ms has passed"),
            "raise --deadline, or list less with -n and -l",
        );
        Portolan::with(&kubeconfig).args("--timeout 100ms --deadline 1h").fails(
            3,
            &format!("{what}: {server}: no complete reply within 100ms"),
            "raise --timeout, or check the network path to the server",
        );
    }
}

#[test]
fn a_silent_server_is_given_up_within_twice_the_timeout() {
    let double = Double::start();
    let kubeconfig = double.kubeconfig().server(&format!("https://{}", says(b"")));
    for words in ["", "-A"] {
        let begun = std::time::Instant::now();
        let ran = Portolan::with(&kubeconfig).args(words).args("--timeout 2s").run();
        let took = begun.elapsed().as_secs_f64();
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!((2.0..4.0).contains(&took), "{words}: {took} s");
    }
}

#[test]
fn in_cluster_is_refused_outside_a_pod() {
    let error = "use --in-cluster: /var/run/secrets/kubernetes.io/serviceaccount/token does not exist";
    let hint = "run portolan in a pod with a service account, or name a kubeconfig with --kubeconfig";
    Portolan::without_kubeconfig().args("--in-cluster").fails(2, error, hint);
    Portolan::without_kubeconfig().env("K8S_IN_CLUSTER", "yes").fails(2, error, hint);
    Portolan::without_kubeconfig().env("K8S_IN_CLUSTER", "perhaps").fails(
        2,
        "use K8S_IN_CLUSTER='perhaps': it is neither true nor false",
        "write 1 or 0, true or false",
    );
}
