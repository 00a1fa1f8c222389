//! Statements around an expression that a user gave: what the server says against it, and where in it.

use std::ffi::{c_void, CStr, CString};
use std::panic::AssertUnwindSafe;

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;

use super::encoding::{encoded, Utf8};
use super::level::Level;
use super::sys;
use super::versions::attributes;

/// A statement, as what stands before and behind an expression.
pub struct Around<'a> {
    /// Before it.
    pub before: &'a str,
    /// What the user gave.
    pub expression: &'a str,
    /// Behind it. It should begin with a line break, which ends a comment.
    pub after: &'a str,
}

/// Why a statement was refused.
pub struct Refused {
    /// The SQLSTATE.
    pub code: PgSqlErrorCode,
    /// The server's words, without any of ours.
    pub message: String,
    /// Where in the expression they apply: its characters from 1.
    pub place: Option<usize>,
    /// What the server adds to that, such as which object is in the way.
    pub detail: Option<String>,
    /// The server's advice.
    pub hint: Option<String>,
}

impl Refused {
    fn syntax<R>(problem: &str) -> Result<R, Self> {
        Err(Self {
            code: PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            message: problem.to_owned(),
            place: None,
            detail: None,
            hint: None,
        })
    }
}

impl Around<'_> {
    /// Has the server parse, plan and start a query, which must be one of one column and fetch no row; gives the type of
    /// the column. So names, types and the privileges of the current user are all checked, and nothing is evaluated.
    pub fn check(&self) -> Result<Oid, Refused> {
        self.guarded(|statement| {
            // SAFETY: within a connection to SPI; a plan's sources are CachedPlanSources, and what they hold lives as
            // long as the plan, which is freed when the connection ends.
            Spi::connect(|_| unsafe {
                let plan = pg_sys::SPI_prepare(statement.as_ptr(), 0, std::ptr::null_mut());
                let sources = pg_sys::SPI_plan_get_plan_sources(plan);
                if (*sources).length != 1 {
                    return Refused::syntax("it is more than one statement");
                }
                let source = (*(*sources).elements).ptr_value;
                let source = source.cast::<pg_sys::CachedPlanSource>();
                let result = (*source).resultDesc;
                if (*source).commandTag != pg_sys::CommandTag::CMDTAG_SELECT
                    || result.is_null()
                    || (*result).natts != 1
                {
                    return Refused::syntax("it is not one expression");
                }
                if let Some(call) = key_without_value((*source).query_list) {
                    let before = pg_sys::pg_mbstrlen_with_len(statement.as_ptr(), (*call).location);
                    return Err(self.without_value((*call).funcid, before + 1));
                }
                let found = attributes(result)[0].atttypid;
                pg_sys::SPI_execute_plan(plan, std::ptr::null_mut(), std::ptr::null(), true, 0);
                Ok(found)
            })
        })?
    }

    /// Runs a command.
    pub fn run(&self) -> Result<(), Refused> {
        self.guarded(|statement| {
            // SAFETY: the statement is a C string.
            let count = unsafe {
                let how = pg_sys::RawParseMode::RAW_PARSE_DEFAULT;
                sys::nodes(pg_sys::raw_parser(statement.as_ptr(), how)).len()
            };
            if count != 1 {
                return Refused::syntax("it is more than one statement");
            }
            execute_encoded(statement);
            Ok(())
        })?
    }

    /// Does something with the whole statement and catches the error. The caller must raise another one: the transaction, or
    /// the part of it that may be undone by itself, can do nothing any more. The server can run the user's code when it only
    /// reads or plans what they gave; what that sets does not last, so that the next reading finds the same text.
    fn guarded<R>(&self, work: impl FnOnce(&CString) -> R) -> Result<R, Refused> {
        let statement = encoded_statement(&[self.before, self.expression, self.after].concat());
        let level = Level::enter();
        level.read_as_written();
        let mut position = 0;
        PgTryBuilder::new(AssertUnwindSafe(|| {
            Ok(noting_position(&statement, &mut position, || {
                work(&statement)
            }))
        }))
        .catch_others(|error| match error {
            CaughtError::PostgresError(report) => Err(Box::new(report)),
            other => other.rethrow(),
        })
        .execute()
        .map_err(|report| self.refused(&report, position))
    }

    fn refused(&self, report: &ErrorReportWithLevel, position: i32) -> Refused {
        let place = self.place(position);
        let is_behind = place.is_some_and(|place| place > self.expression.chars().count());
        let message = report.message();
        Refused {
            code: report.sql_error_code(),
            message: match is_behind && message.starts_with("syntax error at or near") {
                true => "syntax error at its end".to_owned(),
                // What is not ended by the user's words is said to go on with ours.
                false => message.replace(self.after, ""),
            },
            place: place.filter(|_| !is_behind),
            detail: report.detail().map(str::to_owned),
            hint: report.hint().map(str::to_owned),
        }
    }

    /// A position in the statement as one in the expression, or behind it: characters from 1.
    fn place(&self, position: i32) -> Option<usize> {
        let place = usize::try_from(position).ok()?;
        place
            .checked_sub(self.before.chars().count())
            .filter(|&place| place > 0)
    }

    fn without_value(&self, function: Oid, position: i32) -> Refused {
        // SAFETY: a catalog look-up of a function that is there.
        let name = unsafe { CStr::from_ptr(pg_sys::get_func_name(function)) }.to_string_lossy();
        Refused {
            code: PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            message: "argument list must have even number of elements".to_owned(),
            place: self.place(position),
            detail: None,
            hint: Some(format!(
                "The arguments of {name}() must consist of alternating keys and values."
            )),
        }
    }
}

