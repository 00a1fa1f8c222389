//! TCP for the HTTP client.
//!
//! The client brings one of its own, which needs twelve system calls for a call over an open connection: it sends
//! headers and body separately, sets the timeout anew at every step, and looks twice whether the connection is still
//! open. This one needs three.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, ShutdownHandle, Transport,
};

use super::buffers::SocketBuffers;

/// Opens connections to the addresses that the resolver returned.
#[derive(Debug)]
pub(super) struct TcpConnector;

impl Connector<()> for TcpConnector {
    type Out = TcpTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<TcpTransport>, Error> {
        let stream = connect_any(&details.addrs, details.timeout)?;
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let weak: Weak<TcpStream> = Arc::downgrade(&stream);
        (details.register_shutdown)(weak as Weak<dyn ShutdownHandle>)?;
        let config = details.config;
        Ok(Some(TcpTransport {
            stream,
            buffers: SocketBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            read_timeout: None,
            write_timeout: None,
            fresh: true,
        }))
    }
}

/// Tries one address after the other. Each but the last has half of the time that is left, so that one that swallows
/// everything does not keep the others from their turn.
fn connect_any(addresses: &[SocketAddr], timeout: NextTimeout) -> Result<TcpStream, Error> {
    let deadline = Instant::now().checked_add(*timeout.after);
    let mut failure = Error::ConnectionFailed;
    for (place, address) in addresses.iter().enumerate() {
        let connected = match left_until(deadline) {
            None => TcpStream::connect(address),
            Some(left) if left.is_zero() => return Err(Error::Timeout(timeout.reason)),
            Some(left) if place + 1 < addresses.len() => {
                TcpStream::connect_timeout(address, (left / 2).max(Duration::from_millis(1)))
            }
            Some(left) => TcpStream::connect_timeout(address, left),
        };
        failure = match connected {
            Ok(stream) => return Ok(stream),
            Err(error) if is_timeout(&error) => Error::Timeout(timeout.reason),
            Err(error) => Error::Io(error),
        };
    }
    Err(failure)
}

/// A connection.
pub(super) struct TcpTransport {
    stream: Arc<TcpStream>,
    buffers: SocketBuffers,
    /// The timeouts that the socket has.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// Something was received since the last look at whether the connection is open.
    fresh: bool,
}

impl TcpTransport {
    fn send_held(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        let deadline = Instant::now().checked_add(*timeout.after);
        let mut rest = self.buffers.take_held();
        while !rest.is_empty() {
            let left = limit(deadline, timeout)?;
            adjust(&mut self.write_timeout, left, |timeout| {
                self.stream.set_write_timeout(timeout)
            })?;
            match (&*self.stream).write(rest) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(sent) => rest = &rest[sent..],
                Err(error) if is_retried(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl Transport for TcpTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Holds what was written. It leaves when an answer is waited for, or when there is much of it.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.buffers.hold(amount) {
            self.send_held(timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.send_held(timeout)?;
        let deadline = Instant::now().checked_add(*timeout.after);
        loop {
            let left = limit(deadline, timeout)?;
            adjust(&mut self.read_timeout, left, |timeout| {
                self.stream.set_read_timeout(timeout)
            })?;
            match (&*self.stream).read(self.buffers.input_append_buf()) {
                Ok(length) => {
                    self.buffers.input_appended(length);
                    self.fresh = true;
                    return Ok(length > 0);
                }
                Err(error) if is_retried(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Called when the connection goes to rest and when it is used again. The first look right after an answer
    /// would say nothing that the second does not.
    fn is_open(&mut self) -> bool {
        if std::mem::take(&mut self.fresh) {
            return true;
        }
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // Anything to read would be the end, or an answer to what was never asked.
        matches!(
            recv(&*self.stream, &mut [0_u8; 1], peek),
            Err(rustix::io::Errno::WOULDBLOCK)
        )
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport").finish_non_exhaustive()
    }
}

/// The time that is left, unless there is no end; none left is an error.
fn limit(deadline: Option<Instant>, timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    match left_until(deadline) {
        Some(left) if left.is_zero() => Err(Error::Timeout(timeout.reason)),
        left => Ok(left),
    }
}

fn left_until(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Sets a socket's timeout so that it ends no later than `left` from now.
///
/// It may end earlier, upon which it is asked again: so the timeout of the last call serves the next one, although
/// a little less or more time is left then.
fn adjust(
    current: &mut Option<Duration>,
    left: Option<Duration>,
    set: impl FnOnce(Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    let serves = match (*current, left) {
        (Some(current), Some(left)) => current <= left && current >= left / 2,
        (None, None) => true,
        _ => false,
    };
    if !serves {
        // The kernel counts in microseconds, and none would be for ever.
        let some = |left: Duration| (left - left / 8).max(Duration::from_micros(1));
        *current = left.map(some);
        set(*current)?;
    }
    Ok(())
}

/// The socket's timeout has passed, which need not be the call's; or a signal came.
fn is_retried(error: &io::Error) -> bool {
    is_timeout(error) || error.kind() == ErrorKind::Interrupted
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
