//! Every setting, in one place. Each is read where it is used, so that a reload takes effect without a restart.

use std::ffi::CString;
use std::time::Duration;

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use webhooks_delivery::mail::MailServer;
use webhooks_delivery::{Authorities, Network, Policy};

use crate::pg::{guc, managed};

static ENABLED: GucSetting<bool> = GucSetting::<bool>::new(true);
static MAX_IN_FLIGHT: GucSetting<i32> = GucSetting::<i32>::new(64);
static RETENTION: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"7 days"));
static MAX_RESPONSE_BYTES: GucSetting<i32> = GucSetting::<i32>::new(16 * 1024);
static ALLOWED_NETWORKS: GucSetting<Option<CString>> =
    GucSetting::<Option<CString>>::new(Some(c""));
static CA_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static ALLOW_HTTP: GucSetting<bool> = GucSetting::<bool>::new(true);
static CAPTURE: GucSetting<bool> = GucSetting::<bool>::new(true);
static METADATA: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static MAX_MESSAGE_BYTES: GucSetting<i32> = GucSetting::<i32>::new(10 * 1024 * 1024);
static MAX_WEBHOOKS_PER_ACCOUNT: GucSetting<i32> = GucSetting::<i32>::new(20);
static INTEGRATION_URL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static SMTP_URL: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static QUEUE_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(64 * 1024);

