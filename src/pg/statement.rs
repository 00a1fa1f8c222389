//! Statements that the worker runs again and again: planned once; and the columns that go in and come out.

use std::cell::OnceCell;

use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiHeapTupleData, SpiTupleTable};

use super::encoding::Utf8;

/// A statement, its parameters' types, and its plan from the first run on.
pub struct Statement {
    text: &'static str,
    types: &'static [PgBuiltInOids],
    plan: OnceCell<OwnedPreparedStatement>,
}

impl Statement {
    /// A statement that is planned when it is first run.
    pub const fn new(text: &'static str, types: &'static [PgBuiltInOids]) -> Self {
        Self {
            text,
            types,
            plan: OnceCell::new(),
        }
    }

    fn plan(&self, client: &SpiClient<'_>) -> &OwnedPreparedStatement {
        self.plan.get_or_init(|| {
            let types: Vec<PgOid> = self.types.iter().map(|&oid| oid.into()).collect();
            client
                .prepare_mut(self.text, &types)
                .unwrap_or_else(|error| panic!("{}: {error}", self.text))
                .keep()
        })
    }

    /// Runs a query; an error rolls the unit of work back.
    pub fn select<'client>(
        &self,
        client: &'client SpiClient<'_>,
        arguments: &[DatumWithOid<'_>],
    ) -> SpiTupleTable<'client> {
        client
            .select(self.plan(client), None, arguments)
            .unwrap_or_else(|error| panic!("{}: {error}", self.text))
    }

    /// Runs a statement that writes and gives what it returns; an error rolls the unit of work back.
    pub fn run<'client>(
        &self,
        client: &'client mut SpiClient<'_>,
        arguments: &[DatumWithOid<'_>],
    ) -> SpiTupleTable<'client> {
        let plan = self.plan(client);
        client
            .update(plan, None, arguments)
            .unwrap_or_else(|error| panic!("{}: {error}", self.text))
    }
}

/// What a query writes into a row's column, from 1; `None` for NULL.
pub fn optional<T: FromDatum + IntoDatum>(row: &SpiHeapTupleData<'_>, number: usize) -> Option<T> {
    row.get(number)
        .unwrap_or_else(|error| panic!("column {number}: {error}"))
}

/// The same where it cannot be NULL.
pub fn column<T: FromDatum + IntoDatum>(row: &SpiHeapTupleData<'_>, number: usize) -> T {
    optional(row, number).unwrap_or_else(|| panic!("column {number} is null"))
}

/// Text in a row's column, from 1; `None` for NULL.
pub fn optional_text(row: &SpiHeapTupleData<'_>, number: usize) -> Option<String> {
    optional::<Utf8>(row, number).map(|text| text.0)
}

/// The same where it cannot be NULL.
pub fn text(row: &SpiHeapTupleData<'_>, number: usize) -> String {
    column::<Utf8>(row, number).0
}

/// One value of each of many things, as an array parameter.
pub fn array<'a, T, V>(of: &[T], value: impl Fn(&T) -> V) -> DatumWithOid<'a>
where
    Vec<V>: IntoDatum,
{
    of.iter().map(value).collect::<Vec<V>>().into()
}
