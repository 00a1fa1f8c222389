//! What a mail about a webhook says: what has failed and what to do. No payload, no secret, and of a URL only where it
//! leads, since its path may be one.

use std::fmt::Write;

use url::Url;

use super::Mail;

/// What has gone wrong with a webhook since somebody was last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whom to tell.
    pub to: String,
    /// The webhook's name.
    pub webhook: String,
    /// The database that it is in.
    pub database: String,
    /// When the first of it happened, or somebody was last told, as text.
    pub since: String,
    /// When the last of it happened, as text.
    pub until: String,
    /// Deliveries that have failed for good.
    pub failed: i64,
    /// Messages, for each endpoint, of which only the key was sent because they were too large.
    pub reduced: i64,
    /// The newest error.
    pub last_error: Option<String>,
    /// Ids of some of the messages.
    pub message_ids: Vec<String>,
    /// Endpoints that are not called any more.
    pub lost: Vec<LostEndpoint>,
}

/// An endpoint that is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostEndpoint {
    /// Its URL.
    pub url: String,
    /// `disabled` or `gone`.
    pub state: String,
    /// Why.
    pub reason: String,
}

impl Report {
    /// The mail that tells it.
    pub fn mail(&self) -> Mail {
        Mail {
            to: self.to.clone(),
            subject: format!("[webhooks] {}: {}", self.webhook, self.headline()),
            text: self.text(),
        }
    }

    fn headline(&self) -> String {
        match (self.failed, self.lost.len()) {
            (0, 0) => format!(
                "{} too large",
                counted(self.reduced, "message was", "messages were")
            ),
            (0, lost) => format!(
                "{} not called any more",
                counted(lost as i64, "endpoint is", "endpoints are")
            ),
            (failed, _) => format!(
                "{} failed",
                counted(failed, "delivery has", "deliveries have")
            ),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("a String takes it");
            text.push('\n');
        };
        let name = literal(&self.webhook);
        say(format_args!(
            "Webhook {} in database {}",
            self.webhook, self.database
        ));
        say(format_args!("from {} to {}:\n", self.since, self.until));
        if self.failed > 0 {
            say(format_args!(
                "{} failed for good.",
                counted(self.failed, "delivery has", "deliveries have")
            ));
        }
        if let Some(error) = &self.last_error {
            say(format_args!("The last error was: {error}"));
        }
        if self.reduced > 0 {
            let messages = counted(self.reduced, "message was", "messages were");
            say(format_args!(
                "{messages} larger than webhooks.max_message_bytes and sent with the key alone."
            ));
        }
        for endpoint in &self.lost {
            let (place, state, reason) = (place(&endpoint.url), &endpoint.state, &endpoint.reason);
            say(format_args!(
                "An endpoint at {place} is {state} and not called any more: {reason}."
            ));
        }

        say(format_args!("\nWhat has failed, and why:\n"));
        say(format_args!(
            "  SELECT * FROM webhooks.failed_delivery WHERE webhook = {name};"
        ));
        for id in &self.message_ids {
            say(format_args!(
                "  SELECT webhooks.explain_message({});",
                literal(id)
            ));
        }
        say(format_args!("\nWhen the receiver works again:\n"));
        if !self.lost.is_empty() {
            say(format_args!(
                "  SELECT webhooks.enable_endpoint(webhook, url) FROM webhooks.endpoint_stats"
            ));
            say(format_args!(
                "  WHERE webhook = {name} AND state <> 'enabled';"
            ));
        }
        say(format_args!("  SELECT webhooks.resend_failed({name});"));
        say(format_args!(
            "\nThere is at most one such mail about a webhook in 15 minutes, which tells all since the one before."
        ));
        text
    }
}

fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A text as SQL has it.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// Where a URL leads: scheme, host and port.
fn place(url: &str) -> String {
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    origin.unwrap_or_else(|_| "its URL".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            to: "ops@example.com".into(),
            webhook: "shipping".into(),
            database: "shop".into(),
            since: "2026-11-24 20:00:00+00".into(),
            until: "2026-11-24 20:10:00+00".into(),
            failed: 12,
            reduced: 0,
            last_error: Some("status: 500".into()),
            message_ids: vec!["msg_a".into(), "msg_b".into()],
            lost: Vec::new(),
        }
    }

    #[test]
    fn it_says_what_since_when_how_many_why_and_what_to_type() {
        let mail = report().mail();
        assert_eq!(mail.to, "ops@example.com");
        assert_eq!(
            mail.subject,
            "[webhooks] shipping: 12 deliveries have failed"
        );
        assert_eq!(
            mail.text,
            "Webhook shipping in database shop
from 2026-11-24 20:00:00+00 to 2026-11-24 20:10:00+00:

12 deliveries have failed for good.
The last error was: status: 500

What has failed, and why:

  SELECT * FROM webhooks.failed_delivery WHERE webhook = 'shipping';
  SELECT webhooks.explain_message('msg_a');
  SELECT webhooks.explain_message('msg_b');

When the receiver works again:

  SELECT webhooks.resend_failed('shipping');

There is at most one such mail about a webhook in 15 minutes, which tells all since the one before.
"
        );
    }

    #[test]
    fn endpoints_are_named_by_their_host_and_names_are_quoted() {
        let lost = LostEndpoint {
            url: "https://example.com:8443/hooks/token?key=hush".into(),
            state: "disabled".into(),
            reason: "the receiver asked for no more calls".into(),
        };
        let mail = Report {
            webhook: r"it's \o".into(),
            failed: 0,
            lost: vec![lost],
            ..report()
        }
        .mail();
        assert_eq!(
            mail.subject,
            r"[webhooks] it's \o: 1 endpoint is not called any more"
        );
        for part in [
            "An endpoint at https://example.com:8443 is disabled and not called any more: the receiver asked for no more calls.",
            r"webhooks.resend_failed(E'it''s \\o');",
            r"WHERE webhook = E'it''s \\o' AND state <> 'enabled';",
        ] {
            assert!(mail.text.contains(part), "{part}\n{}", mail.text);
        }
        assert!(
            !mail.text.contains("token") && !mail.text.contains("hush"),
            "{}",
            mail.text
        );
    }

    #[test]
    fn messages_that_were_too_large_are_told_too() {
        let mail = Report {
            failed: 0,
            reduced: 1,
            last_error: None,
            ..report()
        }
        .mail();
        assert_eq!(mail.subject, "[webhooks] shipping: 1 message was too large");
        assert!(
            mail.text
                .contains("1 message was larger than webhooks.max_message_bytes")
        );
    }
}
