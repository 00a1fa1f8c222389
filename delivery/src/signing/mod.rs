//! How a receiver knows that a call is genuine and new: the headers that sign it.
//!
//! Every scheme signs the exact bytes that are sent. While a secret is being replaced, the old and the new one both
//! count: where the scheme's header has room for several signatures it carries one of each, and a receiver may know
//! either. Where it has room for one only, the call is signed with the oldest secret that still counts. A receiver
//! that has the new one already can accept both, but one that has not heard of it yet cannot.

mod key;
pub mod secret;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::SystemTime;

use ureq::http::{HeaderName, HeaderValue};

use self::key::Key;
use self::secret::SecretProblem;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const GITHUB_SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const GITHUB_EVENT: HeaderName = HeaderName::from_static("x-github-event");
const GITHUB_DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
const STRIPE_SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");
const SHOPIFY_SIGNATURE: HeaderName = HeaderName::from_static("x-shopify-hmac-sha256");
const SHOPIFY_TOPIC: HeaderName = HeaderName::from_static("x-shopify-topic");
const SHOPIFY_WEBHOOK_ID: HeaderName = HeaderName::from_static("x-shopify-webhook-id");

/// Whose receivers can verify the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// [Standard Webhooks](https://www.standardwebhooks.com), with a shared secret.
    Standard,
    /// Standard Webhooks, with a private key that only the sender has.
    StandardEd25519,
    /// As GitHub signs.
    GitHub,
    /// As Stripe signs.
    Stripe,
    /// As Shopify signs.
    Shopify,
    /// No signature.
    None,
}

impl FromStr for Scheme {
    type Err = ();

    /// Reads the spelling of `webhooks.webhook.signature`.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "standard" => Ok(Scheme::Standard),
            "standard-ed25519" => Ok(Scheme::StandardEd25519),
            "github" => Ok(Scheme::GitHub),
            "stripe" => Ok(Scheme::Stripe),
            "shopify" => Ok(Scheme::Shopify),
            "none" => Ok(Scheme::None),
            _ => Err(()),
        }
    }
}

/// What a webhook's calls are signed with, ready to sign. The secrets can neither be displayed nor read back.
#[derive(Clone)]
pub struct Signing {
    scheme: Scheme,
    /// The newest first.
    keys: Box<[DatedKey]>,
}

#[derive(Clone)]
struct DatedKey {
    key: Key,
    /// From then on it signs no more.
    ends_at: Option<SystemTime>,
}

/// What is signed.
pub(crate) struct Content<'a> {
    /// The id of the call: of its message, or of its batch.
    pub(crate) id: &'a str,
    /// When the call is made.
    pub(crate) at: SystemTime,
    /// What it tells about, for those schemes that say so in a header.
    pub(crate) event: &'a str,
    /// The exact bytes that are sent.
    pub(crate) body: &'a [u8],
}

impl Signing {
    /// Takes the texts of a webhook's secrets, the newest first, each with the time from which on it signs no more.
    /// One without such a time there must be, unless nothing is signed.
    pub fn new<'a>(
        scheme: Scheme,
        secrets: impl IntoIterator<Item = (&'a str, Option<SystemTime>)>,
    ) -> Result<Signing, SecretProblem> {
        let mut keys = Vec::new();
        if scheme != Scheme::None {
            for (text, ends_at) in secrets {
                let key = secret::parse(scheme, text)?;
                keys.push(DatedKey { key, ends_at });
            }
            if !keys.iter().any(|dated| dated.ends_at.is_none()) {
                return Err(SecretProblem::Missing);
            }
        }
        Ok(Signing {
            scheme,
            keys: keys.into(),
        })
    }

    /// Appends the headers that sign a call.
    pub(crate) fn sign(&self, content: &Content<'_>, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        let Content {
            id, event, body, ..
        } = *content;
        let mut add = |name, value| headers.push((name, value));
        match self.scheme {
            Scheme::Standard | Scheme::StandardEd25519 => {
                let timestamp = unix_seconds(content.at).to_string();
                let dot: &[u8] = b".";
                let signed = [id.as_bytes(), dot, timestamp.as_bytes(), dot, body];
                let signature = self.each(content.at, " ", |key| key.standard(&signed));
                add(WEBHOOK_ID, value(id.to_owned()));
                add(WEBHOOK_TIMESTAMP, value(timestamp));
                add(WEBHOOK_SIGNATURE, value(signature));
            }
            Scheme::Stripe => {
                let timestamp = unix_seconds(content.at).to_string();
                let signed = [timestamp.as_bytes(), b".", body];
                let signatures =
                    self.each(content.at, ",", |key| format!("v1={}", key.hex(&signed)));
                add(
                    STRIPE_SIGNATURE,
                    value(format!("t={timestamp},{signatures}")),
                );
            }
            Scheme::GitHub => {
                let signature = self.oldest(content.at).hex(&[body]);
                add(GITHUB_SIGNATURE, value(format!("sha256={signature}")));
                add(GITHUB_EVENT, percent_encoded(event));
                add(GITHUB_DELIVERY, value(id.to_owned()));
            }
            Scheme::Shopify => {
                let signature = self.oldest(content.at).base64(&[body]);
                add(SHOPIFY_SIGNATURE, value(signature));
                add(SHOPIFY_TOPIC, percent_encoded(event));
                add(SHOPIFY_WEBHOOK_ID, value(id.to_owned()));
            }
            Scheme::None => {}
        }
    }

    /// The keys that count at a time, the newest first.
    fn counting(&self, at: SystemTime) -> impl Iterator<Item = &Key> {
        let counts = move |dated: &&DatedKey| dated.ends_at.is_none_or(|end| at < end);
        self.keys.iter().filter(counts).map(|dated| &dated.key)
    }

    fn each(&self, at: SystemTime, separator: &str, sign: impl Fn(&Key) -> String) -> String {
        let signatures: Vec<String> = self.counting(at).map(sign).collect();
        signatures.join(separator)
    }

    fn oldest(&self, at: SystemTime) -> &Key {
        let oldest = self.counting(at).last();
        oldest.expect("one has no end, which new() made sure of")
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signing { scheme, keys } = self;
        write!(f, "Signing({scheme:?}, {} keys)", keys.len())
    }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("ids, numbers and signatures are ASCII")
}

/// The name of an event may hold any letter, a header only those of ASCII: the others, and the percent sign, become
/// `%` and two digits for each byte of UTF-8, so that what decodes URLs gives the name back.
fn percent_encoded(name: &str) -> HeaderValue {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => text.push(char::from(byte)),
            _ => write!(text, "%{byte:02X}").expect("writing to memory cannot fail"),
        }
    }
    value(text)
}
