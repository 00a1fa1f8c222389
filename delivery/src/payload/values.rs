//! Values that are looked up in a message.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use crate::json;

/// JSON text that is searched several times, and read once for that.
pub(super) struct Document<'a> {
    text: Option<&'a str>,
    members: OnceCell<HashMap<Cow<'a, str>, &'a str>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: Option<&'a str>) -> Self {
        Document {
            text,
            members: OnceCell::new(),
        }
    }

    /// The value of a member, as it is written. `None` if there is none, or the text is no object.
    pub(super) fn member(&self, name: &str) -> Option<&'a str> {
        let read = || {
            let mut members = HashMap::new();
            json::members(self.text.unwrap_or_default(), |key, value| {
                members.extend(json::string(key).map(|key| (key, value)));
            });
            members
        };
        self.members.get_or_init(read).get(name).copied()
    }

    /// The value at the end of a path; all of it where the path is empty.
    pub(super) fn at(&self, path: &[String]) -> Option<&'a str> {
        match path {
            [first, rest @ ..] if self.is_object() => json::at(self.member(first)?, rest),
            _ => json::at(self.text?, path),
        }
    }

    fn is_object(&self) -> bool {
        self.text
            .is_some_and(|text| text.trim_ascii_start().starts_with('{'))
    }
}
