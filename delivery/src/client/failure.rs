//! What the HTTP client's errors mean.

use std::io::{self, ErrorKind};
use std::time::Duration;

use ureq::Error;

use crate::fault::{Fault, FaultKind};

/// The fault behind an error of the client, in a call that had this long.
pub(super) fn fault(error: Error, timeout: Duration) -> Fault {
    match error {
        // The resolver's own.
        Error::Other(error) => match error.downcast::<Fault>() {
            Ok(fault) => *fault,
            Err(error) => Fault::new(FaultKind::Internal, error),
        },
        Error::Timeout(_) => Fault::new(
            FaultKind::Timeout,
            format_args!("not complete within {timeout:?}"),
        ),
        Error::HostNotFound => Fault::new(FaultKind::Dns, "the name has no address"),
        Error::ConnectionFailed => Fault::new(FaultKind::Refused, "no connection"),
        Error::Io(error) => io_fault(&error),
        Error::Rustls(error) => Fault::new(FaultKind::Tls, error),
        Error::Tls(_) | Error::TlsRequired | Error::Pem(_) => Fault::new(FaultKind::Tls, error),
        Error::LargeResponseHeader(..) => too_large(),
        Error::Protocol(error) => match error.to_string() {
            // The type has a name for this, which the client does not pass on.
            problem if problem.contains("too many headers") => too_large(),
            problem => Fault::new(
                FaultKind::Closed,
                format_args!("the answer is not HTTP: {problem}"),
            ),
        },
        Error::BodyStalled => Fault::new(FaultKind::Closed, error),
        error => Fault::new(FaultKind::Internal, error),
    }
}

fn too_large() -> Fault {
    Fault::new(FaultKind::TooLarge, "the headers of the answer")
}

fn io_fault(error: &io::Error) -> Fault {
    let kind = match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => FaultKind::Closed,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => FaultKind::Timeout,
        // So the TLS library wraps its own errors.
        ErrorKind::InvalidData => FaultKind::Tls,
        // What is left happens while connecting: refused, unreachable, no socket to be had.
        _ => FaultKind::Refused,
    };
    Fault::new(kind, error)
}
