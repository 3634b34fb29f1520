//! Permissions, and the report where they do not suffice.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::double::{Double, Resource, Rights, TOKEN};
use crate::objects::{namespace, service, slice};
use crate::portolan::{Portolan, addresses, by_id};
use crate::support::{TempDir, make_program, needs_root, output, portolan_path, tool};

fn cluster() -> Double {
    let double = Double::start();
    let mut store = double.store();
    for name in ["alpha", "beta", "gamma"] {
        store.put(Resource::NAMESPACES, namespace(name));
        store.put(Resource::SERVICES, service(name, "web"));
        store.put(Resource::SLICES, slice(name, "web", "a", 1, 1));
    }
    drop(store);
    double
}

fn viewer(double: &Double, rights: Rights) -> Portolan {
    double.access().user("viewer", "the-viewers-token", rights);
    Portolan::with(&double.kubeconfig().token("the-viewers-token").namespace("beta"))
}

#[test]
fn namespaces_that_may_be_read_are_read_and_the_others_named() {
    let double = cluster();
    let rights = Rights::default().in_cluster("namespaces").in_namespace("*", "alpha").in_namespace("*", "beta");
    let (document, ran) = viewer(&double, rights).args("-A").json();
    assert_eq!(by_id(&document).into_keys().collect::<Vec<_>>(), ["k8s/alpha/web", "k8s/beta/web"]);
    assert_eq!((ran.code, &document["complete"]), (Some(3), &false.into()));
    assert!(
        ran.stderr.starts_with("error: cannot list services in 1 namespace: no permission in gamma (403)\n"),
        "{ran:?}"
    );
}

#[test]
fn where_not_even_namespaces_may_be_listed_the_contexts_own_is_read() {
    let double = cluster();
    let (document, ran) = viewer(&double, Rights::default().in_namespace("*", "beta")).args("-A").json();
    assert_eq!(by_id(&document).into_keys().collect::<Vec<_>>(), ["k8s/beta/web"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("hint: only beta was listed; name others with -n\n"), "{ran:?}");
}

#[test]
fn services_without_their_endpoints_are_not_taken_for_services_without_any() {
    let double = cluster();
    let rights = Rights::default().in_cluster("services");
    let (document, ran) = viewer(&double, rights).args("-A").json();
    assert_eq!(document["items"].as_array().unwrap().len(), 3);
    assert_eq!(document["items"][0]["detail"]["endpoints_from"], "unknown");
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("error: cannot list all endpoints: endpointslices.discovery.k8s.io is forbidden"),
        "{ran:?}"
    );
}

#[test]
fn excluded_namespaces_are_neither_listed_nor_watched() {
    let double = cluster();
    double.access().user("everyone", "e", Rights { all: true, ..Rights::default() });
    let all = || Portolan::with(&double.kubeconfig().token("e")).args("-A --exclude-namespace alpha,gamma");
    assert_eq!(all().services().into_keys().collect::<Vec<_>>(), ["k8s/beta/web"]);
    let watched = all().args("--watch --for 1s --json").run().stdout;
    let added: Vec<&str> = watched.lines().filter(|line| line.contains("\"added\"")).collect();
    assert!(added.len() == 1 && added[0].contains("k8s/beta/web"), "{added:?}");

    let rights = Rights::default().in_cluster("namespaces").in_namespace("*", "alpha").in_namespace("*", "beta");
    let listed = viewer(&double, rights).args("-A --exclude-namespace alpha,gamma").services();
    assert_eq!(listed.into_keys().collect::<Vec<_>>(), ["k8s/beta/web"], "gamma, which may not be read, is not missed");
}

