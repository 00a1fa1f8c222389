//! Mail to the people who look after a webhook: through which server ([`MailServer`]), and what it says ([`Report`]).
//!
//! Sending takes as long as it takes: who must not wait has a thread do it.

mod report;
mod server;

pub use report::{LostEndpoint, Report};
pub use server::MailServer;

/// A mail to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}
