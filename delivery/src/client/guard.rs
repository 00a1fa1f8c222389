//! What the HTTP library would let a receiver do to a call, and must not: go on for ever without giving an answer (with
//! informational ones, trailers, chunks of one byte), and answer a status below 100, on which the library panics.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::fault::{Fault, FaultKind};

/// Informational answers, headers and trailers fit into this.
const HEADS_BYTES: usize = 64 * 1024;
/// A chunk of one byte has five more around it.
const BYTES_A_BODY_BYTE: usize = 6;

/// Watches what arrives over the connections that the connectors before it open, TLS taken off.
#[derive(Debug)]
pub(super) struct GuardConnector {
    max_bytes: usize,
}

impl GuardConnector {
    pub(super) fn new(max_response_bytes: usize) -> Self {
        let body = max_response_bytes.saturating_mul(BYTES_A_BODY_BYTE);
        GuardConnector {
            max_bytes: body.saturating_add(HEADS_BYTES),
        }
    }
}

impl<In: Transport> Connector<In> for GuardConnector {
    type Out = Guarded<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Guarded<In>>, Error> {
        Ok(chained.map(|transport| Guarded {
            transport,
            max_bytes: self.max_bytes,
            arrived: 0,
            heads: Heads::default(),
        }))
    }
}

#[derive(Debug)]
pub(super) struct Guarded<T> {
    transport: T,
    max_bytes: usize,
    /// Since the last request.
    arrived: usize,
    heads: Heads,
}

impl<T: Transport> Transport for Guarded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        (self.arrived, self.heads) = (0, Heads::default());
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let before = self.transport.buffers().input().len();
        let progress = self.transport.await_input(timeout)?;
        let new = &self.transport.buffers().input()[before..];
        self.arrived += new.len();
        if self.arrived > self.max_bytes {
            let detail = "all of the answer together";
            return Err(refusal(FaultKind::TooLarge, detail));
        }
        if !self.heads.are_sound(new) {
            let detail = "the answer is not HTTP: a status below 100";
            return Err(refusal(FaultKind::Closed, detail));
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

fn refusal(kind: FaultKind, detail: &str) -> Error {
    Error::Other(Fault::new(kind, detail).into())
}

/// Follows the heads of an answer, the informational ones before it and its own.
#[derive(Debug, Default)]
struct Heads {
    place: Place,
    /// The digits of the last one.
    status: [u8; 3],
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a status line, behind so many bytes of it.
    Status(usize),
    /// In a header, or at the beginning of a line where there may be one.
    Header { begun: bool },
    /// After the last head.
    Body,
}

impl Default for Place {
    fn default() -> Self {
        Place::Status(0)
    }
}

/// Where the status begins in `HTTP/1.1 200 OK`.
const STATUS_AT: usize = 9;

impl Heads {
    /// Takes what has arrived. False if a status is below 100.
    fn are_sound(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            self.place = match (self.place, byte) {
                (Place::Body, _) => return true,
                // Empty lines before a status line are skipped.
                (Place::Status(0), b'\r' | b'\n') => Place::Status(0),
                (Place::Status(STATUS_AT), b'0') => return false,
                (Place::Status(_), b'\n') => Place::Header { begun: false },
                (Place::Status(at), byte) => {
                    if let Some(digit) = self.status.get_mut(at.wrapping_sub(STATUS_AT)) {
                        *digit = byte;
                    }
                    Place::Status(at + 1)
                }
                (Place::Header { begun: true }, b'\n') => Place::Header { begun: false },
                (Place::Header { begun: false }, b'\n') if self.is_informational() => {
                    Place::Status(0)
                }
                (Place::Header { begun: false }, b'\n') => Place::Body,
                (Place::Header { begun: false }, b'\r') => Place::Header { begun: false },
                (Place::Header { .. }, _) => Place::Header { begun: true },
            };
        }
        true
    }

    /// Another answer follows. 101 is the end of HTTP instead.
    fn is_informational(&self) -> bool {
        matches!(&self.status, [b'1', rest @ ..] if rest != b"01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the heads are sound, in one piece and byte by byte.
    fn sound(answer: &[u8]) -> bool {
        let whole = Heads::default().are_sound(answer);
        let mut heads = Heads::default();
        let pieces = answer.chunks(1).all(|byte| heads.are_sound(byte));
        assert_eq!(whole, pieces, "{}", answer.escape_ascii());
        whole
    }

    #[test]
    fn a_status_below_100_is_found_wherever_a_status_can_be() {
        for answer in [
            &b"HTTP/1.1 000 OK\r\n\r\n"[..],
            b"HTTP/1.0 099 OK\r\n\r\n",
            b"\r\n\r\nHTTP/1.1 042\n\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 000 OK\r\n\r\n",
            b"HTTP/1.1 111 Huh\r\n\r\nHTTP/1.1 000 OK\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 103 Hints\n\nHTTP/1.1 001 OK\r\n\r\n",
        ] {
            assert!(!sound(answer), "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        for answer in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nHTTP/1.1 000\r\nx: HTTP/1.1 000\r\n\r\nHTTP/1.1 000 OK\r\n\r\n",
            b"HTTP/1.1 101 Upgrade\r\n\r\nHTTP/1.1 000 OK\r\n\r\n",
            b"HTTP/1.1 200 012345678901234567890\r\n\r\n",
        ] {
            assert!(sound(answer), "{}", answer.escape_ascii());
        }
    }
}
