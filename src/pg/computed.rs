//! What an event computes for its messages: its `data`, its `account` and its `key`.
//!
//! The three expressions are the body of a function `webhooks.event_<id>`, which belongs to who made the event and takes
//! the table's row types as `old` and `new`. So the server keeps them parsed: names are those of the day the event was
//! made, whatever a writing session's `search_path` is, renamed columns and tables are followed, what is used cannot be
//! dropped unnoticed, and a dump has them. What is not used may change: see [`tie_to_table`]. The function has no
//! privileges of its own and nobody but its owner may call it; capture runs it as its owner, restricted as an index's
//! expression is.
//!
//! An `account` or `key` that is just a column of the row is taken from the row itself, without a call.

use std::cell::Cell;
use std::ffi::CString;
use std::rc::Rc;

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::{self, Datum, Oid};

use super::identity::Identity;
use super::level::Level;
use super::row::{self, Shape};
use super::store::{Operation, Text};
use super::sys;
use super::trigger::Firing;
use super::value::{detoasted, PortableSettings};
use super::versions::{attributes, local_transaction};

/// Where the value of an `account` or a `key` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A column, by its position in the shape of the relation that fires.
    Column(usize),
    /// The event's function.
    Function,
}

/// An event's function, as one trigger needs it.
pub struct Computed {
    /// The account, if the event has an expression for it.
    pub account: Option<Source>,
    /// The key, likewise.
    pub key: Option<Source>,
    /// Whether there is `data`.
    pub data: bool,
    function: Oid,
    owner: Oid,
    table: Oid,
    arguments: Arguments,
    call: Cell<Option<Call>>,
}

/// Which rows a function takes, in this order.
#[derive(Clone, Copy)]
struct Arguments {
    old: bool,
    new: bool,
}

impl Arguments {
    fn of(operation: Operation) -> Self {
        Self {
            old: matches!(operation, Operation::Update | Operation::Delete),
            new: matches!(operation, Operation::Update | Operation::Insert),
        }
    }

    fn count(self) -> usize {
        usize::from(self.old) + usize::from(self.new)
    }
}

/// A function ready to be called, and what makes rows of the table of rows of a partition. It is made of the memory of a
/// transaction and goes with it: the function's plan, which is kept here, is no older either.
#[derive(Clone, Copy)]
struct Call {
    transaction: u32,
    function: *mut pg_sys::FmgrInfo,
    descriptor: pg_sys::TupleDesc,
    conversion: *mut pg_sys::TupleConversionMap,
}

/// What a function gave.
#[derive(Default)]
pub struct Values {
    /// JSON.
    pub data: Option<Text>,
    /// The account.
    pub account: Option<Text>,
    /// The key.
    pub key: Option<Text>,
}

/// Which expressions an event has.
#[derive(Clone, Copy, Debug)]
pub struct Expressions {
    /// `data`
    pub data: bool,
    /// `account`
    pub account: bool,
    /// `key`
    pub key: bool,
}

impl Computed {
    /// What an event on a table computes. `None` if its function is gone.
    pub fn of(
        schema: Oid,
        event_id: i64,
        table: Oid,
        operation: Operation,
        expressions: Expressions,
        shape: &Rc<Shape>,
    ) -> Option<Self> {
        let arguments = Arguments::of(operation);
        let function = function(schema, event_id, table, arguments)?;
        let definition = definition(function)?;
        // A column of OLD in an update is left to the function.
        let row_parameter = arguments.count() as i32;
        let source = |is_there: bool, plain: Option<PlainColumn>| {
            let column = plain
                .filter(|column| column.parameter == row_parameter)
                .and_then(|column| shape.position_of(&column_name(table, column.attribute)?));
            is_there.then_some(column.map_or(Source::Function, Source::Column))
        };
        Some(Self {
            data: expressions.data,
            account: source(expressions.account, definition.account),
            key: source(expressions.key, definition.key),
            function,
            owner: definition.owner,
            table,
            arguments,
            call: Cell::new(None),
        })
    }

    /// Whether there is anything to call the function for.
    pub fn needs_call(&self) -> bool {
        self.data || self.account == Some(Source::Function) || self.key == Some(Source::Function)
    }

    /// Calls the function for a row. An error in it is one of the statement that changed the row.
    pub fn call(&self, firing: &Firing) -> Values {
        // Taken out while it runs: what it runs may change rows too. After an error it is not put back.
        let call = self.call.take().filter(Call::is_of_this_transaction);
        let call = call.unwrap_or_else(|| Call::prepare(self.function, self.table, firing));
        let values = {
            let _settings = PortableSettings::enter();
            let _owner = Identity::assume_restricted(self.owner);
            let _level = Level::enter();
            // SAFETY: the function takes rows of the table in this order and returns a record of json, text and text.
            unsafe { call.run(firing, self.arguments) }
        };
        self.call.set(Some(call));
        values
    }
}

impl Call {
    fn is_of_this_transaction(&self) -> bool {
        self.transaction == local_transaction()
    }

