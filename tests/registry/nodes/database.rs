//! A PostgreSQL of the tests' own, on a free port of 127.0.0.1, with its data in a temporary folder.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::serve::wait_until;
use crate::support::{HANG, TempDir, finish, is_root, kill, output, tool};

/// Where Debian's package has the programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";

/// A running PostgreSQL. It ends with its owner, and with this process at the latest.
pub struct Database {
    data: PathBuf,
    /// Removed with it; `None` if its data are in a folder of the caller's.
    folder: Option<TempDir>,
    port: u16,
    postmaster: Option<Child>,
}

/// The one that tests share which do it no harm; each takes a database of its own. It ends with the last of them.
pub fn shared() -> Arc<Database> {
    static SHARED: Mutex<Weak<Database>> = Mutex::new(Weak::new());
    // A test that failed to start it leaves it to the next one.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(database) = shared.upgrade() {
        return database;
    }
    let database = Arc::new(Database::start());
    *shared = Arc::downgrade(&database);
    database
}

fn program(name: &str) -> PathBuf {
    let path = Path::new(PROGRAMS).join(name);
    assert!(path.exists(), "{} is missing: install postgresql-15 (tests/run does)", path.display());
    path
}

/// What a program prints.
fn text(command: &mut Command) -> String {
    let ran = output(command);
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// A command that runs as an unprivileged user, because PostgreSQL refuses to run as root. It ends when the thread ends that
/// started it.
fn unprivileged(name: &str) -> Command {
    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program(name));
    command
}

/// Spawns a process from a thread that lives as long as this process.
fn spawn(mut command: Command) -> Child {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        sender.send(command.spawn().unwrap()).unwrap();
        loop {
            thread::park();
        }
    });
    receiver.recv().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder that PostgreSQL may write to.
fn data_folder() -> TempDir {
    let folder = TempDir::new();
    let_in(folder.path());
    folder
}