/// Tells the server about the settings, when the library is loaded.
pub fn define() {
    GucRegistry::define_bool_guc(
        c"webhooks.enabled",
        c"Sends messages.",
        c"When off, nothing is sent and everything is kept.",
        &ENABLED,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"webhooks.capture",
        c"Records what this session changes and emits.",
        c"When off, nobody is told of it, ever: for changes that are not news, such as backfills.",
        &CAPTURE,
        GucContext::Suset,
        GucFlags::default(),
    );
    guc::define_checked_string(
        c"webhooks.metadata",
        c"JSON that goes with each message of this session.",
        c"Such as who is at work: SET LOCAL has it go with those of the transaction. Empty: nothing.",
        &METADATA,
        GucContext::Userset,
        (
            |text| parse_metadata(text).map(drop),
            c"Give one JSON value, such as '{\"user\": {\"name\": \"Ann\"}}', of at most 8 kB.",
        ),
    );
    GucRegistry::define_int_guc(
        c"webhooks.max_message_bytes",
        c"How large a message may be.",
        c"Of a larger one only the key is kept.",
        &MAX_MESSAGE_BYTES,
        1024,
        512 * 1024 * 1024,
        GucContext::Suset,
        GucFlags::UNIT_BYTE,
    );
    GucRegistry::define_int_guc(
        c"webhooks.max_webhooks_per_account",
        c"How many webhooks an account may have.",
        c"Counts where a webhook names an account.",
        &MAX_WEBHOOKS_PER_ACCOUNT,
        1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"webhooks.max_in_flight",
        c"Calls that may be open at once, per database.",
        c"",
        &MAX_IN_FLIGHT,
        1,
        1000,
        GucContext::Sighup,
        GucFlags::default(),
    );
    guc::define_checked_string(
        c"webhooks.retention",
        c"How long messages and attempts are kept.",
        c"A time such as '7 days' or '12h'.",
        &RETENTION,
        GucContext::Sighup,
        (
            |text| parse_retention(text).map(drop),
            c"Give a time such as '7 days' or '12h', a minute at least.",
        ),
    );
    GucRegistry::define_int_guc(
        c"webhooks.max_response_bytes",
        c"How much of an answer is kept in the attempt log.",
        c"",
        &MAX_RESPONSE_BYTES,
        0,
        1024 * 1024,
        GucContext::Sighup,
        GucFlags::UNIT_BYTE,
    );
    guc::define_checked_string(
        c"webhooks.allowed_networks",
        c"Networks that may be called although they are private.",
        c"A list of CIDR blocks, separated by commas.",
        &ALLOWED_NETWORKS,
        GucContext::Sighup,
        (
            |text| parse_networks(text).map(drop),
            c"Give CIDR blocks, separated by commas, such as '10.1.0.0/16, fd00::/8'.",
        ),
    );
    GucRegistry::define_bool_guc(
        c"webhooks.allow_http",
        c"Allows http:// as well as https://.",
        c"",
        &ALLOW_HTTP,
        GucContext::Sighup,
        GucFlags::default(),
    );
    // Not checked by a hook, since that would read the file in every session at every reload: the worker looks at it.
    GucRegistry::define_string_guc(
        c"webhooks.ca_file",
        c"Certificate authorities that are trusted as well as the public ones.",
        c"A file in PEM format; empty for none.",
        &CA_FILE,
        GucContext::Sighup,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"webhooks.queue_memory",
        c"Memory for messages that wait for their turn, per database.",
        c"What does not fit waits in the database.",
        &QUEUE_MEMORY,
        1024,
        i32::MAX / 1024,
        GucContext::Sighup,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_string_guc(
        c"webhooks.integration_url",
        c"What [@sys:IntegrationURL] stands for in payload templates.",
        c"The address of the application, for receivers that call it back. The source of CloudEvents begins with it.",
        &INTEGRATION_URL,
        GucContext::Sighup,
        GucFlags::default(),
    );
    guc::define_secret_string(
        c"webhooks.smtp_url",
        c"The server that mail to errors_email goes through.",
        c"Such as smtp://user:password@mail.example.com:587?from=webhooks@example.com, or smtps://. Empty: no mail.",
        &SMTP_URL,
        (
            |text| parse_smtp_url(text).map(drop),
            c"Give an address such as smtps://user:password@mail.example.com?from=webhooks@example.com, or '' for no mail.",
        ),
    );
    managed::define_setting();
    guc::reserve_prefix(c"webhooks");
}

/// `webhooks.enabled`
pub fn enabled() -> bool {
    ENABLED.get()
}

/// `webhooks.capture`
pub fn capture() -> bool {
    CAPTURE.get()
}

/// `webhooks.metadata`, as it was written, in the database's encoding
pub fn metadata() -> Option<CString> {
    METADATA.get().filter(|text| !text.is_empty())
}

/// `webhooks.max_message_bytes`
pub fn max_message_bytes() -> usize {
    MAX_MESSAGE_BYTES.get() as usize
}

/// `webhooks.max_in_flight`
pub fn max_in_flight() -> usize {
    MAX_IN_FLIGHT.get() as usize
}

/// `webhooks.queue_memory`, in bytes
pub fn queue_memory() -> usize {
    QUEUE_MEMORY.get() as usize * 1024
}

/// `webhooks.retention`
pub fn retention() -> Duration {
    let text = text_of(&RETENTION);
    parse_retention(&text).unwrap_or_else(|problem| panic!("webhooks.retention: {problem}"))
}

/// `webhooks.ca_file`
pub fn ca_file() -> String {
    text_of(&CA_FILE)
}

/// `webhooks.smtp_url`; `None` where it is empty
pub fn mail_server() -> Option<MailServer> {
    // The check hook has let the value in, so that it parses.
    parse_smtp_url(&text_of(&SMTP_URL)).ok().flatten()
}

/// Which addresses may be called.
pub fn policy() -> Policy {
    let networks = parse_networks(&text_of(&ALLOWED_NETWORKS));
    Policy {
        // The check hook has let the value in, so that it parses; were it not so, nothing private is the safe reading.
        allowed_networks: networks.unwrap_or_default(),
        allow_http: ALLOW_HTTP.get(),
    }
}

/// What the sender threads go by; the authorities are those last read from `webhooks.ca_file`.
pub fn delivery(authorities: Authorities) -> webhooks_delivery::Settings {
    let policy = policy();
    webhooks_delivery::Settings {
        allowed_networks: policy.allowed_networks,
        allow_http: policy.allow_http,
        authorities,
        max_response_bytes: MAX_RESPONSE_BYTES.get() as usize,
        user_agent: concat!("pg-webhooks/", env!("CARGO_PKG_VERSION")).to_owned(),
        integration_url: text_of(&INTEGRATION_URL),
    }
}

fn text_of(setting: &GucSetting<Option<CString>>) -> String {
    setting
        .get()
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn parse_retention(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration < Duration::from_secs(60) => {
            Err("It must be at least one minute.".to_owned())
        }
        Ok(duration) if duration > Duration::from_secs(36_500 * 86_400) => {
            Err("It must be less than a hundred years.".to_owned())
        }
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!(
            "It is not a time such as \"7 days\" or \"12h\": {error}."
        )),
    }
}

/// Metadata may be as large as 8 kB: it goes with each message of what can be a million.
fn parse_metadata(text: &str) -> Result<(), String> {
    if text.len() > 8192 {
        return Err("It is larger than 8 kB.".to_owned());
    }
    if text.is_empty() {
        return Ok(());
    }
    serde_json::from_str::<&serde_json::value::RawValue>(text)
        .map(drop)
        .map_err(|problem| format!("It is not JSON: {problem}."))
}

fn parse_smtp_url(text: &str) -> Result<Option<MailServer>, String> {
    match text.trim() {
        "" => Ok(None),
        url => MailServer::parse(url).map(Some),
    }
}

fn parse_networks(text: &str) -> Result<Vec<Network>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|block| !block.is_empty())
        .map(|block| {
            block
                .parse()
                .map_err(|_| format!("\"{block}\" is not a CIDR block such as 10.1.0.0/16."))
        })
        .collect()
}
