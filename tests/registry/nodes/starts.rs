//! Servers that start: together on an empty database, or on one that they cannot use.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use portolan::store::POSTGRES_FORMAT;
use rustix::process::Signal;

use super::database::{Database, shared};
use super::node::{list, node, registration, three, try_send, wait_for_the_same_index};
use crate::serve::{Server, wait_until};
use crate::support::{finish, kill, portolan_path};

/// Notes each object that a migration makes or alters.
const NOTE_MIGRATIONS: &str = "
    CREATE TABLE public.ddl (entry text NOT NULL);
    CREATE FUNCTION public.note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.ddl SELECT command_tag || ' ' || object_identity FROM pg_event_trigger_ddl_commands()
        WHERE schema_name = 'portolan' AND object_type = 'table';
    END $$;
    CREATE EVENT TRIGGER note_ddl ON ddl_command_end EXECUTE FUNCTION public.note_ddl()";

#[test]
fn three_servers_that_start_together_migrate_once_and_are_one_registry() {
    let database = shared();
    let url = database.create();
    database.sql(&url, NOTE_MIGRATIONS);
    let nodes = three(&url);
    for (number, node) in nodes.iter().enumerate() {
        node.register(&registration(&format!("i-{number}"), 30));
    }
    wait_for_the_same_index(&[&nodes[2], &nodes[0], &nodes[1]]);
    let lists: Vec<_> = nodes.iter().map(list).collect();
    assert!(lists.iter().all(|list| list.index == 3 && list.instances.len() == 3));

    let rows = database.sql(&url, "SELECT format, last_index, cluster FROM portolan.meta");
    assert_eq!(rows, format!("{POSTGRES_FORMAT}|3|default"));
    let entries = "SELECT count(*) > 5, count(*) - count(DISTINCT entry), count(DISTINCT xmin::text) FROM public.ddl";
    assert_eq!(database.sql(&url, entries), "t|0|1", "each migration once, all in one transaction");
    let status = nodes[0].get("/api/v1/status").json()["data"].clone();
    assert!(!status["off"].as_array().unwrap().iter().any(|part| part == "clustering"), "{status}");
    let kind = status["store"]["kind"].as_str().unwrap();
    assert!(kind.starts_with("PostgreSQL postgresql://portolan@127.0.0.1:"), "{kind}");

    // All are stopped, and one starts again: everything is there.
    drop(nodes);
    assert_eq!(list(&node(&url, "d")).instances.len(), 3);
}

