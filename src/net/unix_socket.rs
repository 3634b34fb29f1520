//! Whether a Unix-domain socket accepts connections, whatever its type, and however long its path is.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fd::AsRawFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// The types of Unix-domain sockets, the most common first.
const TYPES: [SocketType; 3] = [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM];

/// Connects to a Unix-domain socket and closes the connection. `@name` is in the abstract name space.
///
/// # Errors
/// The kernel's. `WouldBlock` if the backlog of the listener is full.
pub(crate) fn try_unix_socket(path: &Path) -> io::Result<()> {
    if let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"@") {
        return connect_any_type(&abstract_address(name)?);
    }

    match SocketAddrUnix::new(path) {
        Ok(address) => connect_any_type(&address),
        Err(Errno::NAMETOOLONG) => connect_by_descriptor(path),
        Err(error) => Err(error.into()),
    }
}

/// A socket has one type. Connections of another type are of the wrong protocol at a path, and refused at an abstract name.
fn connect_any_type(address: &SocketAddrUnix) -> io::Result<()> {
    let mut refused = Errno::PROTOTYPE;
    for kind in TYPES {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
        match connect(&socket, address) {
            Err(Errno::PROTOTYPE) => {}
            Err(Errno::CONNREFUSED) => refused = Errno::CONNREFUSED,
            result => return Ok(result?),
        }
    }
    Err(refused.into())
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddrUnix> {
    Err(io::Error::other("only Linux has abstract socket names"))
}

/// The kernel takes paths of at most 107 bytes. The path of a descriptor of the same file is short.
#[cfg(target_os = "linux")]
fn connect_by_descriptor(path: &Path) -> io::Result<()> {
    use rustix::fs::{Mode, OFlags, open};

    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    connect_any_type(&SocketAddrUnix::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?)
}

#[cfg(not(target_os = "linux"))]
fn connect_by_descriptor(_path: &Path) -> io::Result<()> {
    Err(io::Error::other("the path is longer than this system takes"))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use rustix::net::{bind, listen};

    use super::*;

    fn seqpacket(address: &SocketAddrUnix) -> rustix::fd::OwnedFd {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, address).unwrap();
        listen(&socket, 1).unwrap();
        socket
    }

    /// W10: sockets of every type and paths of every length.
    #[test]
    fn every_kind_of_socket_is_found() {
        let root = std::env::temp_dir().join(format!("portolan-unix-{}", std::process::id()));
        let deep = root.join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).unwrap();

        let stream = root.join("stream");
        let _stream = UnixListener::bind(&stream).unwrap();
        let datagram = root.join("datagram");
        let _datagram = UnixDatagram::bind(&datagram).unwrap();
        let packets = root.join("packets");
        let _packets = seqpacket(&SocketAddrUnix::new(&packets).unwrap());

        let long = deep.join("x".repeat(120));
        let short = root.join("short");
        let _long = UnixListener::bind(&short).unwrap();
        std::fs::rename(&short, &long).unwrap();

        let name = format!("portolan-test-{}", std::process::id());
        let _abstract = seqpacket(&SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap());
        let name = format!("@{name}");

        for path in [&stream, &datagram, &packets, &long, Path::new(&name)] {
            let tried = try_unix_socket(path);
            assert!(tried.is_ok(), "{}: {tried:?}", path.display());
        }

        for path in [&root.join("none"), &deep.join("y".repeat(120))] {
            assert_eq!(try_unix_socket(path).unwrap_err().kind(), ErrorKind::NotFound, "{}", path.display());
        }
        assert_eq!(try_unix_socket(Path::new("@portolan-none")).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        std::fs::remove_dir_all(root).unwrap();
    }
}
