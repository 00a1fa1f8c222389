//! What an event's trigger and function say today. `webhooks.event` has the texts that were given; the server has what it
//! made of them, in which columns, tables and functions that are renamed have their new names.
//!
//! Texts are bytes in the database's encoding.

use pgrx::pg_sys::Oid;
use pgrx::prelude::*;

use crate::pg::deparse::{self, Parts};
use crate::pg::encoding::RawText;
use crate::pg::expression::with_search_path;

/// Names get their schemas, whatever the session's path.
const PATH: &str = "pg_catalog, pg_temp";

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// The numbers of the watched columns and the condition in the WHEN clause of an event's trigger, which must have just
    /// the parts that are said to be there. No row if it does not.
    #[pg_extern(stable)]
    fn event_when(
        trigger: Oid,
        computes: bool,
        changes: bool,
        condition: bool,
    ) -> TableIterator<'static, (name!(columns, Vec<i16>), name!(condition, Option<Vec<u8>>))> {
        let parts = Parts {
            computes,
            changes,
            condition,
        };
        let when = with_search_path(PATH, || deparse::when(trigger, parts));
        TableIterator::new(when.map(|when| (when.columns, when.condition)))
    }

    /// Those of some triggers, all with the same parts and the same operation on one table, that say what this one says.
    #[pg_extern(stable)]
    fn triggers_alike(
        trigger: Oid,
        others: Vec<Oid>,
        changes: bool,
        condition: bool,
    ) -> SetOfIterator<'static, Oid> {
        let parts = Parts {
            computes: false,
            changes,
            condition,
        };
        SetOfIterator::new(deparse::alike(trigger, others, parts))
    }

    /// The expressions for data, account and key in an event's function. NULL if it has none.
    #[pg_extern(stable)]
    fn event_expressions(event_id: i64) -> Option<Vec<Vec<u8>>> {
        let body = with_search_path(PATH, || {
            Spi::get_one_with_args::<RawText>(
                "SELECT pg_catalog.pg_get_function_sqlbody(p.oid) FROM pg_catalog.pg_proc p
                  WHERE p.pronamespace = 'webhooks'::pg_catalog.regnamespace AND p.proname = 'event_' || $1",
                &[event_id.into()],
            )
        });
        selected(&body.ok().flatten()?.0, &format!("event_{event_id}."))
    }
}

/// The three expressions in the body of an event's function: `BEGIN ATOMIC SELECT … AS data, … AS account, … AS key; END`.
///
/// Within a subquery the server writes the function's name before its parameters. It is left out: there is no such thing
/// where the expression is read again.
fn selected(body: &[u8], qualifier: &str) -> Option<Vec<Vec<u8>>> {
    // A line break follows it where the first of them is a CASE.
    let start = find(body, b"SELECT")? + b"SELECT".len();
    let end = body.iter().rposition(|&byte| byte == b';')?;
    let qualifier = qualifier.as_bytes();
    let mut expressions = vec![Vec::new()];
    let (mut at, mut depth) = (start, 0);
    while at < end {
        let rest = &body[at..end];
        let length = match rest[0] {
            quote @ (b'"' | b'\'') => quoted(rest, quote),
            _ if rest.starts_with(qualifier) && !is_of_name(body[at - 1]) => {
                at += qualifier.len();
                continue;
            }
            _ => 1,
        };
        match rest[0] {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b',' if depth == 0 => {
                expressions.push(Vec::new());
                at += 1;
                continue;
            }
            _ => {}
        }
        expressions.last_mut()?.extend_from_slice(&rest[..length]);
        at += length;
    }
    let names: [&[u8]; 3] = [b" AS data", b" AS account", b" AS key"];
    if expressions.len() != names.len() {
        return None;
    }
    let named = expressions.iter().zip(names);
    named
        .map(|(expression, name)| Some(expression.trim_ascii().strip_suffix(name)?.to_vec()))
        .collect()
}

/// How long a string or a quoted name is. A quote that is doubled ends it and begins the next, which comes to the same; the
/// server writes no `E''`.
fn quoted(text: &[u8], quote: u8) -> usize {
    let length = text[1..].iter().position(|&byte| byte == quote);
    length.map_or(text.len(), |length| length + 2)
}

/// Whether a name may go on with this byte.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'"') || !byte.is_ascii()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}
