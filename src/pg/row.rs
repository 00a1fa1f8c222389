//! A row and its shape: names, kinds and values of its columns.

use std::ffi::CStr;
use std::rc::Rc;

use pgrx::pg_sys::{self, Datum};

use super::value::{Kind, Value};
use super::{sys, versions};

/// The columns of a table or composite type that a row can have values for.
#[derive(Debug)]
pub struct Shape {
    /// In the order of the table, dropped ones left out.
    pub columns: Vec<Column>,
    attributes: usize,
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// Its name, in the database's encoding.
    pub name: Vec<u8>,
    kind: Kind,
    index: usize,
    by_value: bool,
    length: i16,
}

impl Shape {
    /// # Safety
    /// The descriptor must be valid; it is only read during the call.
    pub(super) unsafe fn of(descriptor: pg_sys::TupleDesc) -> Shape {
        // SAFETY: natts attributes stand behind the descriptor; names are NUL-terminated within NAMEDATALEN.
        unsafe {
            let attributes = versions::attributes(descriptor);
            let columns = attributes
                .iter()
                .enumerate()
                .filter(|(_, attribute)| !attribute.attisdropped)
                .map(|(index, attribute)| Column {
                    name: CStr::from_ptr(attribute.attname.data.as_ptr())
                        .to_bytes()
                        .to_vec(),
                    kind: Kind::of(attribute.atttypid),
                    index,
                    by_value: attribute.attbyval,
                    length: attribute.attlen,
                })
                .collect();
            Shape {
                columns,
                attributes: attributes.len(),
            }
        }
    }

    /// The position in `columns` of a name, if it is there.
    pub fn position_of(&self, name: &[u8]) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The position in `columns` of an attribute number, if it is there.
    pub(super) fn position(&self, attribute_number: i16) -> Option<usize> {
        let index = usize::try_from(attribute_number).ok()?.checked_sub(1)?;
        self.columns.iter().position(|c| c.index == index)
    }
}

/// A row's values, where the executor's slot or the current memory context has them. It must not outlive either;
/// `capture` is done with it before the trigger returns.
pub struct Row {
    /// Its columns.
    pub shape: Rc<Shape>,
    values: *const Datum,
    nulls: *const bool,
}

impl Row {
    /// # Safety
    /// The slot must hold a row that stays until the result is gone, of this table, which is open and from which the shape
    /// was made.
    pub(super) unsafe fn of_slot(
        table: pg_sys::Relation,
        slot: *mut pg_sys::TupleTableSlot,
        shape: &Rc<Shape>,
    ) -> Row {
        let count = shape.attributes;
        // SAFETY: as the caller promised; the slot's arrays have as many values as the shape has attributes.
        unsafe {
            assert_eq!((*(*slot).tts_tupleDescriptor).natts as usize, count);
            fill(slot, count);
            let (values, nulls) = with_virtual_columns(table, slot)
                .unwrap_or(((*slot).tts_values, (*slot).tts_isnull));
            Row {
                shape: Rc::clone(shape),
                values,
                nulls,
            }
        }
    }

