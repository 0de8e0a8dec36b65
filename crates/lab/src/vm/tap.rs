//! The end of a wire that QEMU holds: a TAP interface that is there as long as its descriptor is open.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;

use crate::netns::Netns;

/// Makes a TAP interface in the namespace, still down, with the virtio header that QEMU's network card knows.
///
/// `name` has at most 15 bytes. Without a module `tun` in the kernel there is no /dev/net/tun, and this fails.
pub(super) fn make(ns: &Netns, name: &str) -> io::Result<OwnedFd> {
    ns.run(|| {
        let file = File::options().read(true).write(true).open("/dev/net/tun")?;
        attach(&file, name)?;
        Ok(file.into())
    })
}

#[allow(unsafe_code, reason = "ioctl(2) on a TUN descriptor has no safe form")]
fn attach(file: &File, name: &str) -> nix::Result<()> {
    // SAFETY: an all-zero ifreq is a value of that type, its name stays NUL-terminated, and the call only touches this ifreq.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        let room = request.ifr_name.len() - 1;
        for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        Errno::result(libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request)).map(drop)
    }
}
