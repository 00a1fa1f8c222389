//! Why a call failed: the one error type of this crate's calls.

use std::fmt;

/// The fixed word an error begins with. People filter the attempt log by it, so a word never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The URL or an address it leads to may not be called.
    ForbiddenAddress,
    /// The name has no address, or the name server did not say.
    Dns,
    /// No connection came about.
    Refused,
    /// The handshake failed, or the certificate is not to be trusted.
    Tls,
    /// The webhook's timeout passed before the answer and its body were complete.
    Timeout,
    /// The receiver ended the connection before its answer was complete, or what it sent is no HTTP.
    Closed,
    /// An answer that is not 2xx.
    Status,
    /// The answer's headers, or all that came instead of a body, are larger than accepted.
    TooLarge,
    /// A defect of this software.
    Internal,
}

impl FaultKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::ForbiddenAddress => "forbidden address",
            FaultKind::Dns => "dns",
            FaultKind::Refused => "refused",
            FaultKind::Tls => "tls",
            FaultKind::Timeout => "timeout",
            FaultKind::Closed => "closed",
            FaultKind::Status => "status",
            FaultKind::TooLarge => "too large",
            FaultKind::Internal => "internal",
        }
    }
}

/// Why a call failed. Displays as the fixed word, a colon and the detail, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The sort of failure.
    pub kind: FaultKind,
    /// In words.
    pub detail: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, detail: impl fmt::Display) -> Self {
        Fault {
            kind,
            detail: detail.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.detail)
    }
}

impl std::error::Error for Fault {}
