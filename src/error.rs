//! Errors as users read them: an SQLSTATE, what is wrong, and a HINT that says what to do.
//!
//! Messages are handed over in UTF-8 and taken as they are, so that a database in another encoding gets them in ASCII.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

use crate::pg::encoding::storable;

/// Refuses an argument, and says what is wrong with it.
pub fn invalid_argument(argument: &str, problem: &str, hint: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("invalid argument \"{argument}\": {problem}"),
        hint,
    )
}

/// Raises what the server has said, as it said it.
pub fn raise_again(
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
) -> ! {
    let mut report = ErrorReport::new(code, storable(&message), "webhooks");
    if let Some(detail) = detail {
        report = report.set_detail(storable(&detail));
    }
    if let Some(hint) = hint {
        report = report.set_hint(storable(&hint));
    }
    report.report(PgLogLevel::ERROR);
    unreachable!("an error was raised")
}

/// Raises an error; the message names the argument where one is to blame.
pub fn raise(code: PgSqlErrorCode, message: impl Into<String>, hint: &str) -> ! {
    ErrorReport::new(code, storable(&message.into()), "webhooks")
        .set_hint(storable(hint))
        .report(PgLogLevel::ERROR);
    unreachable!("an error was raised")
}
