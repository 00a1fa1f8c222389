//! Secrets and headers of a webhook, from what the tables have.

use std::time::{Duration, SystemTime};

use webhooks_delivery::payload::Hidden;
use webhooks_delivery::{Headers, Scheme, Signing};

/// Further off than anyone waits for.
const FAR_SECONDS: f64 = 1e12;

/// How calls are signed: a signature, and secrets with their ends in Unix seconds, the newest first. What is wrong is
/// told without showing any of it.
pub fn signing(
    signature: &str,
    secrets: &[String],
    ends: &[Option<f64>],
) -> Result<Signing, String> {
    let scheme = signature
        .parse()
        .map_err(|()| format!("there is no signature {signature}"))?;
    let secrets = secrets.iter().map(String::as_str).zip(times(ends));
    Signing::new(scheme, secrets).map_err(|problem| format!("its secret cannot sign: {problem}"))
}

/// The secrets that a payload may tell. None of them is a private key: whoever had it could sign as the webhook does.
pub fn told(
    signature: &str,
    secrets: Vec<String>,
    ends: &[Option<f64>],
) -> Box<[(Hidden, Option<SystemTime>)]> {
    if signature.parse() == Ok(Scheme::StandardEd25519) {
        return Box::default();
    }
    secrets
        .into_iter()
        .map(Hidden::new)
        .zip(times(ends))
        .collect()
}

/// The headers that are added to each call.
pub fn headers(headers: &[(String, String)]) -> Result<Headers, String> {
    let headers = headers.iter();
    Headers::new(headers.map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|problem| format!("its headers cannot be sent: {problem}"))
}

fn times(unix_seconds: &[Option<f64>]) -> impl Iterator<Item = Option<SystemTime>> + '_ {
    unix_seconds.iter().map(|end| end.map(time))
}

fn time(unix_seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(unix_seconds.clamp(0.0, FAR_SECONDS));
    SystemTime::UNIX_EPOCH + since.unwrap_or_default()
}
