//! A body of the user's own: any JSON, with placeholders in its strings.
//!
//! It is read once into a row of pieces: text that stays as it is, and placeholders between. A string that is one
//! placeholder and nothing else becomes the value with its JSON type. Within a string, and in a key, a placeholder is
//! replaced by the value's text.

use super::placeholder::{NotAPlaceholder, Placeholder, Source};
use super::problem::{PayloadProblem, Position};
use super::write::{append_escaped, append_string};
use super::{Context, Item, TooLarge};
use crate::json;

/// What a placeholder begins with.
pub(super) const OPENING: &str = "[@";
/// How deep a template may nest: more than anybody writes, and no danger for the stack.
pub(super) const MAX_DEPTH: usize = 64;
/// Each placeholder may stand for all of a message, so that a template could make a thousand times as much of it.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    columns: Vec<ColumnUse>,
}

#[derive(Debug)]
enum Piece {
    /// Part of the body as it is.
    Fixed(Vec<u8>),
    /// A placeholder for a JSON value.
    Value(Placeholder),
    /// A placeholder between the quotes of a string.
    Within(Placeholder),
}

/// A column that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// Its name.
    pub column: String,
    /// `[@old:…]`, not `[@field:…]`.
    pub old: bool,
    /// Where its placeholder begins.
    pub position: Position,
}

impl Template {
    /// Reads a template from JSON text that is known to be valid.
    pub(super) fn parse(text: &str) -> Result<Template, PayloadProblem> {
        let mut reader = Reader {
            template: Template {
                pieces: Vec::new(),
                columns: Vec::new(),
            },
            pointer: String::new(),
        };
        reader.value(text, 0)?;
        Ok(reader.template)
    }

    pub(super) fn columns(&self) -> &[ColumnUse] {
        &self.columns
    }

    pub(super) fn names_secret(&self) -> bool {
        let secret = Placeholder::Secret;
        self.pieces.iter().any(|piece| match piece {
            Piece::Fixed(_) => false,
            Piece::Value(placeholder) | Piece::Within(placeholder) => *placeholder == secret,
        })
    }

    /// Appends the body for one message.
    pub(super) fn append(
        &self,
        out: &mut Vec<u8>,
        context: &Context<'_>,
        item: &Item<'_>,
    ) -> Result<(), TooLarge> {
        let start = out.len();
        let source = Source::new(context, item);
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(text) => out.extend_from_slice(text),
                Piece::Value(placeholder) => match placeholder.value(&source) {
                    Some(value) => value.append(out),
                    None => out.extend_from_slice(b"null"),
                },
                Piece::Within(placeholder) => {
                    if let Some(value) = placeholder.value(&source) {
                        value.append_within_string(out);
                    }
                }
            }
            if out.len() - start > MAX_BODY_BYTES {
                return Err(TooLarge);
            }
        }
        Ok(())
    }
}

/// A template on its way from text to pieces.
struct Reader {
    template: Template,
    /// Where the reader is, as a JSON pointer.
    pointer: String,
}

impl Reader {
    /// The end of what is known of the body so far.
    fn fixed(&mut self) -> &mut Vec<u8> {
        let pieces = &mut self.template.pieces;
        if !matches!(pieces.last(), Some(Piece::Fixed(_))) {
            pieces.push(Piece::Fixed(Vec::new()));
        }
        match pieces.last_mut() {
            Some(Piece::Fixed(text)) => text,
            _ => unreachable!("one was just pushed"),
        }
    }

    fn value(&mut self, text: &str, depth: usize) -> Result<(), PayloadProblem> {
        if depth > MAX_DEPTH {
            return Err(PayloadProblem::TooDeep);
        }
        let mut children = Vec::new();
        if json::members(text, |key, value| children.push((key, value))).is_some() {
            return self.object(&children, depth);
        }
        let mut children = Vec::new();
        if json::elements(text, |value| children.push(value)).is_some() {
            return self.array(&children, depth);
        }
        match json::string(text) {
            Some(characters) => self.string(&characters, false),
            None => {
                self.fixed().extend_from_slice(text.trim_ascii().as_bytes());
                Ok(())
            }
        }
    }

