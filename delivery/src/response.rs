//! What is kept of an answer's body.

/// A body as text that any table can hold: valid UTF-8 without NUL, at most `max_bytes` long. `None` if it is empty.
pub(crate) fn text(body: &[u8], max_bytes: usize) -> Option<String> {
    let body = without_cut_character(body, max_bytes);
    let mut text = String::from_utf8_lossy(body).replace('\0', "\u{fffd}");
    // A replacement is longer than what it replaces.
    text.truncate(text.floor_char_boundary(max_bytes));
    (!text.is_empty()).then_some(text)
}

/// A body that was cut to size may end within a character. That is no fault of the receiver's, so do not show one.
fn without_cut_character(body: &[u8], max_bytes: usize) -> &[u8] {
    match str::from_utf8(body) {
        Err(error) if error.error_len().is_none() && body.len() >= max_bytes => {
            &body[..error.valid_up_to()]
        }
        _ => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_kept() {
        assert_eq!(text("größe".as_bytes(), 100).as_deref(), Some("größe"));
        assert_eq!(text(b"", 100), None);
        assert_eq!(text(b"abc", 0), None);
    }

    #[test]
    fn nul_and_invalid_utf8_are_replaced() {
        assert_eq!(
            text(b"a\0b\xffc", 100).as_deref(),
            Some("a\u{fffd}b\u{fffd}c")
        );
        assert_eq!(text(b"ab\xc3", 100).as_deref(), Some("ab\u{fffd}"));
    }

    #[test]
    fn the_result_is_never_longer_than_the_limit() {
        for limit in 0..20 {
            for body in [
                &b"\0\0\0\0\0\0\0\0"[..],
                "ääääää".as_bytes(),
                b"\xff\xc3\xff\xe2\x82",
            ] {
                let body = &body[..body.len().min(limit)];
                assert!(text(body, limit).is_none_or(|text| text.len() <= limit));
            }
        }
    }

    #[test]
    fn a_character_cut_at_the_limit_is_left_out() {
        let body = "ab€".as_bytes();
        assert_eq!(text(&body[..4], 4).as_deref(), Some("ab"));
        assert_eq!(text(body, 5).as_deref(), Some("ab€"));
    }
}