/// `-n` takes patterns, which only the permission to list namespaces resolves.
#[test]
fn namespaces_are_selected_by_patterns() {
    let double = cluster();
    double.access().user("everyone", "e", Rights { all: true, ..Rights::default() });
    let all = |args: &str| Portolan::with(&double.kubeconfig().token("e")).args(args);
    let ids = |args: &str| all(args).services().into_keys().collect::<Vec<_>>();
    assert_eq!(ids("-n *a"), ["k8s/alpha/web", "k8s/beta/web", "k8s/gamma/web"]);
    assert_eq!(ids("-n ?eta"), ["k8s/beta/web"]);
    assert_eq!(ids("-n alp*,gamma"), ["k8s/alpha/web", "k8s/gamma/web"]);

    let hint = "`kubectl get namespaces` lists the existing ones";
    all("-n zeta-*").fails(2, "find a namespace that matches 'zeta-*': there is none", hint);
    let (document, ran) = all("-n alpha,zeta-*").json();
    assert_eq!((document["items"].as_array().unwrap().len(), ran.code), (1, Some(3)), "{ran:?}");
    let hint =
        "write lower-case letters, digits and dashes, at most 63, or a pattern with * and ?; -A selects all namespaces";
    all("-n ../*").fails(2, "use --namespace '../*': it is not a namespace name", hint);

    let watched = all("-n al*,b* --watch --for 1s --json").run().stdout;
    let added = watched.lines().filter(|line| line.contains("\"added\"")).count();
    assert_eq!(added, 2, "{watched}");

    let rights = || Rights::default().in_namespace("*", "alpha");
    let refused = "list the namespaces that match 'al*': namespaces is forbidden: User \"viewer\" cannot list resource \
                   \"namespaces\" in API group \"\" at the cluster scope (403)";
    viewer(&double, rights()).args("-n al*").fails(5, refused, "name the namespaces without wildcards");
}

#[test]
fn without_the_permission_for_slices_endpoints_are_read_and_watched() {
    let double = cluster();
    double.store().put(
        Resource::ENDPOINTS,
        json!({
            "metadata": {"namespace": "beta", "name": "web"},
            "subsets": [{"addresses": [{"ip": "10.9.0.1"}], "ports": [{"port": 8080, "protocol": "TCP"}]}],
        }),
    );
    let rights = || Rights::default().in_namespace("services", "beta").in_namespace("endpoints", "beta");
    let (document, ran) = viewer(&double, rights()).args("-n beta").json();
    let web = &by_id(&document)["k8s/beta/web"];
    assert_eq!((web["detail"]["endpoints_from"].as_str(), ran.code), (Some("endpoints"), Some(0)), "{ran:?}");
    assert_eq!(addresses(web), ["10.9.0.1:8080"]);
    let note = "no permission to list EndpointSlices in namespace 'beta'; portolan read Endpoints instead\n";
    assert!(ran.stderr.contains(note), "{ran:?}");

    let watched = viewer(&double, rights()).args("-n beta --watch --count 1 --for 3s --json").run();
    let added = watched.stdout.lines().find(|line| line.contains("\"added\"")).expect("an added service");
    assert!(added.contains("10.9.0.1") && added.contains("\"endpoints_from\":\"endpoints\""), "{added}");
}

#[test]
fn a_user_without_permissions_is_refused() {
    let double = cluster();
    let refused = "services is forbidden: User \"viewer\" cannot list resource \"services\" in API group \"\"";
    let hint = "`kubectl auth can-i --list` shows the permissions of these credentials";
    let everywhere = format!("list the services of all namespaces: {refused} at the cluster scope (403)");
    viewer(&double, Rights::default()).args("-A").fails(5, &everywhere, hint);
    let error = format!("list the services in namespace 'beta': {refused} in the namespace \"beta\" (403)");
    viewer(&double, Rights::default()).fails(5, &error, hint);
}

#[test]
fn credentials_that_are_not_known_are_refused() {
    let double = cluster();
    let error = "list the services of all namespaces: the server rejects these credentials (401 Unauthorized)";
    let hint = "check the credentials of the kubeconfig's user: they may have expired";
    Portolan::with(&double.kubeconfig().token("an-old-token")).args("-A").fails(5, error, hint);
    double.access().rotate_tokens();
    Portolan::new(&double).args("-A").fails(5, error, hint);
}

#[test]
fn a_client_certificate_identifies_the_user() {
    let double = cluster();
    let admin = double.authority().client("admin");
    assert_eq!(Portolan::with(&double.kubeconfig().certificate(&admin)).args("-A").services().len(), 3);
    let expired = double.authority().expired_client("admin");
    Portolan::with(&double.kubeconfig().certificate(&expired)).args("-A").fails(
        5,
        "list the services of all namespaces: the client certificate expired on 2002-02-03 (401 Unauthorized)",
        "check the credentials of the kubeconfig's user: they may have expired",
    );
}