/// The first call of `json_build_object` or `jsonb_build_object` in some queries that has no value for its last key. The
/// server finds that out when it is called, which would be for each row.
///
/// # Safety
/// The list is one of valid queries. The call stays as long as they do.
unsafe fn key_without_value(queries: *mut pg_sys::List) -> Option<*mut pg_sys::FuncExpr> {
    const OBJECTS: [u32; 2] = [
        pg_sys::F_JSON_BUILD_OBJECT_ANY,
        pg_sys::F_JSONB_BUILD_OBJECT_ANY,
    ];
    unsafe extern "C-unwind" fn find(node: *mut pg_sys::Node, found: *mut c_void) -> bool {
        // SAFETY: each node is looked at as what its tag says; what is found is the pointer below.
        unsafe {
            if node.is_null() {
                return false;
            }
            if (*node).type_ == pg_sys::NodeTag::T_Query {
                return pg_sys::query_tree_walker(node.cast(), Some(find), found, 0);
            }
            let call = node.cast::<pg_sys::FuncExpr>();
            if (*node).type_ == pg_sys::NodeTag::T_FuncExpr
                && OBJECTS.contains(&(*call).funcid.to_u32())
                && !(*call).funcvariadic
                && sys::nodes((*call).args).len() % 2 == 1
            {
                *found.cast() = call;
                return true;
            }
            pg_sys::expression_tree_walker(node, Some(find), found)
        }
    }
    let mut found: *mut pg_sys::FuncExpr = std::ptr::null_mut();
    // SAFETY: as the caller promised; a list is a node.
    unsafe { find(queries.cast(), (&raw mut found).cast()) };
    (!found.is_null()).then_some(found)
}

/// Runs a command in UTF-8, whatever the database's encoding.
pub fn execute(command: &str) {
    execute_encoded(&encoded_statement(command));
}

fn execute_encoded(command: &CString) {
    // SAFETY: within a connection to SPI, and the command is a C string.
    let result = Spi::connect_mut(|_| unsafe { pg_sys::SPI_execute(command.as_ptr(), false, 0) });
    assert!(result > 0, "{command:?}: {result}");
}

fn encoded_statement(text: &str) -> CString {
    CString::new(encoded(text)).expect("text of the database holds no NUL")
}

/// Works with an ear on where in its statement an error lies: characters from 1, which pgrx does not hand over. Nothing is noted
/// of an error in the body of a function, which the server plans and runs for the statement: its place is one in that.
fn noting_position<R>(statement: &CStr, position: &mut i32, work: impl FnOnce() -> R) -> R {
    struct Ear<'a> {
        statement: &'a CStr,
        position: &'a mut i32,
        memory: pg_sys::MemoryContext,
    }
    unsafe extern "C-unwind" fn note(argument: *mut c_void) {
        // SAFETY: the argument is the Ear below, whose memory is that of the caller. The error that is being reported is asked
        // for what has been found out about it so far, by a copy that is none of the memory for errors; SPI, which is asked
        // first, makes the position one in a query that it names.
        unsafe {
            let ear = &mut *argument.cast::<Ear>();
            if pg_sys::getinternalerrposition() == 0 {
                *ear.position = pg_sys::geterrposition();
                return;
            }
            let before = pg_sys::MemoryContextSwitchTo(ear.memory);
            let error = pg_sys::CopyErrorData();
            let query = (*error).internalquery;
            let is_ours = !query.is_null() && CStr::from_ptr(query) == ear.statement;
            *ear.position = if is_ours { (*error).internalpos } else { 0 };
            pg_sys::FreeErrorData(error);
            pg_sys::MemoryContextSwitchTo(before);
        }
    }
    /// Takes the callback off again, also when an error passes by.
    struct Off(*mut pg_sys::ErrorContextCallback);
    impl Drop for Off {
        fn drop(&mut self) {
            // SAFETY: what stood there before is further out and is there still.
            unsafe { pg_sys::error_context_stack = self.0 };
        }
    }
    // SAFETY: the callback is on the server's stack of them only while this function runs.
    unsafe {
        let mut ear = Ear {
            statement,
            position,
            memory: pg_sys::CurrentMemoryContext,
        };
        let mut callback = pg_sys::ErrorContextCallback {
            previous: pg_sys::error_context_stack,
            callback: Some(note),
            arg: (&raw mut ear).cast(),
        };
        let _off = Off(callback.previous);
        pg_sys::error_context_stack = &mut callback;
        work()
    }
}

/// Works with another `search_path`. What the work sets, or what it runs, is undone.
pub fn with_search_path<R>(path: &str, work: impl FnOnce() -> R) -> R {
    let path = encoded_statement(path);
    let level = Level::enter();
    level.set(c"search_path", &path);
    work()
}

/// What a query about the catalogs gives.
pub fn catalog_text(query: &str, arguments: &[DatumWithOid<'_>]) -> String {
    with_search_path("pg_catalog, pg_temp", || {
        Spi::get_one_with_args::<Utf8>(query, arguments)
            .ok()
            .flatten()
            .unwrap_or_else(|| panic!("{query}"))
            .0
    })
}