    /// # Safety
    /// The datum must be a composite value.
    pub(super) unsafe fn of_composite(datum: Datum) -> Row {
        // SAFETY: a composite datum is a HeapTupleHeader that carries its type; the descriptor found for that type
        // is given back after the tuple was taken apart, into arrays with room for its attributes.
        unsafe {
            let header = pg_sys::pg_detoast_datum(datum.cast_mut_ptr())
                .cast::<pg_sys::HeapTupleHeaderData>();
            let type_oid = (*header).t_choice.t_datum.datum_typeid;
            let type_modifier = (*header).t_choice.t_datum.datum_typmod;
            let descriptor = pg_sys::lookup_rowtype_tupdesc(type_oid, type_modifier);
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varsize(header.cast()) as u32,
                t_data: header,
                ..Default::default()
            };
            let shape = Shape::of(descriptor);
            let values: *mut Datum = pg_sys::palloc(shape.attributes * size_of::<Datum>()).cast();
            let nulls: *mut bool = pg_sys::palloc(shape.attributes).cast();
            pg_sys::heap_deform_tuple(&mut tuple, descriptor, values, nulls);
            if (*descriptor).tdrefcount >= 0 {
                pg_sys::DecrTupleDescRefCount(descriptor);
            }
            Row {
                shape: Rc::new(shape),
                values,
                nulls,
            }
        }
    }

    /// The value of a column, `None` for NULL.
    pub fn value(&self, position: usize) -> Option<Value> {
        let column = &self.shape.columns[position];
        let datum = self.datum(column)?;
        // SAFETY: the datum stands in the column that the kind was made for, and is not NULL.
        Some(unsafe { column.kind.read(datum) })
    }

    fn datum(&self, column: &Column) -> Option<Datum> {
        // SAFETY: both arrays have an element for each attribute that the shape's columns come from.
        unsafe {
            let is_null = *self.nulls.add(column.index);
            (!is_null).then(|| *self.values.add(column.index))
        }
    }

    /// The columns in which another row of the same shape differs, to the byte.
    pub fn changed(&self, other: &Row) -> Vec<usize> {
        assert!(Rc::ptr_eq(&self.shape, &other.shape));
        let differs = |column: &Column| match (self.datum(column), other.datum(column)) {
            (Some(one), Some(two)) => {
                let (by_value, length) = (column.by_value, column.length.into());
                // SAFETY: both are values of this column's type, whose representation the column describes.
                unsafe { !sys::datum_image_eq(one, two, by_value, length) }
            }
            (one, two) => one.is_some() != two.is_some(),
        };
        (0..self.shape.columns.len())
            .filter(|&p| differs(&self.shape.columns[p]))
            .collect()
    }
}

/// A slot's row as a tuple.
///
/// # Safety
/// The slot holds a row of the table, which is open.
pub(super) unsafe fn tuple(
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
) -> pg_sys::HeapTuple {
    // SAFETY: as the caller promised; values and null flags are those of the table's columns.
    unsafe {
        match with_virtual_columns(table, slot) {
            Some((values, nulls)) => pg_sys::heap_form_tuple((*table).rd_att, values, nulls),
            None => pg_sys::ExecFetchSlotHeapTuple(slot, false, std::ptr::null_mut()),
        }
    }
}

/// A row's values, in the current context, where some are computed when they are read: the slot has none of those.
///
/// # Safety
/// The slot holds a row of the table, which is open.
unsafe fn with_virtual_columns(
    table: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
) -> Option<(*mut Datum, *mut bool)> {
    // SAFETY: as in `of_slot`; the copies have as much room. The executor's state, in which constants lie, goes with the
    // current context.
    unsafe {
        let columns = versions::virtual_columns(table);
        if columns.is_empty() {
            return None;
        }
        let count = (*(*slot).tts_tupleDescriptor).natts as usize;
        fill(slot, count);
        let values: *mut Datum = pg_sys::palloc(count * size_of::<Datum>()).cast();
        let nulls: *mut bool = pg_sys::palloc(count).cast();
        values.copy_from_nonoverlapping((*slot).tts_values, count);
        nulls.copy_from_nonoverlapping((*slot).tts_isnull, count);
        let executor = pg_sys::CreateExecutorState();
        let context = pg_sys::CreateExprContext(executor);
        (*context).ecxt_scantuple = slot;
        for (index, expression) in columns {
            let state = pg_sys::ExecPrepareExpr(expression, executor);
            *values.add(index) = pg_sys::ExecEvalExpr(state, context, nulls.add(index));
        }
        Some((values, nulls))
    }
}

/// # Safety
/// The slot holds a row of so many columns.
unsafe fn fill(slot: *mut pg_sys::TupleTableSlot, count: usize) {
    // SAFETY: slot_getsomeattrs_int fills the slot's arrays, which have room for its descriptor's attributes.
    unsafe {
        if ((*slot).tts_nvalid as usize) < count {
            pg_sys::slot_getsomeattrs_int(slot, count as i32);
        }
    }
}
