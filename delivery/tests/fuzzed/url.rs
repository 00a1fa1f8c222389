//! URLs, against the parser that browsers' engines share and a simple idea of what is forbidden.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};
use webhooks_delivery::fuzzing::{Destination, destination};
use webhooks_delivery::{Policy, check_url};

/// The input is a URL.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let policy = Policy {
        allowed_networks: Vec::new(),
        allow_http: true,
    };
    let saved = check_url(text, &policy);
    let called = destination(text, &policy);
    assert_eq!(saved.is_ok(), called.is_some(), "{saved:?} {called:?}");
    let Some(called) = called else {
        return;
    };
    if let Destination::Address(address) = &called {
        assert!(!is_forbidden(address.ip()), "{address}");
    }
    // It need not accept what is accepted here, but must not read it as something else.
    let Ok(theirs) = Url::parse(text) else {
        return;
    };
    assert!(["http", "https"].contains(&theirs.scheme()));
    assert!(theirs.username().is_empty() && theirs.password().is_none());
    match (&called, theirs.host().expect("a host")) {
        (Destination::Address(ours), Host::Ipv4(host)) => assert_eq!(ours.ip(), host),
        (Destination::Address(ours), Host::Ipv6(host)) => assert_eq!(ours.ip(), host),
        (Destination::Name(ours), Host::Domain(host)) => {
            assert!(ours.eq_ignore_ascii_case(host), "{ours} {host}")
        }
        (ours, theirs) => panic!("{ours:?} {theirs:?}"),
    }
    if let Destination::Address(ours) = called {
        assert_eq!(Some(ours.port()), theirs.port_or_known_default());
    }
}

/// As simple as can be: what is not said here need not be right.
fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => is_forbidden_v6(address),
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let carried = is_forbidden_v4(Ipv4Addr::new(a, b, c, d));
    match segments {
        [0, 0, 0, 0, 0, 0xffff | 0, ..] => carried,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => carried,
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] if carried => true,
        [0x100, 0, 0, 0 | 1, ..] => true,
        [0x64, 0xff9b, ..] => true,
        // Teredo, benchmarks, ORCHID.
        [0x2001, 0 | 2 | 0x10..=0x1f, ..] => true,
        [0x2001, 0xdb8, ..] => true,
        [0x3fff, 0..=0xfff, ..] => true,
        [
            0..=0xff | 0x2002 | 0x5f00 | 0xfc00..=0xfdff | 0xfe80..=0xfeff,
            ..,
        ] => true,
        _ => address.is_multicast(),
    }
}
