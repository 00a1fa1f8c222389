//! What a trigger's WHEN clause says today. The server keeps it parsed and follows what is renamed.

use std::ffi::{CStr, CString};

use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use pgrx::PgMemoryContexts;

use super::encoding::RawText;
use super::statement::column;
use super::sys;

/// What a WHEN clause says.
pub struct When {
    /// The columns of OLD that the part about changes names, sorted.
    pub columns: Vec<i16>,
    /// The condition, as an expression over `old` and `new`, in the database's encoding.
    pub condition: Option<Vec<u8>>,
}

/// Which parts a WHEN clause has, in this order, with AND between.
#[derive(Clone, Copy)]
pub struct Parts {
    /// It mentions the event's function.
    pub computes: bool,
    /// It asks whether something changed.
    pub changes: bool,
    /// It has a condition of the user's.
    pub condition: bool,
}

impl Parts {
    fn before_condition(self) -> usize {
        usize::from(self.computes) + usize::from(self.changes)
    }
}

/// What a trigger's WHEN clause says, `None` if it does not have just these parts.
pub fn when(trigger: Oid, parts: Parts) -> Option<When> {
    let (table, clause) = Spi::get_two_with_args::<Oid, RawText>(
        "SELECT t.tgrelid, t.tgqual::pg_catalog.text FROM pg_catalog.pg_trigger t WHERE t.oid = $1",
        &[trigger.into()],
    )
    .ok()?;
    let table = table?;
    // SAFETY: that is what the server has written of this table's trigger.
    unsafe {
        let clause = Clause::read(clause?, parts)?;
        Some(When {
            condition: clause.condition.map(|condition| text(table, condition)),
            columns: clause.columns,
        })
    }
}

/// Those of some triggers whose WHEN clauses say just what that of this one says, whatever the names were when they were
/// made. All have these parts, and are on one table and for the same operation.
pub fn alike(trigger: Oid, others: Vec<Oid>, parts: Parts) -> Vec<Oid> {
    let clauses = "SELECT t.oid, t.tgqual::pg_catalog.text FROM pg_catalog.pg_trigger t
                    WHERE t.oid = ANY ($1) AND t.tgqual IS NOT NULL";
    Spi::connect(|client| {
        let read = |triggers: Vec<Oid>| {
            client
                .select(clauses, None, &[triggers.into()])
                .unwrap_or_else(|error| panic!("{clauses}: {error}"))
                .map(|row| (column::<Oid>(&row, 1), column::<RawText>(&row, 2)))
        };
        let Some(wanted) = read(vec![trigger]).next().and_then(|(_, text)| {
            // SAFETY: that is what the server has written of this trigger.
            unsafe { Clause::read(text, parts) }
        }) else {
            return Vec::new();
        };
        read(others)
            .filter_map(|(other, text)| {
                let mut memory = PgMemoryContexts::new("webhooks clause");
                // SAFETY: as above, and what is read lives as long as its memory; comparing trees changes none.
                let same = unsafe {
                    memory.switch_to(|_| {
                        Clause::read(text, parts).is_some_and(|clause| clause.says_what(&wanted))
                    })
                };
                same.then_some(other)
            })
            .collect()
    })
}

/// A WHEN clause, taken apart.
struct Clause {
    /// The columns of OLD that the part about changes names, sorted.
    columns: Vec<i16>,
    condition: Option<*mut pg_sys::Node>,
}

impl Clause {
    /// `None` if it does not have just these parts.
    ///
    /// # Safety
    /// The text is `tgqual` of a trigger. What is read lies in the current context.
    unsafe fn read(tgqual: RawText, parts: Parts) -> Option<Self> {
        let text = CString::new(tgqual.0).ok()?;
        // SAFETY: the server wrote the text from a valid tree.
        unsafe {
            let clause: *mut pg_sys::Node = pg_sys::stringToNode(text.as_ptr()).cast();
            if system_columns(clause) {
                return None;
            }
            let count = parts.before_condition() + usize::from(parts.condition);
            // What stands alone may be an AND of the user's.
            let found = match count {
                1 => vec![clause],
                _ => conjuncts(clause),
            };
            if found.len() != count {
                return None;
            }
            let mut columns = match parts.changes {
                true => old_columns(found[usize::from(parts.computes)]),
                false => Vec::new(),
            };
            columns.sort_unstable();
            let condition = found.get(parts.before_condition()).copied();
            Some(Self { columns, condition })
        }
    }

