//! The server that mail goes through, as `webhooks.smtp_url` names it, and sending.
//!
//! Its address is set by who runs the database server, so that it may be in any network.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};
use percent_encoding::percent_decode_str;
use url::Url;

use super::Mail;
use crate::authorities::Authorities;

/// How long the server may take for each step: to be reached, to take a line, to answer one.
const STEP: Duration = Duration::from_secs(20);

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte on: `smtps`.
    Always,
    /// With STARTTLS, or nothing is sent.
    Required,
    /// With STARTTLS where the server has it.
    Optional,
    /// Not at all.
    Off,
}

/// A mail server. What it prints holds no password.
#[derive(Clone)]
pub struct MailServer {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<(String, String)>,
    sender: Mailbox,
}

impl MailServer {
    /// Reads a URL such as `smtp://user:password@mail.example.com:587?from=webhooks@example.com`. An error says what is wrong
    /// with it, without the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("It is not a URL: {error}."))?;
        let (is_smtps, default_port) = match url.scheme() {
            "smtp" => (false, 587),
            "smtps" => (true, 465),
            other => {
                return Err(format!(
                    "It begins with \"{other}:\": use smtp:// or smtps://."
                ));
            }
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err("It has no host.".to_owned());
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(
                "It has a path or a fragment: after the host comes only ?from=….".to_owned(),
            );
        }
        let credentials = credentials(&url)?;
        let (mut sender, mut asked) = (None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "from" => sender = Some(value.into_owned()),
                "tls" => asked = Some(value.into_owned()),
                _ => return Err(format!("It has \"{name}\": only from and tls can be set.")),
            }
        }
        let sender = sender
            .or_else(|| credentials.clone().map(|(user, _)| user))
            .filter(|sender| sender.contains('@'))
            .ok_or("It does not say whom mail is from: add ?from=webhooks@example.com.")?;
        let sender = sender
            .parse()
            .map_err(|_| format!("\"{sender}\" is no address that mail can be from."))?;
        let encryption = match (asked.as_deref(), is_smtps) {
            (None, true) => Encryption::Always,
            (Some(_), true) => {
                return Err("It has tls, which smtps:// needs no word about.".to_owned());
            }
            (Some("required"), _) => Encryption::Required,
            (Some("optional"), _) => Encryption::Optional,
            (Some("off"), _) => Encryption::Off,
            // A password is not shown to who listens unless somebody says so.
            (None, _) if credentials.is_some() => Encryption::Required,
            (None, _) => Encryption::Optional,
            (Some(other), _) => {
                return Err(format!(
                    "tls is \"{other}\": it is required, optional or off."
                ));
            }
        };
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: url.port().unwrap_or(default_port),
            encryption,
            credentials,
            sender,
        })
    }

    /// Sends a mail and waits for the server to take it. The error is for people.
    pub fn send(&self, mail: &Mail, authorities: &Authorities) -> Result<(), String> {
        let message = self.message(mail)?;
        let mut builder = SmtpTransport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(self.tls(authorities).map_err(|error| chain(&error))?)
            .timeout(Some(STEP))
            .hello_name(ClientId::Domain(self.sender.email.domain().to_owned()));
        if let Some((user, password)) = self.credentials.clone() {
            builder = builder.credentials(Credentials::new(user, password));
        }
        let sent = builder.build().send(&message);
        sent.map(drop).map_err(|error| chain(&error))
    }

    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let to = mail.to.parse::<Mailbox>();
        let to = to.map_err(|error| format!("the address {}: {error}", mail.to))?;
        let random = getrandom::u64().map_err(|error| error.to_string())?;
        let id = format!("<{random:016x}@{}>", self.sender.email.domain());
        // So that nobody's holiday notice answers.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.sender.clone())
            .to(to)
            .subject(&mail.subject)
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| error.to_string())
    }

    fn tls(&self, authorities: &Authorities) -> Result<Tls, lettre::transport::smtp::Error> {
        if self.encryption == Encryption::Off {
            return Ok(Tls::None);
        }
        let mut parameters = TlsParameters::builder(self.host.clone());
        for certificate in authorities.certificates() {
            parameters =
                parameters.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
        }
        let parameters = parameters.build_rustls()?;
        Ok(match self.encryption {
            Encryption::Always => Tls::Wrapper(parameters),
            Encryption::Required => Tls::Required(parameters),
            _ => Tls::Opportunistic(parameters),
        })
    }
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailServer({self})")
    }
}

