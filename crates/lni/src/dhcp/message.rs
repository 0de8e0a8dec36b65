//! Messages of DHCP (RFC 2131, options of RFC 2132), with the IPv4 and UDP headers around them.

use std::net::Ipv4Addr;

use hybridge_model::MacAddr;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

/// Options by their numbers in RFC 2132.
mod option {
    pub(super) const MASK: u8 = 1;
    pub(super) const ROUTERS: u8 = 3;
    pub(super) const DNS: u8 = 6;
    pub(super) const MTU: u8 = 26;
    pub(super) const LEASE: u8 = 51;
    pub(super) const TYPE: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const TEXT: u8 = 56;
    pub(super) const RENEW: u8 = 58;
    pub(super) const REBIND: u8 = 59;
}

/// Ports of server and client.
pub const SERVER_PORT: u16 = 67;
/// Ditto.
pub const CLIENT_PORT: u16 = 68;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Whether there is any server.
    Discover {
        /// The address that was had last.
        last: Option<Ipv4Addr>,
    },
    /// For what was offered.
    Take {
        /// The address.
        address: Ipv4Addr,
        /// Who offered it.
        server: Ipv4Addr,
    },
    /// Whether the address of a saved lease is still right (INIT-REBOOT).
    Confirm {
        /// The address.
        address: Ipv4Addr,
    },
    /// For more time; from the server that gave it, or from any.
    Extend {
        /// The address, which the client has.
        address: Ipv4Addr,
    },
    /// To take back an address that somebody else has.
    Decline {
        /// The address.
        address: Ipv4Addr,
        /// Who gave it.
        server: Ipv4Addr,
    },
}

/// A message to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Number of the exchange.
    pub transaction: u32,
    /// Seconds since it began.
    pub seconds: u16,
    /// What is asked.
    pub ask: Ask,
    /// The server, where it is asked alone; else everybody.
    pub to: Option<Ipv4Addr>,
}

impl Outgoing {
    /// The message without headers: what stands in the UDP datagram.
    pub fn datagram(&self, mac: MacAddr) -> Vec<u8> {
        let (kind, requested, server, own) = match self.ask {
            Ask::Discover { last } => (DhcpMessageType::Discover, last, None, None),
            Ask::Take { address, server } => (DhcpMessageType::Request, Some(address), Some(server), None),
            Ask::Confirm { address } => (DhcpMessageType::Request, Some(address), None, None),
            Ask::Extend { address } => (DhcpMessageType::Request, None, None, Some(address)),
            Ask::Decline { address, server } => (DhcpMessageType::Decline, Some(address), Some(server), None),
        };
        let wanted = [option::MASK, option::ROUTERS, option::DNS, option::MTU, option::LEASE, option::RENEW, option::REBIND];
        let hardware = EthernetAddress(mac.octets());
        let message = DhcpRepr {
            message_type: kind,
            transaction_id: self.transaction,
            secs: self.seconds,
            client_hardware_address: hardware,
            client_ip: own.unwrap_or(Ipv4Addr::UNSPECIFIED),
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            // Without an address of its own the client sees answers to everybody, and by its packet socket all others as well.
            broadcast: false,
            requested_ip: requested,
            // The same as networkd and NetworkManager are told to send by the files for the first seconds, so that both get one address.
            client_identifier: Some(hardware),
            server_identifier: server,
            parameter_request_list: matches!(kind, DhcpMessageType::Discover | DhcpMessageType::Request).then_some(&wanted[..]),
            dns_servers: None,
            max_size: Some(1472),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).expect("the buffer has the length that the message asked for");
        // Relays and old servers throw away what is shorter than a BOOTP message (RFC 1542 §2.1).
        bytes.resize(bytes.len().max(300), 0);
        bytes
    }

    /// The message in a packet of IPv4 to everybody, from nobody or from the address that it is about to keep.
    pub fn packet(&self, mac: MacAddr) -> Vec<u8> {
        let datagram = self.datagram(mac);
        let source = match self.ask {
            Ask::Extend { address } => address,
            Ask::Discover { .. } | Ask::Take { .. } | Ask::Confirm { .. } | Ask::Decline { .. } => Ipv4Addr::UNSPECIFIED,
        };
        let udp = UdpRepr { src_port: CLIENT_PORT, dst_port: SERVER_PORT };
        let ip = Ipv4Repr {
            src_addr: source,
            dst_addr: Ipv4Addr::BROADCAST,
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + datagram.len(),
            hop_limit: 64,
        };
        let sums = ChecksumCapabilities::default();
        let mut bytes = vec![0; ip.buffer_len() + ip.payload_len];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
        ip.emit(&mut packet, &sums);
        let (from, to) = (IpAddress::Ipv4(ip.src_addr), IpAddress::Ipv4(ip.dst_addr));
        let mut payload = UdpPacket::new_unchecked(packet.payload_mut());
        udp.emit(&mut payload, &from, &to, datagram.len(), |place| place.copy_from_slice(&datagram), &sums);
        bytes
    }
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An address can be had.
    Offer,
    /// It is the client's.
    Ack,
    /// It is not.
    Nak,
}

