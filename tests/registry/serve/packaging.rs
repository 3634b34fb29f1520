//! The files of `packaging` are what Kubernetes, systemd and this program accept.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[cfg(feature = "postgres")]
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Container, HTTPGetAction, Probe, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Server;
use super::server::{folder, wait_until};
use crate::support::{finish, kill, needs_root, output, portolan_path, tool};

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(packaging(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The documents of a file of YAML.
fn documents(file: &str) -> Vec<Value> {
    let text = read(file);
    let parts =
        text.split("\n---\n").map(|part| yaml_serde::from_str(part).unwrap_or_else(|error| panic!("{error}: {part}")));
    parts.collect()
}

/// The fields of `given` that `known` lacks, or has with another value.
fn unknown_fields(given: &Value, known: &Value, path: &str, found: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (key, value) in given {
                let path = format!("{path}.{key}");
                match known.get(key) {
                    Some(known) => unknown_fields(value, known, &path, found),
                    None => found.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (at, value) in given.iter().enumerate() {
                unknown_fields(value, known.get(at).unwrap_or(&Value::Null), &format!("{path}[{at}]"), found);
            }
        }
        (given, known) if given == known => {}
        _ => found.push(path.to_owned()),
    }
}

/// An object of this type. Fields that the type does not have are refused, as `kubectl --validate=strict` does.
#[track_caller]
fn object<T: DeserializeOwned + Serialize>(documents: &[Value], kind: &str) -> T {
    let found = documents.iter().find(|document| document["kind"] == kind);
    let document = found.unwrap_or_else(|| panic!("there is no {kind}"));
    let object: T = serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{kind}: {error}"));

    let mut unknown = Vec::new();
    unknown_fields(document, &serde_json::to_value(&object).unwrap(), kind, &mut unknown);
    assert!(unknown.is_empty(), "{unknown:?}");
    object
}

/// The port with a name, or the number itself.
fn port(container: &Container, wanted: &IntOrString) -> i32 {
    match wanted {
        IntOrString::Int(port) => *port,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|port| port.name.as_ref() == Some(name));
            named.unwrap_or_else(|| panic!("no port {name}")).container_port
        }
    }
}

fn http(probe: Option<&Probe>) -> (&HTTPGetAction, (Option<i32>, Option<i32>)) {
    let probe = probe.expect("a probe");
    (probe.http_get.as_ref().expect("an HTTP probe"), (probe.initial_delay_seconds, probe.period_seconds))
}

/// Row R3: the probes of the seed, at the port of the settings. A server answers both.
#[track_caller]
fn assert_probes(container: &Container) {
    let (live, times) = http(container.liveness_probe.as_ref());
    assert_eq!((live.path.as_deref(), times), (Some("/health"), (Some(30), Some(10))));
    let (ready, times) = http(container.readiness_probe.as_ref());
    assert_eq!((ready.path.as_deref(), times), (Some("/health?ready=true"), (Some(5), Some(5))));

    let server = Server::in_memory();
    for probe in [live, ready] {
        assert_eq!(server.get(probe.path.as_deref().unwrap()).status, 200);
        assert_eq!(port(container, &probe.port), 8_080, "the port of the settings");
    }
}

/// What `serve --check` makes of settings. Nothing is started.
fn check(folder: &Path, args: &[String]) -> (Option<i32>, String) {
    let mut command = Command::new(portolan_path());
    command.args(args).arg("--check").current_dir(folder).env_clear().env("STATE_DIRECTORY", folder);
    let checked = output(&mut command);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    (checked.status.code(), said)
}

