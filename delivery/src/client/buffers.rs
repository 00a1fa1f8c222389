//! The buffers between the HTTP client and a socket.

use ureq::unversioned::transport::Buffers;

/// Bytes on their way in and out.
///
/// What goes out can be held: the client writes headers and body one after the other, and it is cheaper for both
/// sides if they leave together.
pub(super) struct SocketBuffers {
    input: Vec<u8>,
    /// The part of `input` that has arrived and is not consumed.
    arrived: std::ops::Range<usize>,
    /// The last consumption took something, so the rest is worth another look.
    progress: bool,
    output: Vec<u8>,
    /// What waits at the beginning of `output`.
    held: usize,
}

impl SocketBuffers {
    pub(super) fn new(input_bytes: usize, output_bytes: usize) -> Self {
        SocketBuffers {
            input: vec![0; input_bytes],
            arrived: 0..0,
            progress: false,
            output: vec![0; output_bytes],
            held: 0,
        }
    }

    /// Holds what the client has just written behind what is held already. Returns whether to send it now, since
    /// room is running out.
    pub(super) fn hold(&mut self, written: usize) -> bool {
        self.held += written;
        self.held > self.output.len() / 2
    }

    /// Takes what is held.
    pub(super) fn take_held(&mut self) -> &[u8] {
        let held = std::mem::take(&mut self.held);
        &self.output[..held]
    }
}

impl Buffers for SocketBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output[self.held..]
    }

    fn input(&self) -> &[u8] {
        &self.input[self.arrived.clone()]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.arrived.start > 0 {
            self.input.copy_within(self.arrived.clone(), 0);
            self.arrived = 0..self.arrived.len();
        }
        &mut self.input[self.arrived.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.arrived.end += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.arrived.start += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (
            &mut self.input[self.arrived.end..],
            &mut self.output[self.held..],
        )
    }

    fn can_use_input(&self) -> bool {
        self.progress && !self.arrived.is_empty()
    }
}
