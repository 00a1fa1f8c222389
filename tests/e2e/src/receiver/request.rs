//! A call as it arrived.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// One call: its head and body as they came, and when it came and was answered.
pub struct Request {
    /// When all of it had arrived.
    pub arrived: Instant,
    /// The request line and the headers.
    head: Box<[u8]>,
    /// The body.
    pub body: Box<[u8]>,
    /// Whether some expected secret had signed it. `None`: no secret was expected.
    pub verified: Option<bool>,
    /// When it was answered, and the status; empty while it is open, and for good when the connection was closed.
    pub(super) answered: OnceLock<(Instant, u16)>,
}

impl Request {
    pub(super) fn new(head: Box<[u8]>, body: Box<[u8]>, secrets: &[String]) -> Self {
        let mut request = Self {
            arrived: Instant::now(),
            head,
            body,
            verified: None,
            answered: OnceLock::new(),
        };
        if !secrets.is_empty() {
            let headers = request.headers();
            request.verified = Some(secrets.iter().any(|secret| {
                standardwebhooks::Webhook::new(secret)
                    .expect("a secret of the form whsec_…")
                    .verify(&request.body, &headers)
                    .is_ok()
            }));
        }
        request
    }

    /// Its headers, parsed anew: hundreds of thousands of requests are kept, few are looked at.
    pub fn headers(&self) -> HeaderMap {
        self.parse(|parsed| {
            parsed
                .headers
                .iter()
                .filter_map(|header| {
                    Some((
                        HeaderName::from_bytes(header.name.as_bytes()).ok()?,
                        HeaderValue::from_bytes(header.value).ok()?,
                    ))
                })
                .collect()
        })
    }

    /// A header that must be there, as text.
    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        match self.headers().get(name).and_then(|v| v.to_str().ok()) {
            Some(value) => value.to_owned(),
            None => panic!(
                "no header {name} in:\n{}",
                String::from_utf8_lossy(&self.head)
            ),
        }
    }

    /// The method of the call.
    pub fn method(&self) -> String {
        self.parse(|parsed| parsed.method.unwrap_or_default().to_owned())
    }

    /// The path it was sent to, with the query.
    pub fn path(&self) -> String {
        self.parse(|parsed| parsed.path.unwrap_or_default().to_owned())
    }

    /// The id of its message.
    #[track_caller]
    pub fn message(&self) -> String {
        self.header("webhook-id")
    }

    /// Which attempt it says it is.
    #[track_caller]
    pub fn attempt(&self) -> u32 {
        self.header("webhook-attempt").parse().expect("a number")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// A column of the row it tells about.
    #[track_caller]
    pub fn field(&self, column: &str) -> Value {
        self.json()["data"][0][column].clone()
    }

    /// A column of the row, which is an integer.
    #[track_caller]
    pub fn number(&self, column: &str) -> i64 {
        match self.field(column).as_i64() {
            Some(number) => number,
            None => panic!("no {column} in {}", String::from_utf8_lossy(&self.body)),
        }
    }

    /// When it was answered and with what; `None` while it is open, or when it never was.
    pub fn answer(&self) -> Option<(Instant, u16)> {
        self.answered.get().copied()
    }

    /// Whether it was answered with 200.
    pub fn succeeded(&self) -> bool {
        matches!(self.answer(), Some((_, 200)))
    }

    fn parse<T>(&self, read: impl FnOnce(&httparse::Request) -> T) -> T {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut headers);
        let status = parsed.parse(&self.head).expect("it was parsed before");
        assert!(status.is_complete(), "it was complete before");
        read(&parsed)
    }
}

/// Of the calls to an endpoint that was away, in the order in which they arrived: the first comes alone, and each answer lets
/// one more be open than before. Returns how many were open at most.
#[track_caller]
pub fn assert_ramp(requests: &[Arc<Request>]) -> usize {
    let mut most = 0;
    for (n, request) in requests.iter().enumerate() {
        let is_answered = |other: &&Arc<Request>| {
            let answer = other.answer();
            answer.is_some_and(|(end, _)| end <= request.arrived)
        };
        let answered = requests[..n].iter().filter(is_answered).count();
        let open = n + 1 - answered;
        assert!(open <= 1 + answered, "{open} open after {answered} answers");
        most = most.max(open);
    }
    most
}

/// The requests whose answer was 200.
pub fn succeeded(requests: &[Arc<Request>]) -> Vec<Arc<Request>> {
    requests
        .iter()
        .filter(|request| request.succeeded())
        .cloned()
        .collect()
}
