//! Control groups (version 2) of the test's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use super::{HANG, needs_root};

/// A control group, with its parents removed when it is dropped. The fixture inside must have ended before.
pub struct Cgroup {
    root: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// Makes `portolan-test-PID-N.slice/RELATIVE`.
    pub fn new(relative: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        needs_root("it makes a control group");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = mount_point().join(format!("portolan-test-{}-{number}.slice", std::process::id()));
        let path = root.join(relative);
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
        Self { root, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel lets go of a group a moment after its last process ended.
        let begin = Instant::now();
        for group in self.path.ancestors().take_while(|group| group.starts_with(&self.root)) {
            while fs::remove_dir(group).is_err() && begin.elapsed() < HANG / 6 {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Where this machine has version 2: `/sys/fs/cgroup`, or `unified` beside the controllers of version 1.
fn mount_point() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    let cgroup2 = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|fields| fields[2] == "cgroup2");
    PathBuf::from(cgroup2.expect("this test needs a mounted cgroup2 file system")[1])
}
