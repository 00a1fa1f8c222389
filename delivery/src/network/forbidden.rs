//! The addresses that are not public, and the judgement on one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cidr::Network;

/// Which addresses and schemes may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// May be called although they are not public.
    pub allowed_networks: Vec<Network>,
    /// Whether `http://` may be called, or `https://` only.
    pub allow_http: bool,
}

impl Policy {
    /// Whether a connection to this address is allowed.
    pub fn allows(&self, address: IpAddr) -> bool {
        let listed = self
            .allowed_networks
            .iter()
            .any(|network| network.contains(address));
        listed
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => self.allows_v6(address),
            }
    }

    fn allows_v6(&self, address: Ipv6Addr) -> bool {
        if let Some(carried) = translated(address) {
            return self.allows(IpAddr::V4(carried));
        }
        if let Some(carried) = isatap(address)
            && !self.allows(IpAddr::V4(carried))
        {
            return false;
        }
        is_public_v6(address)
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let address = IpAddr::V4(address);
    !FORBIDDEN_V4.iter().any(|network| network.contains(address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let address = IpAddr::V6(address);
    let within = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
    !within(FORBIDDEN_V6) || within(GLOBAL_WITHIN_FORBIDDEN_V6)
}

/// The IPv4 address that an IPv6 one is only another spelling of, or is translated to on the way.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let carries = CARRIERS_V6
        .iter()
        .any(|network| network.contains(IpAddr::V6(address)));
    // These two look as if they carried 0.0.0.0 and 0.0.0.1, but have a meaning of their own.
    let own_meaning = address.is_unspecified() || address.is_loopback();
    (carries && !own_meaning).then(|| low_v4(address))
}

/// The IPv4 address at the end of a tunnel interface's own address (ISATAP), whatever its prefix.
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, _, _, flags, marker, _, _] = address.segments();
    // The one bit left out of the comparison says whether the IPv4 address is unique in the world.
    (flags & !0x0200 == 0 && marker == 0x5efe).then(|| low_v4(address))
}

fn low_v4(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

const FORBIDDEN_V4: &[Network] = &[
    Network::v4(0, 0, 0, 0, 8),       // this network
    Network::v4(10, 0, 0, 0, 8),      // private
    Network::v4(100, 64, 0, 0, 10),   // carrier-grade NAT
    Network::v4(127, 0, 0, 0, 8),     // loopback
    Network::v4(169, 254, 0, 0, 16),  // link-local; clouds answer metadata here
    Network::v4(172, 16, 0, 0, 12),   // private
    Network::v4(192, 0, 0, 0, 24),    // protocol assignments
    Network::v4(192, 0, 2, 0, 24),    // documentation
    Network::v4(192, 88, 99, 0, 24),  // 6to4 relays
    Network::v4(192, 168, 0, 0, 16),  // private
    Network::v4(198, 18, 0, 0, 15),   // benchmarks
    Network::v4(198, 51, 100, 0, 24), // documentation
    Network::v4(203, 0, 113, 0, 24),  // documentation
    Network::v4(224, 0, 0, 0, 4),     // multicast
    Network::v4(240, 0, 0, 0, 4),     // reserved, and broadcast
];

const FORBIDDEN_V6: &[Network] = &[
    // ::, ::1, and IPv4 under SIIT's ::ffff:0:0:0/96; what carries IPv4 otherwise is judged before.
    Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 8),
    Network::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 32), // local translation
    Network::v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),     // discard
    Network::v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64),     // dummy
    Network::v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),    // protocol assignments, Teredo
    Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    Network::v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),    // 6to4
    Network::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),    // documentation
    Network::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),    // segment routing
    Network::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),     // unique local
    Network::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),    // link-local
    Network::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),    // site-local
    Network::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),     // multicast
];

/// What IANA's registry of special addresses calls global within 2001::/23.
const GLOBAL_WITHIN_FORBIDDEN_V6: &[Network] = &[
    Network::v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128), // port control anycast
    Network::v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128), // TURN anycast
    Network::v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128), // service registration anycast
    Network::v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),  // multicast tunnelling
    Network::v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48), // AS112
    Network::v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), // ORCHIDv2
    Network::v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28), // drone identification
];

const CARRIERS_V6: &[Network] = &[
    Network::v6([0, 0, 0, 0, 0, 0, 0, 0], 96), // IPv4-compatible
    Network::v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), // IPv4-mapped
    Network::v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), // NAT64
];

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &[&str], address: &str) -> bool {
        let policy = Policy {
            allowed_networks: allowed.iter().map(|text| text.parse().unwrap()).collect(),
            allow_http: true,
        };
        policy.allows(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::",
            "2001:4860:4860::8888",
            "2a00::1",
            "2003::1",
            "2001:1::1",
            "2001:1::2",
            "2001:1::3",
            "2001:3::1",
            "2001:4:112::1",
            "2001:20::1",
            "2001:3f::1",
        ] {
            assert!(allows(&[], address), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_forbidden() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::2:0:0",
            "0:1::",
            "ff::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:1::4",
            "2001:2::1",
            "2001:4:113::1",
            "2001:10::1",
            "2001:40::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "feff::1",
            "ff00::",
            "ff02::1",
            "64:ff9b:1::1",
            "64:ff9b::1:0:0",
        ] {
            assert!(!allows(&[], address), "{address}");
        }
    }

    #[test]
    fn an_ipv6_address_that_carries_ipv4_is_judged_as_that() {
        for (public, private) in [
            ("::ffff:8.8.8.8", "::ffff:127.0.0.1"),
            ("::ffff:8.8.8.8", "::ffff:169.254.169.254"),
            ("::8.8.8.8", "::10.0.0.1"),
            ("64:ff9b::8.8.8.8", "64:ff9b::192.168.0.1"),
            ("2a00::5efe:8.8.8.8", "2a00::5efe:10.0.0.1"),
            ("2a00::200:5efe:8.8.8.8", "2a00::200:5efe:10.0.0.1"),
        ] {
            assert!(allows(&[], public), "{public}");
            assert!(!allows(&[], private), "{private}");
        }
        assert!(!allows(&[], "::ffff:0:127.0.0.1"), "SIIT");
        assert!(
            !allows(&[], "fe80::5efe:8.8.8.8"),
            "the prefix counts as well"
        );
    }

    #[test]
    fn allowed_networks_open_what_is_forbidden_and_nothing_else() {
        assert!(allows(&["127.0.0.0/8"], "127.0.0.1"));
        assert!(allows(&["127.0.0.0/8"], "::ffff:127.0.0.1"));
        assert!(allows(&["10.0.0.0/8", "192.168.1.0/24"], "192.168.1.7"));
        assert!(allows(&["::1/128"], "::1"));
        assert!(allows(&["fd00::/8"], "fd12::1"));
        assert!(!allows(&["127.0.0.0/8"], "::1"));
        assert!(!allows(&["0.0.0.0/8"], "::1"));
        assert!(!allows(&["127.0.0.0/8"], "10.0.0.1"));
        assert!(!allows(&["192.168.1.0/24"], "192.168.2.7"));
        assert!(allows(&["127.0.0.0/8"], "8.8.8.8"));
    }
}