    fn prepare(function: Oid, table: Oid, firing: &Firing) -> Self {
        // SAFETY: TopTransactionContext is there inside a transaction, and what is made in it is used no longer: see
        // `is_of_this_transaction`. The descriptor is a copy.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopTransactionContext);
            let info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast();
            pg_sys::fmgr_info_cxt(function, info, pg_sys::TopTransactionContext);
            let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
            let relation = pg_sys::table_open(table, lock);
            let descriptor = pg_sys::CreateTupleDescCopy((*relation).rd_att);
            pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            let conversion = if firing.relation_oid() == table {
                std::ptr::null_mut()
            } else {
                // With what rows that are older than a column have there.
                pg_sys::convert_tuples_by_name(
                    pg_sys::CreateTupleDescCopyConstr(firing.descriptor()),
                    descriptor,
                )
            };
            pg_sys::MemoryContextSwitchTo(before);
            Self {
                transaction: local_transaction(),
                function: info,
                descriptor,
                conversion,
            }
        }
    }

    /// # Safety
    /// The function takes the rows that `arguments` names and returns a record of json, text and text.
    unsafe fn run(&self, firing: &Firing, arguments: Arguments) -> Values {
        // SAFETY: the call's frame is as large as its arguments take; slots are of the relation that fires; a record
        // datum is a HeapTupleHeader of the current context, with the three columns that the caller promised.
        unsafe {
            let table = firing.relation();
            let old = arguments.old.then(|| self.row(table, firing.old_slot()));
            let new = arguments.new.then(|| self.row(table, firing.new_slot()));
            let bytes = size_of::<pg_sys::FunctionCallInfoBaseData>()
                + arguments.count() * size_of::<pg_sys::NullableDatum>();
            let frame: pg_sys::FunctionCallInfo = pg_sys::palloc0(bytes).cast();
            (*frame).flinfo = self.function;
            (*frame).nargs = arguments.count() as i16;
            for (n, row) in old.into_iter().chain(new).enumerate() {
                (*frame)
                    .args
                    .as_mut_ptr()
                    .add(n)
                    .write(pg_sys::NullableDatum {
                        value: row,
                        isnull: false,
                    });
            }
            let function = (*self.function).fn_addr.expect("fmgr_info set it");
            let record = pg_guard_ffi_boundary(|| function(frame));
            if (*frame).isnull {
                return Values::default();
            }
            let value = |number: i16| {
                let mut is_null = false;
                let header = record.cast_mut_ptr();
                let datum = pg_sys::GetAttributeByNum(header, number, &mut is_null);
                (!is_null).then(|| Text::from(&detoasted(datum)[..]))
            };
            Values {
                data: value(1),
                account: value(2),
                key: value(3),
            }
        }
    }

    /// A slot's row as a value of the table's row type.
    ///
    /// # Safety
    /// The slot holds a row of the relation that fires, which is this table.
    unsafe fn row(&self, table: pg_sys::Relation, slot: *mut pg_sys::TupleTableSlot) -> Datum {
        // SAFETY: as the caller promised; the conversion is the one from that relation, and null where there is nothing
        // to convert but the type that the copy is given.
        unsafe {
            let mut tuple = row::tuple(table, slot);
            let columns = (*table).rd_att;
            if !self.conversion.is_null() {
                tuple = pg_sys::execute_attr_map_tuple(tuple, self.conversion);
            } else if i32::from(pg_sys::HeapTupleHeaderGetNatts((*tuple).t_data)) < (*columns).natts
            {
                // A row that is older than a column has there what the partition says, which the table does not know.
                tuple = pg_sys::heap_expand_tuple(tuple, columns);
            }
            pg_sys::heap_copy_tuple_as_datum(tuple, self.descriptor)
        }
    }
}

/// The function of an event, by its name and the rows that it takes.
fn function(schema: Oid, event_id: i64, table: Oid, arguments: Arguments) -> Option<Oid> {
    let name = CString::new(format!("event_{event_id}")).expect("digits hold no NUL");
    // SAFETY: catalog look-ups; the key's parts are of the types that this cache has them.
    let oid = unsafe {
        let row = pg_sys::get_rel_type_id(table);
        let vector = pg_sys::buildoidvector([row, row].as_ptr(), arguments.count() as i32);
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as i16,
            Datum::from(name.as_ptr()),
            Datum::from(vector),
            Datum::from(schema),
            Datum::from(0),
        )
    };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

struct Definition {
    owner: Oid,
    account: Option<PlainColumn>,
    key: Option<PlainColumn>,
}

/// An expression that is nothing but a column of a parameter, as text.
#[derive(Clone, Copy)]
struct PlainColumn {
    parameter: i32,
    attribute: i16,
}

