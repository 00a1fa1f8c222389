//! One connection to a receiver: HTTP/1.1 with keep-alive, as much of it as a sender of webhooks uses.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Answer, Request, State};

/// Serves a connection until either side closes it.
pub(super) fn serve(mut stream: TcpStream, state: &State) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some((head, body))) = read_request(&mut stream, &mut buffer) {
        let (request, answer) = state.receive(head, body);
        let carried_out = carry_out(answer, &request, &mut stream, state);
        state.finish();
        if carried_out.is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// The bytes of a request's head and of its body.
type HeadAndBody = (Box<[u8]>, Box<[u8]>);

/// The head and body of the next request; `None` when the other side has closed.
pub(super) fn read_request(
    stream: &mut impl Read,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<HeadAndBody>> {
    loop {
        if let Some((head, body)) = lengths(buffer)? {
            if buffer.len() >= head + body {
                let rest = buffer.split_off(head + body);
                let body = buffer.split_off(head);
                let head = std::mem::replace(buffer, rest);
                return Ok(Some((head.into(), body.into())));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            n => buffer.extend_from_slice(&chunk[..n]),
        }
    }
}

/// How long the head and the body are, once the whole head is there.
fn lengths(buffer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let invalid = |what: String| io::Error::new(ErrorKind::InvalidData, what);
    let head = match request.parse(buffer).map_err(|e| invalid(e.to_string()))? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    let header = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match header {
        Some(header) => std::str::from_utf8(header.value)
            .ok()
            .and_then(|length| length.parse().ok())
            .ok_or_else(|| invalid("content-length".to_owned()))?,
        None => 0,
    };
    Ok(Some((head, body)))
}

/// Does what the script says. An error means that the connection is to be closed.
fn carry_out(
    answer: Answer,
    request: &Arc<Request>,
    stream: &mut TcpStream,
    state: &State,
) -> io::Result<()> {
    match answer {
        Answer::Status(status) => respond(request, stream, status, "", b""),
        Answer::Body(status, body) => respond(request, stream, status, "", &body),
        Answer::Header(status, name, value) => respond(
            request,
            stream,
            status,
            &format!("{name}: {value}\r\n"),
            b"",
        ),
        Answer::Close => Err(ErrorKind::ConnectionAborted.into()),
        Answer::After(delay, answer) => {
            // A delay is what this receiver is asked to be like; no test waits for it to be over.
            thread::sleep(delay);
            carry_out(*answer, request, stream, state)
        }
        Answer::Hang => {
            while !state.is_released() {
                if is_closed(stream) {
                    return Err(ErrorKind::ConnectionAborted.into());
                }
                thread::sleep(Duration::from_millis(10));
            }
            respond(request, stream, 200, "", b"")
        }
    }
}

fn respond(
    request: &Request,
    stream: &mut TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
) -> io::Result<()> {
    // Before it is written: what the sender does upon the answer comes after this instant.
    let _ = request.answered.set((Instant::now(), status));
    let mut response = format!(
        "HTTP/1.1 {status} Whatever\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    stream.write_all(&response)
}

/// Whether the other side has hung up while it waits for an answer.
fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    stream.set_nonblocking(true).expect("a socket");
    let seen = stream.peek(&mut byte);
    stream.set_nonblocking(false).expect("a socket");
    match seen {
        Ok(n) => n == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