#[test]
fn the_manifests_are_what_kubernetes_and_the_program_accept() {
    let documents = documents("kubernetes/portolan.yaml");
    let set: StatefulSet = object(&documents, "StatefulSet");
    let service: Service = object(&documents, "Service");
    let settings: ConfigMap = object(&documents, "ConfigMap");
    let policy: NetworkPolicy = object(&documents, "NetworkPolicy");
    let budget: PodDisruptionBudget = object(&documents, "PodDisruptionBudget");
    let account: ServiceAccount = object(&documents, "ServiceAccount");
    assert_eq!(documents.len(), 6);

    let spec = set.spec.unwrap();
    let pod = spec.template.spec.unwrap();
    let container = &pod.containers[0];
    let labels = spec.template.metadata.unwrap().labels.unwrap();
    assert_eq!(spec.replicas, Some(1), "one database file has one server");
    assert_eq!(pod.service_account_name, account.metadata.name);
    assert_eq!(service.metadata.name.as_ref(), spec.service_name.as_ref());
    for selector in [
        spec.selector.match_labels,
        service.spec.as_ref().unwrap().selector.clone(),
        budget.spec.unwrap().selector.unwrap().match_labels,
        policy.spec.as_ref().unwrap().pod_selector.as_ref().and_then(|selector| selector.match_labels.clone()),
    ] {
        assert!(selector.unwrap().iter().all(|(key, value)| labels.get(key) == Some(value)), "{labels:?}");
    }

    assert_probes(container);
    let target = service.spec.unwrap().ports.unwrap()[0].target_port.clone().unwrap();
    assert_eq!(port(container, &target), 8_080);
    assert_metadata_services_are_closed(&policy);
    let ingress = policy.spec.unwrap().ingress.unwrap();
    assert_eq!(port(container, ingress[0].ports.as_ref().unwrap()[0].port.as_ref().unwrap()), 8_080);

    // The settings are those of this program; the secret is where they look for it.
    let dir = folder();
    let text = settings.data.unwrap()["serve.yaml"].clone();
    let mounts: BTreeSet<&str> =
        container.volume_mounts.iter().flatten().map(|mount| mount.mount_path.as_str()).collect();
    assert!(
        mounts.contains("/etc/portolan/secrets") && text.contains("/etc/portolan/secrets/jwt-secret"),
        "{mounts:?}"
    );
    assert!(mounts.contains("/var/lib/portolan") && text.contains("/var/lib/portolan/registry.db"), "{mounts:?}");
    fs::write(dir.path().join("jwt-secret"), "0123456789abcdef0123456789abcdef").unwrap();
    fs::write(
        dir.path().join("serve.yaml"),
        text.replace("/etc/portolan/secrets/", &format!("{}/", dir.path().display())),
    )
    .unwrap();
    let args: Vec<String> = container.args.clone().unwrap();
    let args: Vec<String> = args.iter().map(|arg| arg.replace("/etc/portolan/", "")).collect();
    let (code, said) = check(dir.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("listens on 0.0.0.0:8080"), "{said}");
}

/// A pod with a check reaches none of the metadata services that the server itself refuses, whatever resolves to them.
fn assert_metadata_services_are_closed(policy: &NetworkPolicy) {
    let rules = policy.spec.as_ref().unwrap().egress.iter().flatten().flat_map(|rule| rule.to.iter().flatten());
    let blocks = rules.filter_map(|peer| peer.ip_block.as_ref()).flat_map(|block| block.except.iter().flatten());
    let except: BTreeSet<&str> = blocks.map(String::as_str).collect();
    for closed in [
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "fd00:42::42/128",
        "fd00:c1::a9fe:a9fe/128",
    ] {
        assert!(except.contains(closed), "{closed} is not among {except:?}");
    }
}

