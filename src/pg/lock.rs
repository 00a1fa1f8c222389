//! Locks that no SQL function can take: the one by which a worker is the only one of its database, and those of sessions that
//! change definitions.

use pgrx::pg_sys::{self, Oid};

use super::process;

const KEY: i64 = 0x7765_6268_6f6f_6b73;

/// What the last field of a tag says here. SQL's functions say 1 for a key of 64 bits, and 2 for two of 32.
#[derive(Clone, Copy)]
enum Kind {
    OnlyOne = 3,
    Definitions = 4,
}

/// An advisory lock of this database that SQL cannot name: whoever may connect could take one that it can, for as long as
/// they like.
fn tag(kind: Kind, keys: [u32; 2]) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: process::database().to_u32(),
        locktag_field2: keys[0],
        locktag_field3: keys[1],
        locktag_field4: kind as u16,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

fn only_one() -> pg_sys::LOCKTAG {
    tag(Kind::OnlyOne, [(KEY >> 32) as u32, KEY as u32])
}

/// Takes a lock on a part of what a table defines until the transaction ends.
pub fn until_transaction_ends(table: Oid, part: i32, exclusively: bool) {
    let tag = tag(Kind::Definitions, [table.to_u32(), part as u32]);
    let mode = match exclusively {
        true => pg_sys::ExclusiveLock,
        false => pg_sys::ShareLock,
    };
    // SAFETY: waits for a lock of the transaction, which gives it back, or raises an error.
    unsafe { pg_sys::LockAcquire(&tag, mode as pg_sys::LOCKMODE, false, false) };
}

/// Takes the lock until this process ends, inside a transaction. `false` when another process holds it.
pub fn become_the_only_one() -> bool {
    let mode = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: a lock is tried, without waiting, for the session; the server gives it back when the process ends.
    let result = unsafe { pg_sys::LockAcquire(&only_one(), mode, true, true) };
    result != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
}

/// The process that holds the lock.
pub fn holder() -> Option<i32> {
    let exclusively = 1 << pg_sys::ExclusiveLock;
    let fields = |tag: &pg_sys::LOCKTAG| {
        let keys = [tag.locktag_field1, tag.locktag_field2, tag.locktag_field3];
        (tag.locktag_type, keys, tag.locktag_field4)
    };
    let only_one = fields(&only_one());
    // SAFETY: the lock table is copied into the current memory context: `nelements` locks.
    unsafe {
        let table = &*pg_sys::GetLockStatusData();
        (0..table.nelements as usize)
            .map(|n| &*table.locks.add(n))
            .find(|lock| fields(&lock.locktag) == only_one && lock.holdMask & exclusively != 0)
            .map(|lock| lock.pid)
    }
}