#[test]
fn a_program_for_credentials_runs_only_if_that_is_allowed() {
    let double = cluster();
    let script = "#!/bin/sh\necho ran > ran\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\
                  \"ExecCredential\",\"status\":{\"token\":\"a-token-of-the-test\"}}'\n";
    let make = || {
        let portolan = Portolan::without_kubeconfig().file("credentials", script).args("-A --kubeconfig config");
        let program = portolan.path("credentials");
        make_program(&program);
        portolan.file("config", double.kubeconfig().exec(program.to_str().unwrap()).text())
    };
    let refused = make();
    let (program, trace) = (refused.path("credentials"), refused.path("ran"));
    let error = format!("use kubeconfig 'config': its credentials come from the program '{}'", program.display());
    let untouched = trace.clone();
    refused.fails(2, &error, "add --allow-exec to run it");
    assert!(!untouched.exists());
    let allowed = make().args("--allow-exec");
    assert_eq!(allowed.services().len(), 3);
}

#[test]
fn credentials_that_end_in_the_middle_leave_what_was_read() {
    let double = cluster();
    double.faults().add("endpointslices", 1, crate::double::Fault::Status(401, "Unauthorized", "Unauthorized"));
    let (document, ran) = Portolan::new(&double).args("-A").json();
    assert_eq!((document["items"].as_array().unwrap().len(), ran.code), (3, Some(3)));
    assert!(ran.stderr.contains("cannot list all endpoints: the server rejects these credentials"), "{ran:?}");
}

#[test]
fn in_a_pod_the_service_account_asks() {
    needs_root("it mounts files where a pod has them");
    let double = cluster();
    let home = TempDir::new();
    // As `echo` leaves it.
    fs::write(home.path().join("token"), format!("{TOKEN}\n")).unwrap();
    fs::write(home.path().join("ca.crt"), double.authority().pem()).unwrap();
    fs::write(home.path().join("namespace"), "gamma").unwrap();
    // A mount namespace of its own, in which the files are where a pod has them.
    let script = "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount && \
                  cp token ca.crt namespace /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";
    let mut pod = tool("unshare");
    pod.args(["-m", "sh", "-c", script, "sh"]).arg(portolan_path()).args(["discover", "k8s", "-o", "name"]);
    let (host, port) = (double.address().ip().to_string(), double.address().port().to_string());
    pod.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home.path()).current_dir(home.path());
    pod.env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", port);
    let out = output(&mut pod);
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!((stdout.as_ref(), out.status.code()), ("k8s/gamma/web\n", Some(0)), "{stderr}");
}

/// The documents of a file of `packaging/kubernetes`.
fn packaged(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/kubernetes").join(file);
    let text = fs::read_to_string(path).unwrap();
    text.split("\n---\n").map(|part| yaml_serde::from_str(part).unwrap()).collect()
}

/// The role for `discover` in the package permits all that it reads, and what a cluster always has is needed. Without slices
/// it reads the endpoints, which are in the role too.
#[test]
fn the_packaged_role_permits_what_discover_reads() {
    let double = cluster();
    let documents = packaged("discover-rbac.yaml");
    let role = documents.iter().find(|document| document["kind"] == "ClusterRole").unwrap();
    let rules = role["rules"].as_array().unwrap();
    let resources: Vec<&str> =
        rules.iter().flat_map(|rule| rule["resources"].as_array().unwrap()).filter_map(Value::as_str).collect();

    let without = |left_out: &str| {
        let rights = resources.iter().filter(|resource| **resource != left_out);
        let rights = rights.fold(Rights::default(), |rights, resource| rights.in_cluster(resource));
        viewer(&double, rights).args("-A --pods --ingress --json").run()
    };
    let all = without("");
    assert_eq!((all.code, all.stderr.contains("error")), (Some(0), false), "{all:?}");
    for needed in ["services", "pods", "ingresses"] {
        let ran = without(needed);
        assert!(ran.code != Some(0) && ran.stderr.contains(needed), "{needed}: {ran:?}");
    }
}

/// The services of the packaged manifests are listed as what they are.
#[test]
fn the_packaged_services_are_listed() {
    for file in ["portolan.yaml", "portolan-postgres.yaml"] {
        let double = Double::start();
        double.store().put(Resource::NAMESPACES, namespace("default"));
        let services = packaged(file).into_iter().filter(|document| document["kind"] == "Service");
        for mut service in services {
            service["metadata"]["namespace"] = json!("default");
            let name = service["metadata"]["name"].as_str().unwrap().to_owned();
            double.store().put(Resource::SERVICES, service);
            double.store().put(Resource::SLICES, slice("default", &name, "a", 1, 1));
        }
        let listed = Portolan::with(&double.kubeconfig()).args("-A").services();
        let one = &listed["k8s/default/portolan"];
        assert_eq!((&one["name"], addresses(one)), (&json!("portolan"), vec!["10.1.1.1:8080".to_owned()]), "{one}");
    }
}