/// Row R2: three servers with one database, and the two secrets of the seed.
#[test]
#[cfg(feature = "postgres")]
fn the_manifests_for_several_servers_are_accepted() {
    let documents = documents("kubernetes/portolan-postgres.yaml");
    let deployment: Deployment = object(&documents, "Deployment");
    let service: Service = object(&documents, "Service");
    let policy: NetworkPolicy = object(&documents, "NetworkPolicy");
    let budget: PodDisruptionBudget = object(&documents, "PodDisruptionBudget");
    let account: ServiceAccount = object(&documents, "ServiceAccount");
    assert_eq!(documents.len(), 5);

    let spec = deployment.spec.unwrap();
    assert_eq!((spec.replicas, budget.spec.unwrap().min_available), (Some(3), Some(IntOrString::Int(2))));
    let pod = spec.template.spec.unwrap();
    assert_eq!(pod.service_account_name, account.metadata.name);
    let container = &pod.containers[0];
    assert_probes(container);
    assert_eq!(port(container, service.spec.unwrap().ports.unwrap()[0].target_port.as_ref().unwrap()), 8_080);
    assert_metadata_services_are_closed(&policy);
    let ingress = policy.spec.unwrap().ingress.unwrap();
    assert_eq!(port(container, ingress[0].ports.as_ref().unwrap()[0].port.as_ref().unwrap()), 8_080);

    let secrets = container.env.iter().flatten().map(|variable| {
        let secret = variable.value_from.as_ref().unwrap().secret_key_ref.as_ref().unwrap();
        (variable.name.as_str(), secret.name.as_str())
    });
    assert_eq!(secrets.collect::<Vec<_>>(), [("DATABASE_URL", "db-credentials"), ("JWT_SECRET", "jwt-secret")]);
    let mut command = Command::new(portolan_path());
    command.args(container.args.as_ref().unwrap()).arg("--check").env_clear();
    command.env("DATABASE_URL", "postgresql://portolan:s3cret@postgres/portolan");
    command.env("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    let checked = output(&mut command);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(
        said.contains("listens on 0.0.0.0:8080") && said.contains("PostgreSQL") && !said.contains("s3cret"),
        "{said}"
    );
}

#[test]
fn a_field_that_kubernetes_does_not_have_is_found() {
    let mut documents = documents("kubernetes/portolan.yaml");
    let set = documents.iter_mut().find(|document| document["kind"] == "StatefulSet").unwrap();
    set["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = Value::Null;
    let known: StatefulSet = serde_json::from_value(set.clone()).unwrap();
    let mut unknown = Vec::new();
    unknown_fields(set, &serde_json::to_value(&known).unwrap(), "StatefulSet", &mut unknown);
    assert_eq!(unknown, ["StatefulSet.spec.template.spec.containers[0].livenesProbe"]);
}

/// The rights of `portolan discover k8s` in a cluster.
#[test]
fn the_rights_of_discover_are_those_that_it_uses() {
    let documents = documents("kubernetes/discover-rbac.yaml");
    let role: k8s_openapi::api::rbac::v1::ClusterRole = object(&documents, "ClusterRole");
    let binding: k8s_openapi::api::rbac::v1::ClusterRoleBinding = object(&documents, "ClusterRoleBinding");
    assert_eq!(Some(binding.role_ref.name), role.metadata.name);
    for rule in role.rules.unwrap() {
        assert!(rule.verbs.iter().all(|verb| ["get", "list", "watch"].contains(&verb.as_str())), "{rule:?}");
    }
}

/// The lines of a unit, as key and value.
fn unit_lines(unit: &str) -> Vec<(String, String)> {
    let lines = unit.lines().filter(|line| !line.starts_with(['#', '[']));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_unit_starts_what_the_program_accepts_and_is_confined() {
    let unit = read("systemd/portolan.service");
    let lines = unit_lines(&unit);
    let value = |key: &str| lines.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    assert_eq!(value("Type"), Some("notify"));

    let dir = folder();
    fs::write(dir.path().join("serve.yaml"), read("systemd/serve.yaml")).unwrap();
    let start = value("ExecStart").unwrap().strip_prefix("/usr/bin/portolan ").expect("it starts portolan");
    let args: Vec<String> = start.replace("/etc/portolan/", "").split(' ').map(str::to_owned).collect();
    let (code, said) = check(dir.path(), &args);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("listens on 127.0.0.1:7440") && said.contains("/var/lib/portolan/registry.db"), "{said}");
    // systemd makes this folder, and the settings name a file in it.
    assert_eq!(value("StateDirectory"), Some("portolan"));

    let socket = read("systemd/portolan.socket");
    let name = unit_lines(&socket).into_iter().find(|(key, _)| key == "FileDescriptorName");
    assert_eq!(name.map(|(_, name)| name).as_deref(), Some("http"), "activation.rs knows it");
    for (file, user) in
        [("systemd/portolan.sysusers", "u portolan "), ("systemd/portolan.tmpfiles", " portolan portolan ")]
    {
        assert!(read(file).contains(user), "{file}");
    }
}

/// The settings, as docs/operations.md installs them, belong to root, and the user of the unit reads them: systemd's own
/// programs make the user and set the group.
#[test]
fn the_service_may_read_its_settings() {
    needs_root("it changes the group of a file");
    let root = folder();
    for (file, place) in [
        ("systemd/portolan.sysusers", "usr/lib/sysusers.d/portolan.conf"),
        ("systemd/portolan.tmpfiles", "usr/lib/tmpfiles.d/portolan.conf"),
        ("systemd/serve.yaml", "etc/portolan/serve.yaml"),
    ] {
        let place = root.path().join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, read(file)).unwrap();
    }
    for (program, action) in [("systemd-sysusers", None), ("systemd-tmpfiles", Some("--create"))] {
        let mut command = tool(program);
        command.arg("--root").arg(root.path()).args(action);
        let made = output(&mut command);
        assert!(made.status.success(), "{program}: {}", String::from_utf8_lossy(&made.stderr));
    }

    let groups = fs::read_to_string(root.path().join("etc/group")).unwrap();
    let group = groups.lines().find_map(|line| line.strip_prefix("portolan:x:")).unwrap();
    let group: u32 = group.split(':').next().unwrap().parse().unwrap();
    let settings = fs::metadata(root.path().join("etc/portolan/serve.yaml")).unwrap();
    assert_eq!((settings.uid(), settings.gid(), settings.mode() & 0o777), (0, group, 0o640));
}

