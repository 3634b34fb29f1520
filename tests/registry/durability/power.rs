//! A disk whose power can be cut: ext4 in a file, mounted in the mount namespace of the test.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::tool;

/// `FS_IOC_GOINGDOWN` without a flush of the journal, for each path on standard input.
const SWITCH: &str = "
import fcntl, os, struct, sys
for line in sys.stdin:
    folder = os.open(line.strip(), os.O_RDONLY)
    fcntl.ioctl(folder, 0x8004587D, struct.pack('I', 2))
    os.close(folder)
    print('down', flush=True)
";

/// A disk that forgets what it does not have when its power is cut.
pub(crate) struct Disk {
    image: PathBuf,
    folder: PathBuf,
    switch: Switch,
}

impl Disk {
    /// A new one, mounted.
    pub(crate) fn new(parent: &Path, bytes: u64) -> Self {
        let (image, folder) = (parent.join("image"), parent.join("disk"));
        fs::File::create(&image).unwrap().set_len(bytes).unwrap();
        fs::create_dir(&folder).unwrap();
        run(tool("mkfs.ext4").args(["-q", "-E", "lazy_itable_init=0"]).arg(&image));

        let disk = Self { image, folder, switch: Switch::start() };
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes everything to it.
    pub(crate) fn sync(&self) {
        run(tool("sync").arg("--file-system").arg(&self.folder));
    }

    /// Cuts its power: whatever a program does with it fails from now on.
    pub(crate) fn cut(&mut self) {
        self.switch.cut(&self.folder);
    }

    /// Gives it its power again. No program may have a file open on it.
    pub(crate) fn restore(&self) {
        run(tool("umount").arg(&self.folder));
        self.mount();
    }

    fn mount(&self) {
        run(tool("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.folder));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace ends with the test in any case.
        let _ = tool("umount").arg(&self.folder).status();
    }
}

/// Python, which can call `ioctl`. It ends when its standard input does.
struct Switch {
    child: Child,
    commands: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Switch {
    fn start() -> Self {
        let mut command = tool("python3");
        command.args(["-c", SWITCH]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let commands = child.stdin.take();
        let replies = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands, replies }
    }

    fn cut(&mut self, folder: &Path) {
        writeln!(self.commands.as_mut().unwrap(), "{}", folder.display()).unwrap();
        let mut reply = String::new();
        self.replies.read_line(&mut reply).unwrap();
        assert_eq!(reply, "down\n");
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.child.wait();
    }
}

/// Runs a command, which must succeed.
pub(super) fn run(command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