/// Starts a server that cannot start, and checks its one line and its hint.
pub(super) fn assert_refused(url: &str, more: &[&str], parts: &[&str]) {
    let args = ["--database-url", url];
    let said = Server::try_with(args.iter().chain(more).copied()).err().unwrap_or_else(|| panic!("{url} started"));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: "), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}

/// Makes the tables of a database what they were in format 3, with a server that still uses them.
const OLDER_FORMAT: &str = "
    DROP TABLE portolan.renewal;
    CREATE TABLE portolan.lease (
        id text NOT NULL, slot smallint NOT NULL, generation bigint NOT NULL, expires timestamptz NOT NULL,
        PRIMARY KEY (id, slot)
    ) WITH (fillfactor = 50);
    ALTER TABLE portolan.meta DROP COLUMN audit_number, DROP COLUMN audit_hash;
    UPDATE portolan.meta SET format = 3;
    INSERT INTO portolan.member VALUES ('x', 'old', 1, NULL, clock_timestamp() + interval '1 hour')";

#[test]
fn servers_of_an_older_format_and_of_this_one_never_run_together() {
    let database = shared();
    let url = database.create();
    let first = node(&url, "a");
    first.register(&registration("i", 30));
    drop(first);
    database.sql(&url, OLDER_FORMAT);

    let parts = ["servers of an older portolan use it: old", "stop them first"];
    assert_refused(&url, &[], &parts);
    let migrated = Command::new(portolan_path()).args(["db", "migrate", &url]).env_clear().output().unwrap();
    let said = String::from_utf8(migrated.stderr).unwrap();
    assert!(migrated.status.code() == Some(2) && parts.iter().all(|part| said.contains(part)), "{said}");
    assert_eq!(database.sql(&url, "SELECT format FROM portolan.meta"), "3", "nothing has changed");

    database.sql(&url, "UPDATE portolan.member SET expires = clock_timestamp() + interval '1 s' WHERE id = 'x'");
    let second = node(&url, "b");
    assert_eq!(list(&second).instances.len(), 1, "it was killed a moment ago, and no longer counts");
    assert_eq!(database.sql(&url, "SELECT format FROM portolan.meta"), POSTGRES_FORMAT.to_string());
}

#[test]
fn a_database_that_cannot_be_used_is_refused_with_one_line_and_a_hint() {
    let database = shared();
    let url = database.create();
    drop(node(&url, "a"));

    assert_refused(&database.url("nowhere"), &[], &[r#"database "nowhere" does not exist"#, "createdb"]);
    assert_refused(&url, &["--cluster", "other"], &["it belongs to the cluster 'default', not to 'other'"]);
    let tls = url.replace("sslmode=disable", "sslmode=require");
    assert_refused(&tls, &[], &["TLS", "sslmode=disable"]);

    database.sql("postgres", "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on");
    assert_refused(&url.replace("portolan@", "reader@"), &[], &["standby", "primary"]);
    database.sql("postgres", "CREATE ROLE stranger LOGIN");
    let fresh = database.create();
    assert_refused(&fresh.replace("portolan@", "stranger@"), &[], &["permission denied", "GRANT CREATE"]);

    database.sql(&url, "UPDATE portolan.meta SET format = 99");
    assert_refused(&url, &[], &[&format!("it has format 99, and this portolan knows up to {POSTGRES_FORMAT}")]);
    assert_refused("postgresql://u:s3cret@127.0.0.1:1/d", &["--data", "a.db"], &["--data"]);
}

/// A server that waits for its database, at this address.
fn waiting(url: &str, address: SocketAddr) -> (Child, Arc<Mutex<String>>) {
    let mut command = Command::new(portolan_path());
    command.args(["serve", "--database-url", url, "--node", "a", "--listen", &address.to_string()]).env_clear();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = Arc::new(Mutex::new(String::new()));

    let (kept, mut stderr) = (Arc::clone(&said), child.stderr.take().unwrap());
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stderr.read(&mut bytes) {
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });

    (child, said)
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_server_waits_for_its_database_says_so_and_never_shows_an_empty_registry() {
    let mut database = Database::start();
    let url = database.create();
    node(&url, "before").register(&registration("i", 0));
    database.kill();

    let address = free_address();
    let (mut child, said) = waiting(&url, address);
    let get = |path: &str| try_send(address, "GET", path, "").map(|(status, _, body)| (status, body));
    wait_until(|| said.lock().unwrap().contains("waiting for the database"));
    wait_until(|| get("/health").is_some());
    for path in ["/api/v1/services", "/api/v1/discover?service_name=web", "/api/v1/status", "/nowhere"] {
        let (status, body) = get(path).unwrap();
        assert_eq!((status, body["error"]["code"].as_str()), (503, Some("database_unavailable")), "{path}: {body}");
    }
    assert_eq!(try_send(address, "POST", "/api/v1/services", &registration("j", 0)).unwrap().0, 503);
    assert_eq!((get("/health").unwrap().0, get("/health?ready=true").unwrap().0), (200, 503));
    kill(child.id(), Signal::HUP);

    database.begin();
    wait_until(|| get("/health?ready=true").is_some_and(|(status, _)| status == 200));
    let (status, body) = get("/api/v1/services").unwrap();
    assert_eq!((status, body["data"]["services"].as_array().unwrap().len()), (200, 1), "{body}");
    // The settings are read again as soon as there is a server that has them.
    wait_until(|| said.lock().unwrap().contains("settings read again"));
    let text = said.lock().unwrap().clone();
    assert!(text.contains("hint: check that PostgreSQL runs") && text.contains("listens on"), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_waits_ends_if_the_database_refuses_it() {
    let mut database = Database::start();
    let url = database.create();
    drop(node(&url, "before"));
    database.sql(&url, "UPDATE portolan.meta SET format = 99");
    database.kill();

    let (child, said) = waiting(&url, free_address());
    wait_until(|| said.lock().unwrap().contains("waiting for the database"));
    database.begin();
    assert_eq!(finish(child).unwrap().code(), Some(2));
    wait_until(|| said.lock().unwrap().contains("name another database"));
    let text = said.lock().unwrap().clone();
    let errors: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    assert!(errors.len() == 2 && errors[1].starts_with("hint: use the version of portolan that wrote it"), "{text}");
    assert!(errors[0].contains("it has format 99"), "{text}");
}

/// Until the standby is promoted, one host of the URL is away and the other can only be read.
#[test]
fn a_server_that_starts_during_a_failover_waits_for_the_promotion() {
    let mut primary = Database::start();
    let url = primary.create();
    node(&url, "before").register(&registration("i", 0));
    let standby = primary.standby();
    primary.wait_for(&standby);
    // A standby alone is a mistake.
    assert_refused(&standby.url(name_of(&url)), &[], &["standby", "name the primary too"]);

    primary.kill();
    let address = free_address();
    let (mut child, said) = waiting(&standby.url_with(&primary, name_of(&url)), address);
    wait_until(|| said.lock().unwrap().contains("waiting for the database"));
    let get = |path: &str| try_send(address, "GET", path, "").map(|(status, _, body)| (status, body));
    wait_until(|| get("/api/v1/services").is_some_and(|(status, _)| status == 503));
    standby.promote();
    wait_until(|| get("/health?ready=true").is_some_and(|(status, _)| status == 200));
    let (_, body) = get("/api/v1/services").unwrap();
    assert_eq!(body["data"]["services"].as_array().unwrap().len(), 1, "{body}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_waits_can_be_stopped_and_shows_no_password() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:s3cret@{}/d", silent.local_addr().unwrap());
    // It accepts, and stays silent.
    let (child, said) = waiting(&url, free_address());
    wait_until(|| said.lock().unwrap().contains("waiting for the database"));
    // It reads its settings again on this one, and goes on.
    kill(child.id(), Signal::HUP);
    kill(child.id(), Signal::TERM);
    assert!(finish(child).unwrap().success());
    let text = said.lock().unwrap().clone();
    assert!(text.contains("no reply within 3 s") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_wrong_password_is_refused_and_a_file_or_a_variable_has_the_right_one() {
    let database = shared();
    let url = database.create();
    database.sql(&url, "CREATE ROLE guarded LOGIN PASSWORD 's3cret'; GRANT CREATE ON DATABASE postgres TO guarded");
    database.sql(&url, &format!("GRANT CREATE ON DATABASE {} TO guarded", name_of(&url)));
    database.require_password("guarded");

    let guarded = url.replace("portolan@", "guarded@");
    assert_refused(&guarded, &[], &["password", "PGPASSWORD"]);
    let wrong = guarded.replace("guarded@", "guarded:s3cret-but-wrong@");
    assert_refused(&wrong, &[], &["password authentication failed", "PGPASSWORD"]);

    let folder = crate::serve::folder();
    let (password, config) = (folder.path().join("password"), folder.path().join("serve.toml"));
    std::fs::write(&password, "s3cret\n").unwrap();
    std::fs::write(&config, format!("[database.postgres]\npassword_file = \"{}\"\n", password.display())).unwrap();
    let server = Server::with(["--database-url", &guarded, "--config", config.to_str().unwrap()]);
    server.register(&registration("i", 0));
}

fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap().split('?').next().unwrap()
}

#[test]
fn the_host_that_can_be_written_to_is_found_among_several() {
    let database = shared();
    let url = database.create();
    let (before, after) = url.split_once("@127").unwrap();
    let nothing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let several = format!("{before}@{nothing},127{after}");
    node(&several, "a").register(&registration("i", 30));
    assert_eq!(list(&node(&url, "b")).instances.len(), 1);
}