/// The unit of the agent runs it with its example of rules until systemd stops it.
#[test]
fn the_unit_of_the_agent_starts_what_the_program_accepts() {
    let server = Server::in_memory();
    let lines = unit_lines(&read("systemd/portolan-agent.service"));
    let value = |key: &str| lines.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let start = value("ExecStart").unwrap().strip_prefix("/usr/bin/portolan ").expect("it starts portolan");
    let rules = packaging("systemd/agent.toml").display().to_string();
    let args = start.replace("/etc/portolan/agent.toml", &rules);

    let mut command = Command::new(portolan_path());
    command.args(args.split(' ')).args(["--interval", "1s", "--host", "web1"]).env_clear();
    command.env("PORTOLAN_CONFIG", "/dev/null").env("PORTOLAN_REGISTRY", server.address.to_string());
    let mut agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| server.get("/api/v1/drift").json()["data"]["hosts"][0]["host"] == "web1");
    kill(agent.id(), Signal::TERM);
    let mut said = String::new();
    agent.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(finish(agent).and_then(|status| status.code()), Some(143), "{said}");
    assert_eq!(value("SuccessExitStatus"), Some("143"), "a stop is no failure");

    let mut analyze = tool("systemd-analyze");
    analyze.args(["security", "--offline=true", "--threshold=60"]).arg(packaging("systemd/portolan-agent.service"));
    let analyzed = output(analyze.env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", ""));
    let said = String::from_utf8_lossy(&analyzed.stdout).into_owned() + &String::from_utf8_lossy(&analyzed.stderr);
    assert!(analyzed.status.success() && said.contains("Overall exposure level"), "{said}");
}