fn definition(function: Oid) -> Option<Definition> {
    let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
    // SAFETY: a tuple of the cache is of pg_proc's struct and is given back; prosqlbody is a node tree: of BEGIN ATOMIC, a
    // list of the list of its queries.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(cache, function.into());
        if tuple.is_null() {
            return None;
        }
        let header = (*tuple).t_data;
        let row = header.cast::<u8>().add((*header).t_hoff.into());
        let form = row.cast::<pg_sys::FormData_pg_proc>();
        let owner = (*form).proowner;
        let gives_record =
            gives_record_of(tuple, [pg_sys::JSONOID, pg_sys::TEXTOID, pg_sys::TEXTOID])
                && !(*form).proretset;
        let mut is_null = false;
        let attribute = pg_sys::Anum_pg_proc_prosqlbody as i16;
        let body = pg_sys::SysCacheGetAttr(cache, tuple, attribute, &mut is_null);
        let targets = if is_null {
            Vec::new()
        } else {
            let text = pg_sys::text_to_cstring(body.cast_mut_ptr());
            targets(pg_sys::stringToNode(text).cast())
        };
        pg_sys::ReleaseSysCache(tuple);
        let [_, account, key] = targets[..] else {
            return None;
        };
        // Whose function it is may have had a hand in making it. What it gives the server sees to, whatever its body is.
        if !gives_record {
            return None;
        }
        Some(Definition {
            owner,
            account: plain_column(account),
            key: plain_column(key),
        })
    }
}

/// Whether a function is declared to give a record of just these types.
///
/// # Safety
/// The tuple is of pg_proc.
unsafe fn gives_record_of(function: pg_sys::HeapTuple, types: [Oid; 3]) -> bool {
    // SAFETY: as the caller promised; what is built is a descriptor of the current context, or null where the result is not
    // a record with parameters for its columns.
    unsafe {
        let result = pg_sys::build_function_result_tupdesc_t(function);
        !result.is_null()
            && attributes(result)
                .iter()
                .map(|column| column.atttypid)
                .eq(types)
    }
}

/// The expressions that a function's first query selects.
///
/// # Safety
/// The node is valid.
unsafe fn targets(body: *mut pg_sys::Node) -> Vec<*mut pg_sys::Node> {
    // SAFETY: each node is looked at as what its tag says; lists hold as many pointers as their length says.
    unsafe {
        let mut node = body;
        while !node.is_null() && (*node).type_ == pg_sys::NodeTag::T_List {
            node = sys::nodes(node.cast())
                .first()
                .copied()
                .unwrap_or(std::ptr::null_mut());
        }
        if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_Query {
            return Vec::new();
        }
        let query = node.cast::<pg_sys::Query>();
        sys::nodes((*query).targetList)
            .into_iter()
            .map(|target| (*target.cast::<pg_sys::TargetEntry>()).expr.cast())
            .collect()
    }
}

/// # Safety
/// The node is that of a valid expression.
unsafe fn plain_column(expression: *mut pg_sys::Node) -> Option<PlainColumn> {
    // SAFETY: each node is looked at as what its tag says.
    unsafe {
        // Under the cast to text that the function adds, where it is one. A second one is the user's, and says something.
        let node: *mut pg_sys::Node = match (*expression).type_ {
            pg_sys::NodeTag::T_CoerceViaIO => {
                (*expression.cast::<pg_sys::CoerceViaIO>()).arg.cast()
            }
            pg_sys::NodeTag::T_RelabelType => {
                (*expression.cast::<pg_sys::RelabelType>()).arg.cast()
            }
            _ => expression,
        };
        if (*node).type_ != pg_sys::NodeTag::T_FieldSelect {
            return None;
        }
        let field = node.cast::<pg_sys::FieldSelect>();
        let row = (*field).arg.cast::<pg_sys::Node>();
        ((*row).type_ == pg_sys::NodeTag::T_Param).then(|| PlainColumn {
            parameter: (*row.cast::<pg_sys::Param>()).paramid,
            attribute: (*field).fieldnum,
        })
    }
}

fn column_name(table: Oid, attribute: i16) -> Option<Vec<u8>> {
    // SAFETY: a catalog look-up that returns a C string of the current context, or null.
    unsafe {
        let name = pg_sys::get_attname(table, attribute, true);
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_bytes().to_vec())
    }
}

/// Makes a function go when its table goes: it takes rows of the table, but that alone would only keep the table from
/// being dropped.
///
/// Where its body `only_takes` them, it is no longer in the way of changes that concern the row type: newer servers refuse
/// those, new columns with a default among them, for a value of the type may be written down in a body, which does not change
/// with it. Rows that it is given are those of the day. The columns that it uses it depends on one by one.
pub fn tie_to_table(function: Oid, table: Oid, only_takes: bool) {
    let address = |class, object| pg_sys::ObjectAddress {
        classId: class,
        objectId: object,
        objectSubId: 0,
    };
    let depender = address(pg_sys::ProcedureRelationId, function);
    let referenced = address(pg_sys::RelationRelationId, table);
    // SAFETY: both objects are there; a table has a row type.
    unsafe {
        let how = pg_sys::DependencyType::DEPENDENCY_AUTO;
        pg_sys::recordDependencyOn(&depender, &referenced, how);
        if only_takes {
            pg_sys::deleteDependencyRecordsForSpecific(
                pg_sys::ProcedureRelationId,
                function,
                pg_sys::DependencyType::DEPENDENCY_NORMAL as std::ffi::c_char,
                pg_sys::TypeRelationId,
                pg_sys::get_rel_type_id(table),
            );
        }
    }
}
