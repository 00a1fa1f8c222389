//! Headers of a user's own, added to each call of a webhook.

use std::collections::HashSet;
use std::fmt;

use ureq::http::{HeaderName, HeaderValue};

const MAX_COUNT: usize = 32;
/// Names and values together. Many servers refuse more than 8 kB of headers, and the product's own need room too.
const MAX_BYTES: usize = 6000;
/// Of a name that is wrong, so much is shown.
const SHOWN: usize = 100;

/// Headers that say how a call is transported, what is in it, or that it is genuine. The product sets them, or nobody.
const RESERVED: [&str; 17] = [
    "accept-encoding",
    "connection",
    "date",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "stripe-signature",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "forwarded",
    "x-hub-signature",
    "x-hub-signature-256",
];
/// And all that begin so.
const RESERVED_PREFIXES: [&str; 6] = [
    "content-",
    "proxy-",
    "sec-",
    "webhook-",
    "x-github-",
    "x-shopify-",
];

/// Headers of a user's own. Their values are not displayed: `authorization` is among them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Box<[(HeaderName, HeaderValue)]>);

impl Headers {
    /// Takes names and values, unless one of them may not be sent.
    pub fn new<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Headers, HeaderProblem> {
        let mut list = Vec::new();
        let mut names = HashSet::new();
        let mut bytes = 0;
        for (name, value) in headers {
            let header = header(name, value)?;
            if !names.insert(header.0.clone()) {
                return Err(HeaderProblem::Twice(Headers::shown(name)));
            }
            bytes += name.len() + value.len();
            list.push(header);
        }
        if list.len() > MAX_COUNT {
            return Err(HeaderProblem::TooMany(list.len()));
        }
        if bytes > MAX_BYTES {
            return Err(HeaderProblem::TooLarge(bytes));
        }
        Ok(Headers(list.into()))
    }

    /// What of a header's name may be shown: the part that can be one. Whoever writes `Authorization: Bearer …` as a
    /// name would see what follows in the server's log.
    pub fn shown(name: &str) -> String {
        let may_be_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        name.chars().take_while(may_be_name).take(SHOWN).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HeaderProblem> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(HeaderProblem::Name(Headers::shown(name)));
    };
    let lower = parsed.as_str();
    if RESERVED.contains(&lower)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| lower.starts_with(prefix))
    {
        return Err(HeaderProblem::Reserved(Headers::shown(name)));
    }
    let printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable || value.trim_matches(' ') != value {
        return Err(HeaderProblem::Value(Headers::shown(name)));
    }
    let mut value = HeaderValue::from_str(value).expect("printable ASCII");
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// Why headers may not be sent. Names the header, never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderProblem {
    /// This begins a name that is none.
    Name(String),
    /// The product sets this one itself.
    Reserved(String),
    /// The value of this one cannot be sent.
    Value(String),
    /// This one is given twice, maybe in another spelling.
    Twice(String),
    /// There are so many.
    TooMany(usize),
    /// Together they have so many bytes.
    TooLarge(usize),
}

impl fmt::Display for HeaderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderProblem::Name(name) => write!(f, "\"{name}…\" cannot be the name of a header"),
            HeaderProblem::Reserved(name) => write!(f, "{name} is not for users to set"),
            HeaderProblem::Value(name) => write!(
                f,
                "the value of {name} has characters that are not printable ASCII, or begins or ends with a space"
            ),
            HeaderProblem::Twice(name) => write!(f, "{name} is given twice"),
            HeaderProblem::TooMany(count) => write!(f, "there are {count} headers"),
            HeaderProblem::TooLarge(bytes) => {
                write!(f, "names and values have {bytes} bytes together")
            }
        }
    }
}

impl std::error::Error for HeaderProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, value: &str) -> Option<HeaderProblem> {
        Headers::new([(name, value)]).err()
    }

    #[test]
    fn what_a_user_may_set_is_accepted() {
        for (name, value) in [
            ("Authorization", "Bearer s3cr3t"),
            ("cookie", "a=b; c=d"),
            ("X-Empty", ""),
            ("accept", "application/json"),
            ("x-api-key", "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
            ("x-webhook-id", "not ours"),
        ] {
            assert_eq!(problem(name, value), None, "{name}");
        }
    }

    #[test]
    fn what_the_product_sets_is_refused_in_any_spelling() {
        for name in [
            "Content-Type",
            "content-length",
            "Host",
            "User-Agent",
            "CONNECTION",
            "Transfer-Encoding",
            "webhook-id",
            "Webhook-Anything",
            "idempotency-key",
            "X-Hub-Signature-256",
            "x-github-event",
            "Stripe-Signature",
            "x-shopify-topic",
            "Proxy-Authorization",
        ] {
            let refused = Some(HeaderProblem::Reserved(name.to_owned()));
            assert_eq!(problem(name, "x"), refused);
        }
    }

    #[test]
    fn names_and_values_that_would_break_a_request_are_refused() {
        for (name, start) in [
            ("", ""),
            ("a b", "a"),
            ("a:", "a"),
            ("Authorization: Bearer s3cr3t", "Authorization"),
            ("x\r\nHost: evil", "x"),
            ("größe", "gr"),
        ] {
            let refused = Some(HeaderProblem::Name(start.to_owned()));
            assert_eq!(problem(name, "x"), refused, "{name:?}");
        }
        for value in [
            "a\r\nhost: evil",
            "a\nb",
            "a\rb",
            "a\0b",
            "\u{7f}",
            "größe",
            " a",
            "a\t",
        ] {
            let refused = Some(HeaderProblem::Value("x-a".to_owned()));
            assert_eq!(problem("x-a", value), refused, "{value:?}");
        }
    }

    #[test]
    fn a_name_counts_once_however_it_is_spelled() {
        let twice = Headers::new([("X-A", "1"), ("x-b", "2"), ("x-a", "3")]);
        assert_eq!(twice.err(), Some(HeaderProblem::Twice("x-a".into())));
    }

    #[test]
    fn number_and_size_are_bounded() {
        let names: Vec<String> = (0..33).map(|number| format!("x-{number}")).collect();
        let headers = |count: usize| Headers::new(names[..count].iter().map(|n| (n.as_str(), "")));
        assert!(headers(32).is_ok());
        assert_eq!(headers(33).err(), Some(HeaderProblem::TooMany(33)));
        let value = |bytes| "v".repeat(bytes);
        assert_eq!(problem("x-a", &value(5997)), None);
        let too_large = Some(HeaderProblem::TooLarge(6001));
        assert_eq!(problem("x-a", &value(5998)), too_large);
    }

    #[test]
    fn values_do_not_show_themselves() {
        let headers = Headers::new([("authorization", "s3cr3t")]).unwrap();
        assert_eq!(format!("{headers:?}"), "[\"authorization\"]");
        let (_, value) = headers.iter().next().unwrap();
        assert!(!format!("{value:?}").contains("s3cr3t"));
        let problem = problem("authorization", "s3cr3t\n").unwrap();
        assert!(!format!("{problem:?} {problem}").contains("s3cr3t"));
    }
}
