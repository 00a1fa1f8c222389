//! The table that an event is on, as its expressions see it, and which column they mean where they name it as they must not.

use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

use crate::pg::expression::{catalog_text, Refused};
use crate::pg::statement::text;

/// A table, for events of one type.
pub struct Watched {
    /// Its name, with its schema.
    pub table: String,
    /// The rows that expressions have.
    pub rows: &'static [&'static str],
    columns: Vec<Column>,
}

struct Column {
    name: String,
    quoted: String,
}

impl Watched {
    /// The table as it is for events of this type.
    pub fn of(on_table: Oid, event_type: &str) -> Self {
        let columns = "SELECT a.attname::pg_catalog.text, pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute a
                        WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
        Self {
            table: catalog_text(
                "SELECT format('%I.%I', n.nspname, c.relname)
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1",
                &[on_table.into()],
            ),
            rows: match event_type {
                "table.recordInsert" => &["new"],
                "table.recordDelete" => &["old"],
                _ => &["old", "new"],
            },
            columns: Spi::connect(|client| {
                let rows = client
                    .select(columns, None, &[on_table.into()])
                    .unwrap_or_else(|error| panic!("{columns}: {error}"));
                rows.map(|row| Column {
                    name: text(&row, 1),
                    quoted: text(&row, 2),
                })
                .collect()
            }),
        }
    }

    /// With the advice to write NEW or OLD before what is a column of the row, or its name as it is.
    pub fn hinted(&self, expression: &str, mut refused: Refused) -> Refused {
        let is_about_column = matches!(
            refused.code,
            PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN | PgSqlErrorCode::ERRCODE_AMBIGUOUS_COLUMN
        );
        let place = refused.place.filter(|_| is_about_column);
        let Some(said) = place.map(|place| names(expression.chars().skip(place - 1))) else {
            return refused;
        };
        let (name, rows) = match &said[..] {
            [name] => (name, self.rows.to_vec()),
            [row, name] if matches!(row.as_str(), "old" | "new") => (name, vec![row.as_str()]),
            _ => return refused,
        };
        let is_like = |column: &&Column| column.name.to_lowercase() == name.to_lowercase();
        let meant = (self.columns.iter())
            .filter(is_like)
            .max_by_key(|column| column.name == *name);
        if let Some(column) = meant {
            let of = |row: &&str| format!("{}.{}", row.to_uppercase(), column.quoted);
            let choices: Vec<String> = rows.iter().rev().map(of).collect();
            refused.hint = Some(format!("Write {}.", choices.join(" or ")));
        }
        refused
    }
}

/// The name that some text begins with, after what qualifies it, as the server reads it.
fn names(text: impl Iterator<Item = char>) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut is_quoted = false;
    let mut text = text.peekable();
    while let Some(c) = text.next() {
        let name = names.last_mut().expect("it begins with one");
        match c {
            '"' if is_quoted && text.next_if_eq(&'"').is_some() => name.push(c),
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => name.push(c),
            '.' => names.push(String::new()),
            _ if c.is_alphanumeric() || matches!(c, '_' | '$') => name.extend(c.to_lowercase()),
            _ => break,
        }
    }
    names
}