    /// # Safety
    /// The conditions of both are still there.
    unsafe fn says_what(&self, other: &Self) -> bool {
        if self.columns != other.columns {
            return false;
        }
        match (self.condition, other.condition) {
            // SAFETY: both are valid trees.
            (Some(one), Some(other)) => unsafe { pg_sys::equal(one.cast(), other.cast()) },
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

/// # Safety
/// The node is that of a valid expression.
unsafe fn conjuncts(clause: *mut pg_sys::Node) -> Vec<*mut pg_sys::Node> {
    // SAFETY: the node is looked at as what its tag says.
    unsafe {
        if (*clause).type_ != pg_sys::NodeTag::T_BoolExpr {
            return vec![clause];
        }
        let expression = clause.cast::<pg_sys::BoolExpr>();
        match (*expression).boolop {
            pg_sys::BoolExprType::AND_EXPR => sys::nodes((*expression).args),
            _ => vec![clause],
        }
    }
}

/// # Safety
/// The node is that of a valid expression without aggregates, window functions and placeholders.
unsafe fn old_columns(change: *mut pg_sys::Node) -> Vec<i16> {
    // SAFETY: what is found are variables.
    unsafe {
        sys::nodes(pg_sys::pull_var_clause(change, 0))
            .into_iter()
            .map(|node| node.cast::<pg_sys::Var>())
            .filter(|&variable| (*variable).varno == pg_sys::PRS2_OLD_VARNO as i32)
            .map(|variable| (*variable).varattno)
            .filter(|&column| column > 0)
            .collect()
    }
}

/// Whether an expression uses columns of the system, which [`text`] cannot name.
///
/// # Safety
/// As [`old_columns`].
unsafe fn system_columns(expression: *mut pg_sys::Node) -> bool {
    // SAFETY: what is found are variables.
    unsafe {
        sys::nodes(pg_sys::pull_var_clause(expression, 0))
            .into_iter()
            .any(|node| (*node.cast::<pg_sys::Var>()).varattno < 0)
    }
}

/// An expression over the rows of a trigger as text, as the server shows triggers.
///
/// # Safety
/// The node is that of a valid expression whose variables are of OLD and NEW of this table.
unsafe fn text(table: Oid, expression: *mut pg_sys::Node) -> Vec<u8> {
    // SAFETY: nodes are allocated as what their tag says, and zeros are valid in all their other fields; the server
    // copies nothing of them beyond this call. What it gives is a C string of the current context.
    unsafe {
        let mut columns = std::ptr::null_mut();
        for attribute in 1.. {
            let name = pg_sys::get_attname(table, attribute, true);
            if name.is_null() {
                break;
            }
            columns = pg_sys::lappend(columns, pg_sys::makeString(name).cast());
        }
        // Not as the relation, which the server would open and wait for whoever has locked it.
        let mut rows = std::ptr::null_mut();
        let mut names = std::ptr::null_mut();
        for name in [c"old", c"new"] {
            let row: *mut pg_sys::RangeTblEntry = node(pg_sys::NodeTag::T_RangeTblEntry);
            (*row).rtekind = pg_sys::RTEKind::RTE_VALUES;
            (*row).eref = pg_sys::makeAlias(name.as_ptr(), columns);
            rows = pg_sys::lappend(rows, row.cast());
            names = pg_sys::lappend(names, name.as_ptr().cast_mut().cast());
        }
        let statement: *mut pg_sys::PlannedStmt = node(pg_sys::NodeTag::T_PlannedStmt);
        (*statement).rtable = rows;
        let context = pg_sys::deparse_context_for_plan_tree(statement, names);
        let text = pg_sys::deparse_expression(expression, context, true, false);
        CStr::from_ptr(text).to_bytes().to_vec()
    }
}

/// # Safety
/// The type is the one that the tag says.
unsafe fn node<T>(tag: pg_sys::NodeTag) -> *mut T {
    // SAFETY: a node begins with its tag, as the caller promised.
    unsafe {
        let node = pg_sys::palloc0(size_of::<T>()).cast::<T>();
        node.cast::<pg_sys::Node>()
            .write(pg_sys::Node { type_: tag });
        node
    }
}