/// systemd's own figure, from 0 (nothing is exposed) to 10.
#[test]
fn systemd_finds_the_unit_hardly_exposed() {
    let mut analyze = tool("systemd-analyze");
    analyze.args(["security", "--offline=true", "--threshold=15"]).arg(packaging("systemd/portolan.service"));
    let analyzed = output(analyze.env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", ""));
    let said = String::from_utf8_lossy(&analyzed.stdout).into_owned() + &String::from_utf8_lossy(&analyzed.stderr);
    assert!(analyzed.status.success() && said.contains("Overall exposure level"), "{said}");
}

/// The image and the compose file start what the program accepts, at the port that they publish.
#[test]
fn the_container_starts_what_the_program_accepts() {
    let file = read("container/Containerfile");
    let line = |word: &str| {
        let found = file.lines().filter_map(|line| line.trim_start().strip_prefix(word)).next_back();
        found.unwrap_or_else(|| panic!("no line {word}"))
    };
    let command =
        |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")) };
    let dir = folder();
    fs::write(dir.path().join("api-keys.json"), "{\"keys\": []}").unwrap();
    let compose: Value = yaml_serde::from_str(&read("container/compose.yaml")).unwrap();
    let composed = compose["services"]["portolan"]["command"].to_string();
    let last_command = file.lines().rfind(|line| line.starts_with("CMD ")).unwrap().trim_start_matches("CMD ");
    for args in [command(last_command), command(&composed)] {
        let (code, said) = check(dir.path(), &args);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("listens on 0.0.0.0:{}", line("EXPOSE "))), "{said}");
    }
    assert_eq!(command(line("ENTRYPOINT ")), ["portolan"]);
    // The group of the user is the one that the user and the data have.
    assert!(line("USER ") == "10001:10001" && file.contains("groupadd --gid 10001 portolan "), "{file}");
    assert!(file.contains("useradd --uid 10001 --gid portolan "), "{file}");
    assert_eq!(compose["services"]["portolan"]["ports"][0], "127.0.0.1:7440:7440");

    // The health check of the image, against a server of the test's own.
    let health = file.lines().find_map(|line| line.trim().strip_prefix("CMD [\"portolan\", \"wait\"")).unwrap();
    let args = command(&format!("[\"wait\"{health}"));
    let server = Server::in_memory();
    let args = args.iter().map(|arg| arg.replace("127.0.0.1:7440", &server.address.to_string()));
    let waited = output(Command::new(portolan_path()).args(args).env_clear());
    assert!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
}

/// The three servers of the compose file have one database and one Redis, and names and ports of their own.
#[test]
#[cfg(feature = "redis")]
fn the_compose_file_for_several_servers_starts_what_the_program_accepts() {
    let mut compose: Value = yaml_serde::from_str(&read("container/compose-cluster.yaml")).unwrap();
    let common = compose["x-server"].take();
    let names = ["a", "b", "c"];
    for (name, port) in names.iter().zip(7441..) {
        let service = &compose["services"][format!("portolan-{name}")];
        assert_eq!(service["<<"], common, "they differ in nothing else");
        assert_eq!(service["ports"], serde_json::json!([format!("127.0.0.1:{port}:7440")]));
        let args: Vec<String> = serde_json::from_value(service["command"].clone()).unwrap();
        assert!(args.windows(2).any(|pair| pair == ["--node", name]), "{args:?}");

        let mut command = Command::new(portolan_path());
        command.args(args).arg("--check").env_clear();
        for (variable, text) in common["environment"].as_object().unwrap() {
            let text = text.as_str().unwrap().replace("${POSTGRES_PASSWORD:?}", "s3cret");
            command.env(variable, text.replace("${JWT_SECRET:?}", "0123456789abcdef0123456789abcdef"));
        }
        let checked = output(&mut command);
        let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && said.contains("listens on 0.0.0.0:7440"), "{said}");
        assert!(said.contains("postgresql://portolan@postgres:5432/portolan") && !said.contains("s3cret"), "{said}");
    }
    let hosts: Vec<String> = serde_json::from_value(common["depends_on"].clone()).unwrap();
    assert!(hosts.iter().all(|host| compose["services"][host].is_object()), "{hosts:?}");
}

/// The sample settings of Prometheus are accepted, with the rules beside them.
#[test]
fn promtool_accepts_the_sample_settings() {
    let dir = folder();
    let key = dir.path().join("key");
    fs::write(&key, "key").unwrap();
    let text = read("prometheus/prometheus.yml").replace("/run/secrets/portolan_key", key.to_str().unwrap());
    fs::write(dir.path().join("prometheus.yml"), text).unwrap();
    fs::copy(packaging("prometheus/alerts.yml"), dir.path().join("alerts.yml")).unwrap();
    let checked = output(tool("promtool").args(["check", "config"]).arg(dir.path().join("prometheus.yml")));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.contains("22 rules found"), "{said}");
}
