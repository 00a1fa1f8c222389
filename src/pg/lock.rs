//! Locks that no SQL function can take: the one by which a worker is the only one of its database, and those of sessions that
//! change definitions.

use pgrx::pg_sys::{self, Oid};

use super::process;

const KEY: i64 = 0x7765_6268_6f6f_6b73;

/// An advisory lock that SQL cannot name: its functions say 1 in the last field for a key of 64 bits, and 2 for two of 32.
/// Whoever may connect could take one of those and keep the worker away.
fn only_one() -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: process::database().to_u32(),
        locktag_field2: (KEY >> 32) as u32,
        locktag_field3: KEY as u32,
        locktag_field4: 3,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    }
}

/// Takes a lock on a part of what a table defines until the transaction ends. Advisory, but under a key that SQL's own
/// functions do not make: whoever may connect could hold one of those for as long as they like.
pub fn until_transaction_ends(table: Oid, part: i32, exclusively: bool) {
    let tag = pg_sys::LOCKTAG {
        locktag_field1: process::database().to_u32(),
        locktag_field2: table.to_u32(),
        locktag_field3: part as u32,
        locktag_field4: 4,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
    };
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
