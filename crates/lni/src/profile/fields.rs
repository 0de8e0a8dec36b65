//! The fields of a profile as one table: reader, did-you-mean and JSON Schema follow it.

/// A key of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// One sentence for the schema.
    pub(super) help: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Object(&'static [Field]),
    Number(&'static Limits),
    Bool,
    Choice(&'static [&'static str]),
    Text(Form),
    Texts(Form),
}

/// Numbers that can be written.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) code: &'static str,
    pub(super) least: u32,
    pub(super) most: u32,
    /// What others are: a sentence's end.
    pub(super) otherwise: &'static str,
    pub(super) fix: &'static str,
}

/// What a text has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Mac,
    Mark,
    HostAddress,
    Address,
    Cidr,
    Range,
    Port,
}

static DEVICE_INDEX: Limits = Limits {
    code: "lni.device-index",
    least: 1,
    most: 15,
    otherwise: "is no device index of an LNI, which is 1 to 15: 0 is the first interface, and that one is the VPC's",
    fix: "write the index that the subnet's EnableLniAtDeviceIndex names",
};
static MTU: Limits = Limits {
    code: "lni.mtu",
    least: 576,
    most: 9001,
    otherwise: "is no size of packets, which is 576 to 9001 bytes",
    fix: "write 1500, which is Ethernet's",
};
static VLAN: Limits = Limits {
    code: "lni.vlan",
    least: 1,
    most: 4094,
    otherwise: "is no number of a VLAN, which is 1 to 4094 (IEEE 802.1Q)",
    fix: "write the number that the switch has for it, or leave vlan out",
};
static TABLE: Limits = Limits {
    code: "lni.table",
    least: 256,
    most: 0x7fff_ffff,
    otherwise: "is no table of our own: 0 to 255 are the kernel's (253 default, 254 main, 255 local) and the VPC CNI's",
    fix: "write 2100, or another number from 256 to 2147483647",
};
static PRIORITY: Limits = Limits {
    code: "lni.priority",
    least: 513,
    most: 1022,
    otherwise: "is not between the VPC CNI's rules: 512 leads to pods and must go first, 1024 leads from them and must go later",
    fix: "write 600, or another number from 513 to 1022; the next number is used, too",
};

const fn field(name: &'static str, kind: Kind, help: &'static str) -> Field {
    Field { name, kind, help }
}

/// What stands below `lni:`.
pub(super) static PROFILE: &[Field] = &[
    field("match", Kind::Object(MATCH), "Which interface it is: one of the two."),
    field("mtu", Kind::Number(&MTU), "Largest packet in bytes; 1500 if not said."),
    field("vlan", Kind::Number(&VLAN), "Number of the VLAN; without it packets carry no tag."),
    field("address", Kind::Object(ADDRESS), "How it gets its address on the LAN."),
    field("lan", Kind::Object(LAN), "The network behind it."),
    field("routing", Kind::Object(ROUTING), "Numbers in the kernel that nobody else uses."),
    field("firewall", Kind::Object(FIREWALL), "What the LAN may reach besides Services; no security group applies."),
    field("vips", Kind::Object(VIPS), "Addresses that are announced for Services."),
];

static MATCH: &[Field] = &[
    field("deviceIndex", Kind::Number(&DEVICE_INDEX), "Device index in EC2: the subnet's EnableLniAtDeviceIndex."),
    field("mac", Kind::Text(Form::Mac), "Ethernet address."),
];

/// `address.mode`.
pub(super) const MODES: &[&str] = &["dhcp", "static"];
/// `vips.announcer`.
const ANNOUNCERS: &[&str] = &["metallb", "none"];

static ADDRESS: &[Field] = &[
    field("mode", Kind::Choice(MODES), "By the LAN's DHCP server, or as written here."),
    field("cidr", Kind::Text(Form::HostAddress), "Address with the length of its network's prefix; with mode static."),
    field("gateway", Kind::Text(Form::Address), "Router of the LAN; with mode static."),
    field("useDns", Kind::Bool, "Ask the DNS servers that DHCP names; with mode dhcp, false if not said."),
    field("useDefaultRoute", Kind::Bool, "Make DHCP's router the way to everywhere; with mode dhcp, false if not said."),
];

static LAN: &[Field] = &[
    field("cidrs", Kind::Texts(Form::Cidr), "Networks that are reached by the LNI; the first holds its own address."),
    field("dhcpRange", Kind::Text(Form::Range), "Addresses that the LAN's DHCP server gives out."),
    field("gateway", Kind::Text(Form::Address), "Router of the LAN, where neither DHCP nor address.gateway names one."),
];

static ROUTING: &[Field] = &[
    field("table", Kind::Number(&TABLE), "Routing table of the LNI; 2100 if not said."),
    field("mark", Kind::Text(Form::Mark), "One bit of packet marks; 0x2000 if not said."),
    field("rulePriority", Kind::Number(&PRIORITY), "Priority of the first rule; 600 if not said."),
];

static FIREWALL: &[Field] = &[
    field("hostPorts", Kind::Texts(Form::Port), "Ports of the machine that the LAN may reach, as tcp/9100."),
    field("allowFrom", Kind::Texts(Form::Cidr), "Who may reach them; the networks of the LAN if not said."),
];

static VIPS: &[Field] = &[
    field("pools", Kind::Texts(Form::Range), "Ranges of the first LAN network, outside of DHCP's range and nodes' addresses."),
    field("announcer", Kind::Choice(ANNOUNCERS), "Who answers ARP for them; metallb if not said."),
];

/// Where a key of this name belongs, if there is one place only: its path below `lni`.
pub(super) fn home(name: &str) -> Option<String> {
    let mut homes = Vec::new();
    for field in PROFILE {
        if field.name == name {
            homes.push("lni".to_owned());
        }
        if let Kind::Object(inner) = field.kind
            && inner.iter().any(|inner| inner.name == name)
        {
            homes.push(format!("lni.{}", field.name));
        }
    }
    match homes.as_slice() {
        [home] => Some(home.clone()),
        _ => None,
    }
}