/// Lets PostgreSQL write to a folder.
fn let_in(folder: &Path) {
    if is_root() {
        let id = |option| text(tool("id").args([option, "postgres"])).parse().unwrap();
        chown(folder, Some(id("-u")), Some(id("-g"))).unwrap();
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

impl Database {
    pub fn start() -> Self {
        let folder = data_folder();
        let mut database = Self::start_in(folder.path());
        database.folder = Some(folder);
        database
    }

    /// One with its data in a folder of the caller's, who removes it.
    pub fn start_in(folder: &Path) -> Self {
        let_in(folder);
        let data = folder.join("data");
        let made = unprivileged("initdb")
            .args(["-U", "portolan", "-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let mut database = Self { data, folder: None, port: free_port(), postmaster: None };
        database.begin();
        database
    }

    /// A standby that follows this one, and may lack its last changes.
    pub fn standby(&self) -> Self {
        let folder = data_folder();
        let data = folder.path().join("data");
        let made = unprivileged("pg_basebackup")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "portolan", "-c", "fast", "-N", "-R", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let mut standby = Self { data, folder: Some(folder), port: free_port(), postmaster: None };
        standby.begin();
        standby
    }

    /// Waits until a standby has everything.
    pub fn wait_for(&self, standby: &Self) {
        let here = self.sql("postgres", "SELECT pg_current_wal_lsn()");
        let has = format!("SELECT pg_last_wal_replay_lsn() >= '{here}'::pg_lsn");
        wait_until(|| standby.sql("postgres", &has) == "t");
    }

    /// Makes a primary of a standby.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote()"), "t");
    }

    /// Starts it, again if it was killed.
    pub fn begin(&mut self) {
        let mut command = unprivileged("postgres");
        command.arg("-D").arg(&self.data);
        // The second address is one that a test can cut off.
        command.args([
            "-h",
            "127.0.0.1,127.0.0.2",
            "-p",
            &self.port.to_string(),
            "-k",
            "",
            "-c",
            "max_connections=200",
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.postmaster = Some(spawn(command));

        let deadline = Instant::now() + HANG;
        let is_ready = || {
            let mut command = Command::new(program("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            command.status().unwrap().success()
        };
        while !is_ready() {
            assert!(Instant::now() < deadline, "PostgreSQL did not start");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A new database, and its URL.
    pub fn create(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("registry_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("postgresql://portolan@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// The same database at both addresses: the first that can be written to is used.
    pub fn url_with(&self, standby: &Self, name: &str) -> String {
        let (first, second) = (self.port, standby.port);
        format!("postgresql://portolan@127.0.0.1:{first},127.0.0.1:{second}/{name}?sslmode=disable")
    }

    /// What a statement answers.
    pub fn sql(&self, url_or_name: &str, sql: &str) -> String {
        let url = if url_or_name.contains("://") { url_or_name.to_owned() } else { self.url(url_or_name) };
        let mut command = Command::new(program("psql"));
        command.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql]);
        text(&mut command)
    }

    /// Lets this user in only with a password.
    pub fn require_password(&self, user: &str) {
        let file = self.data.join("pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("host all {user} 127.0.0.1/32 scram-sha-256\n{rules}")).unwrap();
        assert_eq!(self.sql("postgres", "SELECT pg_reload_conf()"), "t");
        // The reload takes a moment.
        let count = format!("SELECT count(*) FROM pg_hba_file_rules WHERE '{user}' = ANY (user_name)");
        wait_until(|| self.sql("postgres", &count) == "1");
    }

    /// Takes connections with TLS too, from now on; `only`: no others.
    pub fn use_tls(&self, certificate: &str, key: &str, only: bool) {
        let owner = std::fs::metadata(&self.data).unwrap();
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let file = self.data.join(name);
            std::fs::write(&file, pem).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        if only {
            let rules = self.data.join("pg_hba.conf");
            let text = std::fs::read_to_string(&rules).unwrap();
            // The tests' own statements come from the first address without TLS.
            let text = text.replace("host ", "hostssl ") + "\nhostnossl postgres all 127.0.0.1/32 trust\n";
            std::fs::write(&rules, text).unwrap();
        }

        self.sql("postgres", "ALTER SYSTEM SET ssl = on");
        self.sql("postgres", "SELECT pg_reload_conf()");
        wait_until(|| self.sql("postgres", "SHOW ssl") == "on");
    }

    fn postmaster(&self) -> u32 {
        self.postmaster.as_ref().unwrap().id()
    }

    /// It and its backends, as far as they are of this PostgreSQL.
    pub fn processes(&self) -> Vec<u32> {
        let postmaster = self.postmaster();
        let entries = std::fs::read_dir("/proc").unwrap();
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        std::iter::once(postmaster).chain(pids.filter(|pid| parent_of(*pid) == Some(postmaster))).collect()
    }

    /// Kills all of it at once, as a crash does.
    pub fn kill(&mut self) {
        // It starts no more backends: one that is left would keep the memory that the next start needs.
        kill(self.postmaster(), Signal::STOP);
        let processes = self.processes();
        for process in &processes {
            kill(*process, Signal::KILL);
        }
        self.postmaster.take().unwrap().wait().unwrap();
        wait_until(|| !processes.iter().any(|process| is_alive(*process)));
    }

    /// Stops all of it where it is: connections stay open, and nothing replies.
    pub fn pause(&self) {
        // A backend that the postmaster starts meanwhile would go on.
        for process in self.processes() {
            kill(process, Signal::STOP);
        }
        for process in self.processes() {
            kill(process, Signal::STOP);
        }
    }

    pub fn resume(&self) {
        for process in self.processes() {
            kill(process, Signal::CONT);
        }
    }
}

/// Whether a process still has its memory.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
}

/// The parent of a process; `None` if it has ended.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(postmaster) = self.postmaster.take() else { return };
        // A killed one would leave its shared memory behind.
        kill(postmaster.id(), Signal::CONT);
        kill(postmaster.id(), Signal::QUIT);
        let _ = finish(postmaster);
    }
}