/// A message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Number of the exchange.
    pub transaction: u32,
    /// What it says.
    pub answer: Answer,
    /// The address it is about.
    pub address: Ipv4Addr,
    /// Who says so.
    pub server: Ipv4Addr,
    /// Length of the network's prefix.
    pub prefix: Option<u8>,
    /// Routers, best first.
    pub routers: Vec<Ipv4Addr>,
    /// DNS servers.
    pub dns: Vec<Ipv4Addr>,
    /// Seconds that the address may be used.
    pub lease: Option<u32>,
    /// Seconds until the server is asked again (T1).
    pub renew: Option<u32>,
    /// Seconds until any server is asked (T2).
    pub rebind: Option<u32>,
    /// Why, in the server's words.
    pub text: Option<String>,
}

impl Reply {
    /// Reads a packet of IPv4; `None` for all that is not a server's answer to this client. Sums that a network card was to fill in
    /// are wrong on packets that never left the machine, so they are not looked at.
    pub fn from_packet(packet: &[u8], mac: MacAddr) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        if packet.next_header() != IpProtocol::Udp || packet.frag_offset() != 0 {
            return None;
        }
        let udp = UdpPacket::new_checked(packet.payload()).ok()?;
        (udp.src_port() == SERVER_PORT && udp.dst_port() == CLIENT_PORT).then(|| Self::from_datagram(udp.payload(), mac)).flatten()
    }

    fn from_datagram(datagram: &[u8], mac: MacAddr) -> Option<Self> {
        let message = DhcpPacket::new_checked(datagram).ok()?;
        if message.client_hardware_address().0 != mac.octets() {
            return None;
        }
        let option = |kind| message.options().find(|option| option.kind == kind).map(|DhcpOption { data, .. }| data);
        let number = |kind| option(kind)?.try_into().ok().map(u32::from_be_bytes);
        let addresses = |kind| option(kind).unwrap_or_default().as_chunks::<4>().0.iter().map(|it| Ipv4Addr::from(*it)).collect();
        let answer = match option(option::TYPE)? {
            [2] => Answer::Offer,
            [5] => Answer::Ack,
            [6] => Answer::Nak,
            _ => return None,
        };
        Some(Self {
            transaction: message.transaction_id(),
            answer,
            address: message.your_ip(),
            server: Ipv4Addr::from_bits(number(option::SERVER)?),
            prefix: number(option::MASK).and_then(prefix),
            routers: addresses(option::ROUTERS),
            dns: addresses(option::DNS),
            lease: number(option::LEASE),
            renew: number(option::RENEW),
            rebind: number(option::REBIND),
            text: option(option::TEXT).map(|text| String::from_utf8_lossy(text).chars().filter(|letter| !letter.is_control()).collect()),
        })
    }
}

