//! How `down` and `exec` reach a world that is up: a socket with a name that only the kernel keeps.
//!
//! An abstract socket leaves no file behind, not even after SIGKILL, and a name that is taken means that the world is up. It is
//! made before the lab enters its namespaces, since such names belong to the network namespace in which a socket was made.
//! Namespaces have no names, so `exec` gets the descriptors themselves over the socket.

use std::io::{self, BufRead as _, BufReader, IoSlice, IoSliceMut, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use anyhow::bail;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg, sendmsg};
use nix::unistd::geteuid;

/// The socket of a world.
pub(super) struct Control(UnixListener);

/// What is asked of a world.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Does traffic flow yet?
    Ready,
    /// The network and the user namespace of a host, and its address.
    Enter(String),
    /// The end.
    Down,
}

/// One who asks.
pub(super) struct Caller(UnixStream);

impl Control {
    /// Takes the name; fails where a world has it.
    pub(super) fn claim(name: &str) -> io::Result<Self> {
        Ok(Self(UnixListener::bind_addr(&address(name)?)?))
    }

    /// Waits for the next one who asks, who must be the user that started the world.
    pub(super) fn next(&self) -> io::Result<(Request, Caller)> {
        loop {
            let (stream, _) = self.0.accept()?;
            if getsockopt(&stream, PeerCredentials)?.uid() != geteuid().as_raw() {
                continue;
            }
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line)?;
            if let Some(request) = parse(&line) {
                return Ok((request, Caller(stream)));
            }
        }
    }
}

impl Caller {
    /// Answers with a line of text and descriptors.
    pub(super) fn answer(self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let raw: Vec<RawFd> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let line = format!("{text}\n");
        let message = [IoSlice::new(line.as_bytes())];
        sendmsg::<()>(self.0.as_raw_fd(), &message, if raw.is_empty() { &[] } else { &rights }, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }
}

/// Asks a world that is up; `None` where no world has that name.
pub(super) fn ask(name: &str, request: &Request) -> anyhow::Result<Option<(String, Vec<OwnedFd>)>> {
    let Ok(mut stream) = UnixStream::connect_addr(&address(name)?) else { return Ok(None) };
    writeln!(stream, "{}", text(request))?;
    let mut buffer = [0u8; 4096];
    let mut space = nix::cmsg_space!([RawFd; 2]);
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            descriptors.extend(raw.into_iter().map(own));
        }
    }
    let length = message.bytes;
    if length == 0 {
        bail!("`{name}` does not answer this user");
    }
    Ok(Some((String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned(), descriptors)))
}

#[allow(unsafe_code, reason = "a received descriptor is a number until somebody owns it")]
fn own(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us, and nobody else has its number.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

fn address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("hybridge-lab/{name}"))
}

fn text(request: &Request) -> String {
    match request {
        Request::Ready => "ready".into(),
        Request::Enter(host) => format!("enter {host}"),
        Request::Down => "down".into(),
    }
}

fn parse(line: &str) -> Option<Request> {
    match line.trim_end() {
        "ready" => Some(Request::Ready),
        "down" => Some(Request::Down),
        other => other.strip_prefix("enter ").map(|host| Request::Enter(host.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_name_is_taken_once_and_descriptors_arrive() {
        let name = format!("test-{}", std::process::id());
        assert!(ask(&name, &Request::Ready).unwrap().is_none(), "nobody has the name yet");
        let control = Control::claim(&name).unwrap();
        assert!(Control::claim(&name).is_err());
        let server = std::thread::spawn(move || {
            let (request, caller) = control.next().unwrap();
            assert_eq!(request, Request::Enter("gateway-a".into()));
            let file = std::fs::File::open("/dev/null").unwrap();
            caller.answer("here", &[file.as_fd()]).unwrap();
        });
        let (text, descriptors) = ask(&name, &Request::Enter("gateway-a".into())).unwrap().unwrap();
        assert_eq!((text.as_str(), descriptors.len()), ("here", 1));
        server.join().unwrap();
    }
}
