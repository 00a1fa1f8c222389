//! A row and its shape: names, kinds and values of its columns.

use std::ffi::CStr;
use std::rc::Rc;

use pgrx::pg_sys::{self, Datum};

use super::sys;
use super::value::{Kind, Value};

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
            let attributes = (*descriptor).natts as usize;
            let columns = (*descriptor)
                .attrs
                .as_slice(attributes)
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
                attributes,
            }
        }
    }

    /// The position in `columns` of an attribute number, if it is there.
    pub(super) fn position(&self, attribute_number: i16) -> Option<usize> {
        let index = usize::try_from(attribute_number).ok()?.checked_sub(1)?;
        self.columns.iter().position(|c| c.index == index)
    }
}

/// A row's values. It must not outlive the memory context of the tuple it was read from; `capture` is done with it
/// before the trigger returns.
pub struct Row {
    /// Its columns.
    pub shape: Rc<Shape>,
    values: Vec<Datum>,
    nulls: Vec<bool>,
}

impl Row {
    /// # Safety
    /// The tuple must be of the descriptor, and the shape made from it.
    pub(super) unsafe fn of_tuple(
        tuple: pg_sys::HeapTuple,
        descriptor: pg_sys::TupleDesc,
        shape: &Rc<Shape>,
    ) -> Row {
        let count = shape.attributes;
        let mut values = Vec::with_capacity(count);
        let mut nulls = Vec::with_capacity(count);
        // SAFETY: both arrays have room for the descriptor's attributes, all of which heap_deform_tuple sets.
        unsafe {
            assert_eq!((*descriptor).natts as usize, count);
            pg_sys::heap_deform_tuple(tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            values.set_len(count);
            nulls.set_len(count);
        }
        Row {
            shape: Rc::clone(shape),
            values,
            nulls,
        }
    }

    /// # Safety
    /// The datum must be a composite value.
    pub(super) unsafe fn of_composite(datum: Datum) -> Row {
        // SAFETY: a composite datum is a HeapTupleHeader that carries its type; the descriptor found for that type
        // is given back after the tuple was taken apart.
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
            let shape = Rc::new(Shape::of(descriptor));
            let row = Row::of_tuple(&mut tuple, descriptor, &shape);
            if (*descriptor).tdrefcount >= 0 {
                pg_sys::DecrTupleDescRefCount(descriptor);
            }
            row
        }
    }

    /// The value of a column, `None` for NULL.
    pub fn value(&self, position: usize) -> Option<Value> {
        let column = &self.shape.columns[position];
        // SAFETY: the datum stands in the column that the kind was made for, and is not NULL.
        (!self.nulls[column.index]).then(|| unsafe { column.kind.read(self.values[column.index]) })
    }

    /// The columns in which another row of the same shape differs, to the byte.
    pub fn changed(&self, other: &Row) -> Vec<usize> {
        assert!(Rc::ptr_eq(&self.shape, &other.shape));
        let differs = |column: &Column| {
            let i = column.index;
            if self.nulls[i] || other.nulls[i] {
                return self.nulls[i] != other.nulls[i];
            }
            // SAFETY: both are values of this column's type, whose representation the column describes.
            unsafe {
                !sys::datum_image_eq(
                    self.values[i],
                    other.values[i],
                    column.by_value,
                    column.length.into(),
                )
            }
        };
        (0..self.shape.columns.len())
            .filter(|&p| differs(&self.shape.columns[p]))
            .collect()
    }
}