/// Length of the prefix of a mask; `None` for one with holes.
fn prefix(mask: u32) -> Option<u8> {
    let ones = mask.leading_ones();
    (mask.count_ones() == ones).then_some(ones as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: MacAddr = MacAddr::new([2, 0xab, 0xcd, 0, 0, 1]);

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 77);
    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);

    fn outgoing(ask: Ask) -> Outgoing {
        Outgoing { transaction: 7, seconds: 0, ask, to: None }
    }

    /// An answer as a server writes it.
    fn answer<'a>(kind: DhcpMessageType, change: impl FnOnce(&mut DhcpRepr<'a>)) -> Vec<u8> {
        let mut repr = DhcpRepr {
            message_type: kind,
            transaction_id: 7,
            secs: 0,
            client_hardware_address: EthernetAddress(MAC.octets()),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: ADDRESS,
            server_ip: SERVER,
            router: Some(SERVER),
            subnet_mask: Some(Ipv4Addr::new(255, 255, 255, 0)),
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: false,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(SERVER),
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: Some(120),
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        change(&mut repr);
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).unwrap();
        bytes
    }

    #[test]
    fn what_each_question_names_is_as_table_5_of_rfc_2131_has_it() {
        let none = Ipv4Addr::UNSPECIFIED;
        for (ask, kind, own, requested, server) in [
            (Ask::Discover { last: None }, 1, none, None, None),
            (Ask::Discover { last: Some(ADDRESS) }, 1, none, Some(ADDRESS), None),
            (Ask::Take { address: ADDRESS, server: SERVER }, 3, none, Some(ADDRESS), Some(SERVER)),
            (Ask::Confirm { address: ADDRESS }, 3, none, Some(ADDRESS), None),
            (Ask::Extend { address: ADDRESS }, 3, ADDRESS, None, None),
            (Ask::Decline { address: ADDRESS, server: SERVER }, 4, none, Some(ADDRESS), Some(SERVER)),
        ] {
            let bytes = outgoing(ask).datagram(MAC);
            assert!(bytes.len() >= 300);
            let packet = DhcpPacket::new_checked(&bytes[..]).unwrap();
            let address = |number| {
                let option = packet.options().find(|option| option.kind == number)?;
                Some(Ipv4Addr::from(<[u8; 4]>::try_from(option.data).unwrap()))
            };
            let seen = (packet.options().find(|option| option.kind == 53).unwrap().data, packet.client_ip(), address(50), address(54));
            assert_eq!(seen, (&[kind][..], own, requested, server), "{ask:?}");
            assert!(packet.options().any(|option| option.kind == 61 && option.data == [1, 2, 0xab, 0xcd, 0, 0, 1]), "{ask:?}");
        }
    }

    #[test]
    fn a_packet_has_right_headers() {
        let bytes = outgoing(Ask::Discover { last: None }).packet(MAC);
        let packet = Ipv4Packet::new_checked(&bytes[..]).unwrap();
        assert!(packet.verify_checksum());
        assert_eq!((packet.src_addr(), packet.dst_addr()), (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
        let udp = UdpPacket::new_checked(packet.payload()).unwrap();
        assert!(udp.verify_checksum(&IpAddress::Ipv4(packet.src_addr()), &IpAddress::Ipv4(packet.dst_addr())));
        assert_eq!((udp.src_port(), udp.dst_port()), (68, 67));
    }

    #[test]
    fn an_answer_is_read_whole() {
        let options = [
            DhcpOption { kind: 3, data: &[192, 168, 2, 1, 192, 168, 2, 2] },
            DhcpOption { kind: 6, data: &[9, 9, 9, 9] },
            DhcpOption { kind: 58, data: &[0, 0, 0, 60] },
            DhcpOption { kind: 59, data: &[0, 0, 0, 105] },
        ];
        let bytes = answer(DhcpMessageType::Ack, |repr| {
            repr.router = None;
            repr.additional_options = &options;
        });
        let reply = Reply::from_datagram(&bytes, MAC).unwrap();
        let expected = Reply {
            transaction: 7,
            answer: Answer::Ack,
            address: ADDRESS,
            server: SERVER,
            prefix: Some(24),
            routers: vec![SERVER, Ipv4Addr::new(192, 168, 2, 2)],
            dns: vec![Ipv4Addr::new(9, 9, 9, 9)],
            lease: Some(120),
            renew: Some(60),
            rebind: Some(105),
            text: None,
        };
        assert_eq!(reply, expected);
    }

    #[test]
    fn a_refusal_tells_why_and_answers_to_others_are_none() {
        let options = [DhcpOption { kind: 56, data: b"wrong\nnetwork" }];
        let bytes = answer(DhcpMessageType::Nak, |repr| repr.additional_options = &options);
        let reply = Reply::from_datagram(&bytes, MAC).unwrap();
        assert_eq!((reply.answer, reply.text.as_deref()), (Answer::Nak, Some("wrongnetwork")));
        let to_another = answer(DhcpMessageType::Ack, |repr| repr.client_hardware_address = EthernetAddress([2; 6]));
        assert_eq!(Reply::from_datagram(&to_another, MAC), None);
        let of_nobody = answer(DhcpMessageType::Ack, |repr| repr.server_identifier = None);
        assert_eq!(Reply::from_datagram(&of_nobody, MAC), None);
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_is_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..300usize, byte: u8) {
            Reply::from_packet(&bytes, MAC);
            let mut damaged = answer(DhcpMessageType::Offer, |_| ());
            let at = at % damaged.len();
            damaged[at] = byte;
            Reply::from_datagram(&damaged, MAC);
            Reply::from_datagram(&damaged[..at], MAC);
        }
    }
}
