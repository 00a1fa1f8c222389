//! The host of a URL: an address in any of its spellings, or a name.
//!
//! The C library reads `127.1`, `0x7f000001` and `017700000001` as addresses, so they are addresses here too. Were
//! they taken for names, they would pass the check when a URL is saved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    /// Needs no name server.
    Address(IpAddr),
    /// Needs one.
    Name(&'a str),
}

impl<'a> Host<'a> {
    /// Reads the host as it stands in a URL, IPv6 in brackets. `None` if it is neither.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(IpAddr::V6(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let last_label = name.rsplit('.').next().unwrap_or(name);
        if is_number(last_label) {
            // No top-level domain is a number: this is an address, or nothing.
            return Some(Host::Address(IpAddr::V4(parse_v4(name)?)));
        }
        is_name(name).then_some(Host::Name(text))
    }
}

/// The form of a name that may be asked for. Underscores are no part of host names, but exist.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_number(label: &str) -> bool {
    match hex_digits(label) {
        Some(digits) => digits.bytes().all(|c| c.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|c| c.is_ascii_digit()),
    }
}

fn hex_digits(label: &str) -> Option<&str> {
    label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"))
}

/// One to four numbers, of which the last fills what the others leave.
fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u64> = text.split('.').map(parse_number).collect::<Option<_>>()?;
    let (last, leading) = numbers.split_last()?;
    if leading.len() > 3 || leading.iter().any(|&number| number > 255) {
        return None;
    }
    let free_bits = 32 - 8 * leading.len() as u32;
    if last >> free_bits != 0 {
        return None;
    }
    let high = leading.iter().fold(0, |bits, number| bits << 8 | number);
    // With no leading numbers there is nothing to shift, and 32 bits of a u64 may be shifted.
    let bits = (high << free_bits) | last;
    u32::try_from(bits).ok().map(Ipv4Addr::from_bits)
}

/// A number as C writes it: decimal, octal after `0`, hexadecimal after `0x`.
fn parse_number(label: &str) -> Option<u64> {
    let (digits, radix) = match hex_digits(label) {
        Some("") => return Some(0),
        Some(digits) => (digits, 16),
        None if label.len() > 1 && label.starts_with('0') => (label, 8),
        None => (label, 10),
    };
    if !digits.bytes().all(|c| char::from(c).is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_that_address() {
        for text in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "017700000001",
            "0177.0.0.1",
            "0177.0.0.01",
            "0x7f000001",
            "0X7F.0.0.1",
            "0x7f.1",
            "127.0x1",
            "0x7f.0.0.0x1",
            "0177.1",
            "00000177.0.0.1",
        ] {
            assert_eq!(
                Host::parse(text),
                Some(Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))),
                "{text}"
            );
        }
        for (text, address) in [
            ("[::1]", "::1"),
            ("[0:0:0:0:0:0:0:1]", "::1"),
            ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
            ("[::FFFF:7f00:1]", "::ffff:127.0.0.1"),
            ("0", "0.0.0.0"),
            ("0x", "0.0.0.0"),
            ("4294967295", "255.255.255.255"),
            ("10.16777215", "10.255.255.255"),
            ("1.2.65535", "1.2.255.255"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(Host::parse(text), Some(Host::Address(address)), "{text}");
        }
    }

    #[test]
    fn names_are_names() {
        for text in [
            "example.com",
            "example.com.",
            "localhost",
            "EXAMPLE.com",
            "xn--bcher-kva.example",
            "a_b.example",
            "1.example",
            "127.0.0.1.example",
            "0xg",
            "face",
            "1e3",
            "v6",
        ] {
            assert_eq!(Host::parse(text), Some(Host::Name(text)), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let long_label = "a".repeat(64);
        let long_name = "a.".repeat(127) + "com";
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "256.0.0.1",
            "1.2.3.4.5",
            "1.2.3.256",
            "4294967296",
            "127.0.0.08",
            "0x7f.0.0.0xg1.1",
            "1.example.1",
            "a.1",
            "1..1",
            "1.2.3.0x100000000",
            "[::1",
            "[::1]]",
            "[]",
            "[127.0.0.1]",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "::1",
            "a b",
            "a%62",
            "bücher.example",
            "a,b",
            &long_label,
            &long_name,
            "99999999999999999999999",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }
}