/// User and password, as they are when nothing in them is percent-encoded any more.
fn credentials(url: &Url) -> Result<Option<(String, String)>, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(|text| text.into_owned())
            .map_err(|_| "User or password is not UTF-8.".to_owned())
    };
    match url.password() {
        Some(password) if !url.username().is_empty() => {
            Ok(Some((decoded(url.username())?, decoded(password)?)))
        }
        _ => Err("It has a user without a password, or a password without a user.".to_owned()),
    }
}

/// An error and what is behind it, each thing once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> MailServer {
        MailServer::parse(url).unwrap_or_else(|problem| panic!("{url}: {problem}"))
    }

    #[test]
    fn a_url_says_where_as_whom_and_how() {
        let server =
            parsed("smtp://ann%40example.com:a%3Ab%20c@mail.example.com?from=hooks@example.com");
        assert_eq!(
            (server.host.as_str(), server.port),
            ("mail.example.com", 587)
        );
        assert_eq!(
            server.encryption,
            Encryption::Required,
            "a password is not sent in the clear"
        );
        let credentials = Some(("ann@example.com".to_owned(), "a:b c".to_owned()));
        assert_eq!(server.credentials, credentials);
        assert_eq!(server.sender.to_string(), "hooks@example.com");

        let server = parsed("smtps://[::1]:2465?from=Hooks%20%3Chooks@example.com%3E");
        assert_eq!((server.host.as_str(), server.port), ("::1", 2465));
        assert_eq!(server.encryption, Encryption::Always);
        assert_eq!(server.sender.to_string(), "Hooks <hooks@example.com>");

        let sender = parsed("smtp://ann%40example.com:x@mail.example.com").sender;
        assert_eq!(
            sender.to_string(),
            "ann@example.com",
            "the user, if it is an address"
        );
        for (query, encryption) in [
            ("", Encryption::Optional),
            ("&tls=off", Encryption::Off),
            ("&tls=required", Encryption::Required),
            ("&tls=optional", Encryption::Optional),
        ] {
            let url = format!("smtp://localhost?from=a@example.com{query}");
            assert_eq!(parsed(&url).encryption, encryption, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_and_its_password_not_shown() {
        for (url, problem) in [
            ("mail.example.com", "It is not a URL"),
            (
                "https://mail.example.com/?from=a@b.c",
                "It begins with \"https:\"",
            ),
            ("smtp:from", "It has no host"),
            ("smtp://", "It has no host"),
            (
                "smtp://mail.example.com",
                "It does not say whom mail is from",
            ),
            (
                "smtp://ann:hush@mail.example.com",
                "It does not say whom mail is from",
            ),
            (
                "smtp://m.example.com?from=nobody",
                "It does not say whom mail is from",
            ),
            (
                "smtp://m.example.com?from=a%0Ab@c@d",
                "\"a\nb@c@d\" is no address",
            ),
            (
                "smtp://ann@mail.example.com?from=a@b.c",
                "It has a user without",
            ),
            (
                "smtp://:hush@mail.example.com?from=a@b.c",
                "It has a user without",
            ),
            (
                "smtp://ann:hush%FF@mail.example.com?from=a@b.c",
                "User or password",
            ),
            ("smtp://mail.example.com/hush?from=a@b.c", "It has a path"),
            ("smtp://mail.example.com?from=a@b.c#hush", "It has a path"),
            ("smtp://mail.example.com?form=a@b.c", "It has \"form\""),
            (
                "smtp://mail.example.com?from=a@b.c&tls=yes",
                "tls is \"yes\"",
            ),
            ("smtps://mail.example.com?from=a@b.c&tls=off", "It has tls"),
            (
                "smtp://mail.example.com:99999?from=a@b.c",
                "It is not a URL",
            ),
        ] {
            let said = MailServer::parse(url).expect_err(url);
            assert!(said.starts_with(problem), "{url}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
        let server = parsed("smtp://ann:hush@mail.example.com?from=a@b.c");
        assert_eq!(
            format!("{server} {server:?}"),
            "mail.example.com:587 MailServer(mail.example.com:587)"
        );
    }

    #[test]
    fn a_mail_is_plain_text_in_any_alphabet() {
        let server = parsed("smtp://localhost?from=hooks@example.com");
        let mail = Mail {
            to: "ops@example.com".into(),
            subject: "[webhooks] Größe: 2 deliveries have failed".into(),
            text: "Größe\n.\nend\n".into(),
        };
        let message = server.message(&mail).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(text.is_ascii(), "{text}");
        for line in [
            "From: hooks@example.com",
            "To: ops@example.com",
            "Content-Type: text/plain; charset=utf-8",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}\n{text}");
        }
        let bent = Mail {
            to: "ops@example.com\r\nBcc: eve@example.com".into(),
            ..mail
        };
        assert!(server.message(&bent).is_err(), "an address is one line");
    }
}
