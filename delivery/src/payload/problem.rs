//! What is wrong with a payload that a user wrote, where, and what there is instead.

use std::fmt;

use super::placeholder::PLACEHOLDERS;
use super::template::MAX_DEPTH;
use super::{MAX_TEXT_BYTES, PRESETS};

/// A place in a template: a string, and a character in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The JSON pointer (RFC 6901) of the string; of the member where it is a key.
    pub pointer: String,
    /// The string is the member's key.
    pub in_key: bool,
    /// The number of the character in the string, from 1.
    pub character: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let character = self.character;
        match (self.pointer.as_str(), self.in_key) {
            ("", _) => write!(f, "at character {character}"),
            (pointer, false) => write!(f, "at {pointer}, character {character}"),
            (pointer, true) => write!(f, "in the key at {pointer}, character {character}"),
        }
    }
}

/// Why a text is no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadProblem {
    /// It is not JSON; what the parser says.
    NotJson(String),
    /// It has this many bytes.
    TooLong(usize),
    /// It nests deeper than templates may.
    TooDeep,
    /// A string that is neither a preset's name nor has a placeholder.
    UnknownPreset(String),
    /// A placeholder without its closing bracket.
    Unclosed(Position),
    /// There is no such placeholder.
    UnknownPlaceholder(String, Position),
    /// It lacks the column's name, or a step of its path.
    EmptyPlaceholder(String, Position),
}

/// No more of the user's text than this is repeated in an error.
const MAX_SHOWN: usize = 60;

impl fmt::Display for PayloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadProblem::NotJson(said) => write!(f, "it is not JSON: {said}"),
            PayloadProblem::TooLong(bytes) => write!(f, "it has {bytes} bytes"),
            PayloadProblem::TooDeep => write!(f, "it nests more than {MAX_DEPTH} levels deep"),
            PayloadProblem::UnknownPreset(name) => {
                write!(f, "there is no preset \"{}\"", shown(name))
            }
            PayloadProblem::Unclosed(position) => {
                write!(f, "a placeholder has no closing bracket {position}")
            }
            PayloadProblem::UnknownPlaceholder(text, position) => {
                write!(f, "there is no placeholder [@{}] {position}", shown(text))
            }
            PayloadProblem::EmptyPlaceholder(text, position) => {
                write!(
                    f,
                    "the placeholder [@{}] lacks a name {position}",
                    shown(text)
                )
            }
        }
    }
}

impl std::error::Error for PayloadProblem {}

impl PayloadProblem {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            PayloadProblem::NotJson(_) | PayloadProblem::TooDeep => {
                "Give the name of a preset, such as '\"default\"', or a template: JSON with placeholders in its strings."
                    .into()
            }
            PayloadProblem::TooLong(_) => {
                format!("A template has at most {MAX_TEXT_BYTES} bytes.")
            }
            PayloadProblem::UnknownPreset(name) => {
                format!("Presets, the nearest first: {}.", nearest(name, &PRESETS).join(", "))
            }
            PayloadProblem::Unclosed(_) => {
                "\"[@\" begins a placeholder, such as [@out-hook:eventId] or [@field:<column>].".into()
            }
            PayloadProblem::UnknownPlaceholder(text, _) => {
                let placeholders = nearest(text, PLACEHOLDERS).join("], [@");
                format!("Placeholders, the nearest first: [@{placeholders}].")
            }
            PayloadProblem::EmptyPlaceholder(..) => {
                "Write [@field:<column>], [@old:<column>], [@data:<path>] or [@metadata:<path>]; a path is names with dots between."
                    .into()
            }
        }
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The names by how few letters have to be changed to come from the text to them.
fn nearest<'a>(text: &str, names: &[&'a str]) -> Vec<&'a str> {
    let text = shown(text);
    let mut names = names.to_vec();
    names.sort_by_key(|name| distance(&text, name));
    names
}

/// How many characters have to be inserted, deleted or replaced to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, character) in one.chars().enumerate() {
        let mut diagonal = above[0];
        above[0] = row + 1;
        for (column, &wanted) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(character != wanted);
            diagonal = above[column + 1];
            above[column + 1] = replaced.min(diagonal + 1).min(above[column] + 1);
        }
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
            ("defualt", "default", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_comes_first_and_none_is_left_out() {
        let names = nearest("clintpad", &PRESETS);
        assert_eq!(names[0], "clinchpad");
        assert_eq!(names.len(), PRESETS.len());
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let problem = PayloadProblem::UnknownPreset("é".repeat(100_000));
        assert_eq!(
            problem.to_string(),
            format!("there is no preset \"{}…\"", "é".repeat(60))
        );
        assert!(problem.hint().starts_with("Presets, the nearest first: "));
    }
}
