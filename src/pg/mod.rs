//! The fence: every line of `unsafe` that this extension needs stands below this module, behind functions that
//! are safe to call. A crash of ours restarts someone's database, so each block says why it may do what it does.

pub mod backend;
pub mod catalog;
pub mod computed;
pub mod cursor;
pub mod deparse;
pub mod encoding;
pub mod entry;
pub mod expression;
pub mod guc;
pub mod identity;
pub mod interrupt;
pub mod level;
pub mod lock;
pub mod managed;
pub mod moment;
mod notes;
pub mod numeric;
mod partition;
pub mod process;
pub mod row;
pub mod statement;
pub mod store;
pub mod sys;
pub mod transaction;
pub mod trigger;
pub mod unspoken;
pub mod value;
mod versions;
pub mod wait;
pub mod wake;
