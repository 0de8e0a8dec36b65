//! Whether somebody else has an address (RFC 5227), and telling everybody that it is ours.

use std::io;
use std::net::Ipv4Addr;

use hybridge_lni::arp::{PROBES, WAIT, announcement, conflict, probe};
use hybridge_model::MacAddr;

use crate::packet::{Kind, PacketSocket};

/// Who else has `address`, if anybody answers. Takes about a third of a second where nobody does.
pub(crate) async fn owner(link: u32, mac: MacAddr, address: Ipv4Addr) -> io::Result<Option<MacAddr>> {
    let mut socket = PacketSocket::open(link, Kind::Arp)?;
    for _ in 0..PROBES {
        socket.send(&probe(mac, address))?;
        let heard = async {
            loop {
                if let Some(other) = conflict(socket.receive().await?, mac, address) {
                    return io::Result::Ok(other);
                }
            }
        };
        if let Ok(other) = tokio::time::timeout(WAIT, heard).await {
            return other.map(Some);
        }
    }
    Ok(None)
}

/// Tells everybody on the link that `address` is ours: who had it before us may still be remembered.
pub(crate) fn announce(link: u32, mac: MacAddr, address: Ipv4Addr) -> io::Result<()> {
    PacketSocket::open(link, Kind::Arp)?.send(&announcement(mac, address))
}
