//! Who holds an advisory lock.

use pgrx::pg_sys;

use super::process;

/// The process that holds the advisory lock with a key in this database, for itself alone.
pub fn holder(key: i64) -> Option<i32> {
    let exclusively = 1 << pg_sys::ExclusiveLock;
    // SAFETY: the lock table is copied into the current memory context: `nelements` locks.
    unsafe {
        let table = &*pg_sys::GetLockStatusData();
        (0..table.nelements as usize)
            .map(|n| &*table.locks.add(n))
            .find(|lock| {
                let tag = &lock.locktag;
                u32::from(tag.locktag_type) == pg_sys::LockTagType::LOCKTAG_ADVISORY
                    && tag.locktag_field1 == process::database().to_u32()
                    && tag.locktag_field2 == (key >> 32) as u32
                    && tag.locktag_field3 == key as u32
                    && tag.locktag_field4 == 1 // one key of 64 bits
                    && lock.holdMask & exclusively != 0
            })
            .map(|lock| lock.pid)
    }
}
