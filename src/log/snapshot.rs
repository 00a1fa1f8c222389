//! A snapshot of the server's: which transactions were committed when it was taken.

use std::str::FromStr;

/// `xmin:xmax:xip,…`, as the type `pg_snapshot` is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// The first transaction that was not over.
    pub fn first_in_progress(&self) -> u64 {
        self.xmin
    }

    /// Whether what this transaction wrote is seen, if it has committed.
    pub fn shows(&self, xid: u64) -> bool {
        xid < self.xmin || xid < self.xmax && self.in_progress.binary_search(&xid).is_err()
    }
}

impl FromStr for Snapshot {
    type Err = std::num::ParseIntError;

    /// Reads the text form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (xmin, xmax, in_progress) = (next().parse()?, next().parse()?, next());
        let mut in_progress = in_progress
            .split(',')
            .filter(|xid| !xid.is_empty())
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        in_progress.sort_unstable();
        Ok(Self {
            xmin,
            xmax,
            in_progress,
        })
    }
}