    fn object(&mut self, members: &[(&str, &str)], depth: usize) -> Result<(), PayloadProblem> {
        self.fixed().push(b'{');
        for (place, (key, value)) in members.iter().enumerate() {
            if place > 0 {
                self.fixed().push(b',');
            }
            let key = json::string(key).unwrap_or_default();
            let step = key.replace('~', "~0").replace('/', "~1");
            self.step(&step, |reader| {
                reader.string(&key, true)?;
                reader.fixed().push(b':');
                reader.value(value, depth + 1)
            })?;
        }
        self.fixed().push(b'}');
        Ok(())
    }

    fn array(&mut self, elements: &[&str], depth: usize) -> Result<(), PayloadProblem> {
        self.fixed().push(b'[');
        for (place, value) in elements.iter().enumerate() {
            if place > 0 {
                self.fixed().push(b',');
            }
            self.step(&place.to_string(), |reader| reader.value(value, depth + 1))?;
        }
        self.fixed().push(b']');
        Ok(())
    }

    /// Goes one step down for as long as the function takes.
    fn step(
        &mut self,
        step: &str,
        within: impl FnOnce(&mut Self) -> Result<(), PayloadProblem>,
    ) -> Result<(), PayloadProblem> {
        let here = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        within(self)?;
        self.pointer.truncate(here);
        Ok(())
    }

    fn string(&mut self, text: &str, is_key: bool) -> Result<(), PayloadProblem> {
        if !text.contains(OPENING) {
            append_string(self.fixed(), text);
            return Ok(());
        }
        let mut rest = Rest {
            text,
            at: 0,
            character: 1,
        };
        let mut parts = Vec::new();
        while let Some(fixed) = rest.up_to(OPENING) {
            let position = Position {
                pointer: self.pointer.clone(),
                in_key: is_key,
                character: rest.character,
            };
            rest.skip(OPENING);
            let Some(inner) = rest.up_to("]") else {
                return Err(PayloadProblem::Unclosed(position));
            };
            rest.skip("]");
            parts.push((fixed, self.placeholder(inner, position)?));
        }
        let tail = rest.remainder();
        if !is_key && tail.is_empty() && matches!(parts.as_slice(), [("", _)]) {
            let value = parts
                .pop()
                .map(|(_, placeholder)| Piece::Value(placeholder));
            self.template.pieces.extend(value);
            return Ok(());
        }
        self.fixed().push(b'"');
        for (fixed, placeholder) in parts {
            append_escaped(self.fixed(), fixed);
            self.template.pieces.push(Piece::Within(placeholder));
        }
        append_escaped(self.fixed(), tail);
        self.fixed().push(b'"');
        Ok(())
    }

    fn placeholder(
        &mut self,
        inner: &str,
        position: Position,
    ) -> Result<Placeholder, PayloadProblem> {
        match Placeholder::parse(inner) {
            Ok((placeholder, column)) => {
                self.template.columns.extend(column.map(|column| ColumnUse {
                    column: column.name,
                    old: column.old,
                    position,
                }));
                Ok(placeholder)
            }
            Err(NotAPlaceholder::Unknown) => Err(PayloadProblem::UnknownPlaceholder(
                inner.to_owned(),
                position,
            )),
            Err(NotAPlaceholder::Empty) => {
                Err(PayloadProblem::EmptyPlaceholder(inner.to_owned(), position))
            }
        }
    }
}

/// What is left to read of a string.
struct Rest<'a> {
    text: &'a str,
    at: usize,
    /// The number of the character at `at`, from 1.
    character: usize,
}

impl<'a> Rest<'a> {
    fn remainder(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Reads up to a mark, if it comes.
    fn up_to(&mut self, mark: &str) -> Option<&'a str> {
        let (before, _) = self.remainder().split_once(mark)?;
        self.skip(before);
        Some(before)
    }

    /// Goes past what is known to come.
    fn skip(&mut self, text: &str) {
        self.at += text.len();
        self.character += text.chars().count();
    }
}
