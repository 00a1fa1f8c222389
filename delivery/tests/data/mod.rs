//! The lists of URLs, for whoever tests with them.
#![allow(dead_code, reason = "each test crate uses its part")]

const FORBIDDEN: &str = include_str!("forbidden_urls.txt");
const ALLOWED: &str = include_str!("allowed_urls.txt");

/// A URL that must never be called.
pub struct Forbidden {
    /// What sort it is of.
    pub class: &'static str,
    pub url: String,
}

impl Forbidden {
    /// Whether it is refused only when its name is looked up.
    pub fn is_name(&self) -> bool {
        ["name", "hostname", "punycode"].contains(&self.class)
    }
}

/// All that must never be called, with this port where the list leaves it open.
pub fn forbidden(port: u16) -> Vec<Forbidden> {
    let read = |line: &'static str| {
        let (class, url) = line.split_once(' ').expect("a class and a URL");
        let url = unescape(url.trim_start()).replace("{port}", &port.to_string());
        Forbidden { class, url }
    };
    lines(FORBIDDEN).map(read).collect()
}

/// All that must not be refused.
pub fn allowed() -> Vec<&'static str> {
    lines(ALLOWED).collect()
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = escape.chars();
        match chars.next() {
            Some('\\') => out.push('\\'),
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('u') => {
                let (code, after) = escape
                    .strip_prefix("u{")
                    .and_then(|code| code.split_once('}'))
                    .expect("\\u{hex}");
                let code = u32::from_str_radix(code, 16).expect("hex");
                out.push(char::from_u32(code).expect("a character"));
                rest = after;
                continue;
            }
            other => panic!("no such escape in {text}: {other:?}"),
        }
        rest = chars.as_str();
    }
    out + rest
}
