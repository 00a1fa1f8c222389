//! A session: SQL in, text out.

use std::ops::{Deref, DerefMut};

use postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// A connection whose methods fail the test, with the statement, when the statement fails.
///
/// It derefs to the `postgres` client for what should fail, or for parameters.
pub struct Session(Client);

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self(client)
    }

    /// Runs one or more statements.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.0.batch_execute(sql) {
            panic!("{sql}\n{}", explain(&error));
        }
    }

    /// Runs a statement that must be refused, and returns its SQLSTATE and message.
    #[track_caller]
    pub fn refused(&mut self, sql: &str) -> (String, String) {
        let error = self
            .0
            .batch_execute(sql)
            .expect_err(&format!("this should be refused: {sql}"));
        let error = error
            .as_db_error()
            .unwrap_or_else(|| panic!("{sql}\n{}", explain(&error)));
        (error.code().code().to_owned(), error.message().to_owned())
    }

    /// The rows of a query.
    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> Vec<SimpleQueryRow> {
        match self.0.simple_query(sql) {
            Ok(messages) => messages
                .into_iter()
                .filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                })
                .collect(),
            Err(error) => panic!("{sql}\n{}", explain(&error)),
        }
    }

    /// The first column of each row; a NULL is `None`.
    #[track_caller]
    pub fn column(&mut self, sql: &str) -> Vec<Option<String>> {
        let rows = self.rows(sql);
        rows.iter()
            .map(|row| row.get(0).map(str::to_owned))
            .collect()
    }

    /// The one value of a query, `None` for NULL or for no row.
    #[track_caller]
    pub fn value(&mut self, sql: &str) -> Option<String> {
        self.column(sql).into_iter().next().flatten()
    }

    /// The one value of a query, as text; NULL or no row fails the test.
    #[track_caller]
    pub fn text(&mut self, sql: &str) -> String {
        match self.value(sql) {
            Some(value) => value,
            None => panic!("{sql}\ngives NULL or no row"),
        }
    }

    /// The one value of a query, as a number.
    #[track_caller]
    pub fn number(&mut self, sql: &str) -> i64 {
        let text = self.text(sql);
        text.parse()
            .unwrap_or_else(|_| panic!("{sql}\ngives {text}, which is no integer"))
    }

    /// The one value of a query, as a truth.
    #[track_caller]
    pub fn holds(&mut self, sql: &str) -> bool {
        self.text(sql) == "t"
    }
}

/// What the server said, the hint included.
fn explain(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!(
            "{} {}: {} {} {}",
            error.severity(),
            error.code().code(),
            error.message(),
            error.detail().unwrap_or_default(),
            error.hint().unwrap_or_default()
        ),
        None => format!("{error:?}"),
    }
}

impl Deref for Session {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}
