//! Looking into JSON text without rewriting it, so that a number that is passed on keeps every digit.
//!
//! The text is what Postgres has accepted as `json`: its syntax is valid, yet it may nest deeper than a recursive parser
//! goes and hold escapes that stand for no character. Nothing here recurses, and text that is no JSON after all gives
//! nothing instead of a panic.

use std::borrow::Cow;

/// Calls back with the key, as it is written, and the value of each member. `None` if the text is no object.
pub(crate) fn members<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) -> Option<()> {
    let mut scan = Scan::new(text);
    scan.take(b'{')?;
    if scan.take(b'}').is_some() {
        return Some(());
    }
    loop {
        let key = scan.value()?;
        scan.take(b':')?;
        each(key, scan.value()?);
        if scan.take(b',').is_none() {
            return scan.take(b'}');
        }
    }
}

/// Calls back with each element. `None` if the text is no array.
pub(crate) fn elements<'a>(text: &'a str, mut each: impl FnMut(&'a str)) -> Option<()> {
    let mut scan = Scan::new(text);
    scan.take(b'[')?;
    if scan.take(b']').is_some() {
        return Some(());
    }
    loop {
        each(scan.value()?);
        if scan.take(b',').is_none() {
            return scan.take(b']');
        }
    }
}

/// The value of the member with this key; of several the last, which is the one that counts in Postgres as well.
pub(crate) fn member<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    members(text, |key, value| {
        if string(key).is_some_and(|key| key == wanted) {
            found = Some(value);
        }
    })?;
    found
}

/// What lies at the end of a path: keys of objects, and positions in arrays from 0.
pub(crate) fn at<'a>(text: &'a str, path: &[String]) -> Option<&'a str> {
    path.iter().try_fold(text, |text, step| {
        if !text.trim_ascii_start().starts_with('[') {
            return member(text, step);
        }
        let wanted: usize = step.parse().ok()?;
        let (mut position, mut found) = (0, None);
        elements(text, |value| {
            if position == wanted {
                found = Some(value);
            }
            position += 1;
        })?;
        found
    })
}

/// The characters that a JSON string stands for. `None` if the text is something else.
///
/// Half of a surrogate pair, which `json` lets pass, becomes the replacement character.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.trim_ascii().strip_prefix('"')?.strip_suffix('"')?;
    let Some(plain) = inner.find('\\') else {
        return Some(Cow::Borrowed(inner));
    };
    let mut characters = inner[..plain].to_owned();
    let mut units = Vec::new();
    let mut rest = inner[plain..].chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            flush(&mut units, &mut characters);
            characters.push(character);
            continue;
        }
        let escaped = rest.next()?;
        if escaped == 'u' {
            let digits = rest.as_str().get(..4)?;
            units.push(u16::from_str_radix(digits, 16).ok()?);
            rest = rest.as_str()[4..].chars();
            continue;
        }
        flush(&mut units, &mut characters);
        characters.push(match escaped {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        });
    }
    flush(&mut units, &mut characters);
    Some(Cow::Owned(characters))
}

/// Escaped units that follow each other may be the two halves of one character.
fn flush(units: &mut Vec<u16>, characters: &mut String) {
    let decoded = char::decode_utf16(units.drain(..));
    characters.extend(decoded.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// A place in a text, at which values are skipped over.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Scan { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Skips space, and this byte if it comes next.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// The next value, without the space around it.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        match self.peek()? {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            _ => {
                let in_value = |byte: u8| !byte.is_ascii_whitespace() && !b",:]}".contains(&byte);
                while self.peek().is_some_and(in_value) {
                    self.at += 1;
                }
            }
        }
        (self.at > start).then(|| &self.text[start..self.at])
    }

    fn skip_string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                // Whatever is escaped does not end the string; where it is a character of several bytes, none of the
                // others is a quote.
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn skip_nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    fn find<'a>(text: &'a str, at_path: &str) -> Option<&'a str> {
        at(text, &path(at_path))
    }

    #[test]
    fn what_is_found_is_the_text_as_it_was() {
        let text = r#" { "a" : 1.10000000000000000000001 , "b":{"c":[true,{"d":"]}\""},[ ]],"2":null},"größe":"ü" } "#;
        assert_eq!(find(text, "a"), Some("1.10000000000000000000001"));
        assert_eq!(find(text, "b.c.0"), Some("true"));
        assert_eq!(find(text, "b.c.1.d"), Some(r#""]}\"""#));
        assert_eq!(find(text, "b.c.2"), Some("[ ]"));
        assert_eq!(find(text, "b.2"), Some("null"));
        assert_eq!(find(text, "größe"), Some("\"ü\""));
        for nowhere in ["c", "a.b", "b.c.3", "b.c.-1", "b.c.x", "b.c.2.0", "", "b."] {
            assert_eq!(find(text, nowhere), None, "{nowhere}");
        }
        assert_eq!(at(text, &[]), Some(text));
    }

    #[test]
    fn members_come_in_their_order_and_the_last_of_a_name_counts() {
        let text = r#"{"b":1,"a":[2],"b":3}"#;
        let mut seen = Vec::new();
        members(text, |key, value| seen.push((key, value))).expect("an object");
        assert_eq!(seen, [("\"b\"", "1"), ("\"a\"", "[2]"), ("\"b\"", "3")]);
        assert_eq!(member(text, "b"), Some("3"));
        assert_eq!(members("{}", |_, _| panic!("a member")), Some(()));
        assert_eq!(elements("[ ]", |_| panic!("an element")), Some(()));
    }

    #[test]
    fn strings_are_read_as_serde_json_reads_them() {
        for text in [
            r#""""#,
            r#""plain""#,
            r#""a\"b\\c\/d\b\f\n\r\t""#,
            r#""\u00e9\u0000\ud83d\ude00""#,
            "\"\u{1f600}\\né\"",
        ] {
            let expected: String = serde_json::from_str(text).expect("JSON");
            assert_eq!(string(text).as_deref(), Some(expected.as_str()), "{text}");
        }
    }

    #[test]
    fn half_a_character_is_replaced() {
        assert_eq!(string(r#""a\ud83db""#).as_deref(), Some("a\u{fffd}b"));
        assert_eq!(
            string(r#""\ude00\ud83d""#).as_deref(),
            Some("\u{fffd}\u{fffd}")
        );
        let text = r#"{"\ud800":1,"a":2}"#;
        assert_eq!(member(text, "a"), Some("2"));
    }

    #[test]
    fn depth_costs_nothing() {
        let depth = 200_000;
        let text = format!(
            "{{\"a\":{}{},\"b\":1}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        assert_eq!(member(&text, "b"), Some("1"));
    }

    #[test]
    fn what_is_no_json_gives_nothing() {
        for text in [
            "",
            " ",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\" 1}",
            "[1",
            "[1,",
            "[,]",
            "{]}",
            "]",
            "\"",
            "\"\\",
            "{\"a\":\"\\",
            "{\"a\":[}",
            "nul",
            "{\"a\":\"é\\é",
        ] {
            members(text, |_, _| {});
            elements(text, |_| {});
            assert_eq!(find(text, "b"), None, "{text}");
        }
        for text in [
            "",
            "\"",
            "a",
            "\"\\\"",
            "\"\\u12\"",
            "\"\\uéé\"",
            "\"\\u+123\"",
        ] {
            string(text);
        }
        assert_eq!(string("1"), None);
    }
}
