//! One attempt: does a connection open, does HTTP answer, and who answers ARP?

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use hybridge_lni::causes::Outcome;
use hybridge_lni::probe::{LONGEST_PATIENCE, Seen, Try};
use hybridge_model::MacAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest first line of HTTP that is told, in bytes.
const LONGEST_ANSWER: usize = 100;

/// Makes an attempt. Who announces the address is read out of the kernel's own table of neighbours afterwards, as that is what its packets
/// follow; it needs no right.
pub async fn attempt(asked: Try) -> Seen {
    let begin = Instant::now();
    let patience = Duration::from_millis(asked.patience.min(LONGEST_PATIENCE).into());
    let tried = tokio::time::timeout(patience, connect(asked)).await;
    let (outcome, detail) = tried.unwrap_or((Outcome::Silent, None));
    let (client, announced_by) = (source(asked.to), announcer(&neighbours(), *asked.to.ip()));
    let milliseconds = begin.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    Seen { id: asked.id, outcome, client, announced_by, detail, milliseconds }
}

async fn connect(asked: Try) -> (Outcome, Option<String>) {
    let mut stream = match TcpStream::connect(asked.to).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return (Outcome::Refused, None),
        Err(error) => return (Outcome::Silent, Some(error.to_string())),
    };
    if !asked.http {
        return (Outcome::Answered, None);
    }
    match status_line(&mut stream, asked.to).await {
        Ok(line) if !line.is_empty() => (Outcome::Answered, Some(line)),
        Ok(_) => (Outcome::Silent, Some("the connection opened, and was closed without an answer".into())),
        Err(error) => (Outcome::Silent, Some(format!("the connection opened, then: {error}"))),
    }
}

async fn status_line(stream: &mut TcpStream, to: SocketAddrV4) -> std::io::Result<String> {
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = [0; LONGEST_ANSWER];
    let mut length = 0;
    while length < answer.len() && !answer[..length].contains(&b'\n') {
        match stream.read(&mut answer[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    let text = String::from_utf8_lossy(&answer[..length]);
    Ok(text.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_control()).collect())
}

/// The address that the kernel takes for what is sent there.
fn source(to: SocketAddrV4) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(to).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// The kernel's table of neighbours, of the calling thread's network namespace.
fn neighbours() -> String {
    fs::read_to_string("/proc/thread-self/net/arp").unwrap_or_default()
}

/// Who has answered for an address: the columns of `/proc/net/arp` are address, type, flags (2: complete), MAC address, mask, device.
fn announcer(table: &str, address: Ipv4Addr) -> Option<MacAddr> {
    let address = address.to_string();
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let own = fields.next() == Some(&address);
        let flags = u32::from_str_radix(fields.nth(1)?.trim_start_matches("0x"), 16).ok()?;
        let mac = fields.next()?.parse().ok()?;
        (own && flags & 2 != 0).then_some(mac)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neighbours_that_answered_announce() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     192.168.2.169    0x1         0x2         02:ab:cd:00:00:01     *        nic\n\
                     192.168.2.170    0x1         0x0         00:00:00:00:00:00     *        nic\n";
        let mac = |address: &str| announcer(table, address.parse().unwrap()).map(|mac| mac.to_string());
        assert_eq!(mac("192.168.2.169").as_deref(), Some("02:ab:cd:00:00:01"));
        assert_eq!(mac("192.168.2.170"), None);
        assert_eq!(mac("192.168.2.1"), None);
    }
}
