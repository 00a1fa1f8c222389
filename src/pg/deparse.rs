//! What a trigger's WHEN clause says today. The server keeps it parsed and follows what is renamed.

use std::ffi::{CStr, CString};

use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;

use super::encoding::RawText;
use super::sys;

/// What a WHEN clause says.
pub struct When {
    /// The columns of OLD that the part about changes names, in no order.
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
    let clause = CString::new(clause?.0).ok()?;
    // SAFETY: that is what the server has written of this table's trigger.
    unsafe { take_apart(table?, &clause, parts) }
}

/// # Safety
/// The text is `tgqual` of a trigger on this table.
unsafe fn take_apart(table: Oid, tgqual: &CStr, parts: Parts) -> Option<When> {
    // SAFETY: the server wrote the text from a valid tree.
    unsafe {
        let clause: *mut pg_sys::Node = pg_sys::stringToNode(tgqual.as_ptr()).cast();
        let count = parts.before_condition() + usize::from(parts.condition);
        // What stands alone may be an AND of the user's.
        let found = match count {
            1 => vec![clause],
            _ => conjuncts(clause),
        };
        if found.len() != count {
            return None;
        }
        let columns = match parts.changes {
            true => old_columns(found[usize::from(parts.computes)]),
            false => Vec::new(),
        };
        let condition = found.get(parts.before_condition());
        Some(When {
            columns,
            condition: condition.map(|&condition| text(table, condition)),
        })
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
