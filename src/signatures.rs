//! What SQL needs from Rust about signatures: secrets, public keys, and headers of a user's own.
//!
//! No error here shows a secret or the value of a header, whatever is wrong with it.

use pgrx::prelude::*;
use serde_json::{Map, Value};
use webhooks_delivery::{secret, HeaderProblem, Headers, Scheme};

use crate::error;
use crate::pg::encoding::Utf8;

const ARGUMENT: &str = "headers";
const SCHEMES: &str =
    "Give 'standard', 'standard-ed25519', 'github', 'stripe', 'shopify' or 'none'.";

/// Everything lives in the schema that the extension makes for itself.
#[pg_schema]
mod webhooks {
    use super::*;

    /// Refuses what is no signature.
    #[pg_extern(immutable)]
    fn check_signature(signature: Option<Utf8>) {
        scheme(signature.as_deref());
    }

    /// A new secret for a signature; NULL where nothing is signed.
    #[pg_extern]
    fn generate_secret(signature: default!(Option<Utf8>, "'standard'")) -> Option<String> {
        secret::generate(scheme(signature.as_deref()))
            .unwrap_or_else(|error| panic!("no random bytes from the system: {error}"))
    }

    /// Refuses a secret that does not fit the signature.
    #[pg_extern]
    fn check_secret(signature: Option<Utf8>, secret: Option<Utf8>) {
        let scheme = scheme(signature.as_deref());
        let problem = match secret.map(|text| secret::check(scheme, &text)) {
            Some(Ok(())) => return,
            Some(Err(problem)) => problem.to_string(),
            None => "it is null".to_owned(),
        };
        let hint = match scheme {
            Scheme::None => "Leave it out: calls are not signed.".to_owned(),
            _ => format!(
                "Give {}. If it is left out, create_webhook and rotate_secret generate one.",
                secret::form(scheme)
            ),
        };
        error::invalid_argument("secret", &problem, &hint)
    }

    /// The `whpk_` that verifies what a `whsk_` signs.
    #[pg_extern(immutable, strict, parallel_safe)]
    fn public_key_of(secret: Utf8) -> String {
        secret::public_key(&secret).unwrap_or_else(|problem| {
            let hint = format!("Give {}.", secret::form(Scheme::StandardEd25519));
            error::invalid_argument("secret", &problem.to_string(), &hint)
        })
    }

    /// Refuses headers that may not be added to a call, given as JSON text.
    #[pg_extern]
    fn check_headers(headers: Option<Utf8>) {
        let object = "Give a JSON object of names and values, such as {\"authorization\": \"Bearer …\"}; {} for none.";
        let headers = headers.and_then(|text| serde_json::from_str(&text).ok());
        let Some(Value::Object(headers)) = headers else {
            error::invalid_argument(ARGUMENT, "it is not a JSON object", object)
        };
        if let Some((name, _)) = headers.iter().find(|(_, value)| !value.is_string()) {
            let problem = format!("the value of {} is not a string", Headers::shown(name));
            error::invalid_argument(ARGUMENT, &problem, object)
        }
        if let Err(problem) = Headers::new(texts(&headers)) {
            let hint = match problem {
                HeaderProblem::Reserved(_) => {
                    "Leave it out: it says how the call is sent, what it carries or that it is genuine."
                }
                HeaderProblem::Twice(_) => {
                    "Give it once: upper and lower case make no difference in a header's name."
                }
                HeaderProblem::Name(_) => "A name has letters, digits and hyphens, such as X-Api-Key.",
                HeaderProblem::Value(_) => {
                    "Encode what is not printable ASCII, as base64 for example."
                }
                HeaderProblem::TooMany(_) | HeaderProblem::TooLarge(_) => {
                    "Give at most 32 headers, with at most 6000 bytes of names and values."
                }
            };
            error::invalid_argument(ARGUMENT, &problem.to_string(), hint)
        }
    }
}

fn texts(headers: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

fn scheme(signature: Option<&str>) -> Scheme {
    let Some(signature) = signature else {
        error::invalid_argument("signature", "it is null", SCHEMES)
    };
    // Not shown: a list of arguments that is one off has the secret in its place.
    signature.parse().unwrap_or_else(|()| {
        error::invalid_argument("signature", "there is none of that name", SCHEMES)
    })
}
