//! A receiver in memory: what the fuzz targets hear from instead of a socket.

use std::fmt;
use std::io::{Cursor, Read};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::SocketBuffers;
use super::{Client, agent_config};
use crate::settings::Settings;

impl Client {
    /// One whose every call is answered with these bytes, which arrive in pieces of so many, and then the end.
    pub(crate) fn answered(settings: &Settings, answer: &[u8], piece: usize) -> Self {
        let connector = MemoryConnector {
            answer: answer.to_vec(),
            piece,
        };
        let config = agent_config(0);
        Client::with_parts(settings, config, connector, Nowhere)
    }
}

struct MemoryConnector {
    answer: Vec<u8>,
    piece: usize,
}

impl Connector<()> for MemoryConnector {
    type Out = MemoryTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<MemoryTransport>, Error> {
        let config = details.config;
        Ok(Some(MemoryTransport {
            buffers: SocketBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            answer: Cursor::new(self.answer.clone()),
            piece: self.piece,
        }))
    }
}

struct MemoryTransport {
    buffers: SocketBuffers,
    /// Up to where it has arrived.
    answer: Cursor<Vec<u8>>,
    piece: usize,
}

impl Transport for MemoryTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), Error> {
        self.buffers.hold(amount);
        self.buffers.take_held();
        Ok(())
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let room_for_piece = self.piece.min(room.len());
        let length = self.answer.read(&mut room[..room_for_piece])?;
        self.buffers.input_appended(length);
        Ok(length > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

/// Any address: nothing is connected to.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        addresses.push(([192, 0, 2, 1], 80).into());
        Ok(addresses)
    }
}

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnector").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").finish_non_exhaustive()
    }
}
