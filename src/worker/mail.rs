//! Mail to those who look after a webhook. `webhooks.mail` has what there is to tell; this takes one mail at a time from
//! it, has a thread send it, and writes down what came of that.
//!
//! What is to be told was written with the trouble itself, so that no crash loses it. A crash between the sending and the
//! writing down has it sent twice.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{channel, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use webhooks_delivery::mail::{LostEndpoint, MailServer, Report};

use super::Worker;
use crate::pg::encoding::{storable, Utf8};
use crate::pg::interrupt;
use crate::pg::statement::{column, optional_text};
use crate::pg::transaction::{self, RolledBack};
use crate::settings;

/// How often the table is looked at: who waits for mail does not notice.
const INTERVAL: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub struct Post {
    under_way: Option<UnderWay>,
    next_look: Instant,
    bell: UnixStream,
    /// Why it could not be gone on with, which is told once.
    last_error: Option<String>,
}

/// A mail that a thread sends.
struct UnderWay {
    letter: Letter,
    result: Receiver<Result<(), String>>,
    /// What came of it, until that is written down.
    ended: Option<Result<(), String>>,
}

/// What one mail tells.
struct Letter {
    webhook_id: i64,
    told_until: TimestampWithTimeZone,
    report: Report,
}

impl Post {
    /// The bell wakes the worker when a mail has been sent, or could not be.
    pub fn new(bell: UnixStream) -> Self {
        Self {
            under_way: None,
            next_look: Instant::now(),
            bell,
            last_error: None,
        }
    }

    /// When to look for mail; `None` while one is being sent.
    pub fn next_look(&self) -> Option<Instant> {
        let is_open = |mail: &UnderWay| mail.ended.is_none();
        (!self.under_way.as_ref().is_some_and(is_open)).then_some(self.next_look)
    }

    /// Has a thread send a mail. It is left alone: it ends when the server has taken the mail, or is too slow.
    fn send(
        &mut self,
        letter: Letter,
        server: MailServer,
        authorities: webhooks_delivery::Authorities,
    ) -> Result<(), String> {
        let (tell, result) = channel();
        let bell = self.bell.try_clone().map_err(|error| error.to_string())?;
        let mail = letter.report.mail();
        let work = move || {
            // Who does not hear it has ended.
            let _ = tell.send(server.send(&mail, &authorities));
            let _ = (&bell).write(&[1]);
        };
        let thread = std::thread::Builder::new().name("webhooks mail".to_owned());
        interrupt::with_signals_blocked(|| thread.spawn(work))
            .map_err(|error| error.to_string())?;
        self.under_way = Some(UnderWay {
            letter,
            result,
            ended: None,
        });
        Ok(())
    }
}

impl UnderWay {
    /// Whether the thread is done.
    fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = match self.result.try_recv() {
                Ok(result) => Some(result),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Err("its thread has ended".to_owned())),
            };
        }
        self.ended.is_some()
    }
}

impl Worker {
    /// Writes down what came of the last mail, and has the next one sent if one is due. What cannot be done is done at the
    /// next look.
    pub(super) fn see_to_mail(&mut self) {
        let has_ended = self.post.under_way.as_mut().map(UnderWay::has_ended);
        let is_time = self.enabled && Instant::now() >= self.post.next_look;
        if has_ended == Some(false) || has_ended.is_none() && !is_time {
            return;
        }
        self.post.next_look = Instant::now() + INTERVAL;
        let error = self.go_on_with_mail().err().map(|error| error.message);
        if let Some(error) = &error {
            self.leave_if_uninstalled();
            if self.post.last_error.as_ref() != Some(error) {
                warning!("webhooks: mail has to wait: {error}");
            }
        }
        self.post.last_error = error;
    }

    fn go_on_with_mail(&mut self) -> Result<(), RolledBack> {
        if let Some(mail) = &self.post.under_way {
            mail.write_down()?;
            self.post.under_way = None;
        }
        let server = settings::mail_server();
        transaction::run(|| note_server(server.is_some()))?;
        let Some(server) = server else {
            return Ok(());
        };
        if let Some(letter) = transaction::run(due_letter)? {
            let authorities = self.authorities.clone();
            if let Err(problem) = self.post.send(letter, server, authorities) {
                warning!("webhooks: mail has to wait: {problem}");
            }
        }
        Ok(())
    }
}

impl UnderWay {
    /// What came of it goes into the table, and into the server's log if it is bad.
    fn write_down(&self) -> Result<(), RolledBack> {
        let Letter {
            webhook_id,
            told_until,
            report,
        } = &self.letter;
        match self.ended.as_ref().expect("it has ended") {
            Ok(()) => transaction::run(|| {
                let sent = "SELECT webhooks.mail_was_sent($1, $2, $3, $4)";
                let arguments = [
                    (*webhook_id).into(),
                    (*told_until).into(),
                    report.failed.into(),
                    report.reduced.into(),
                ];
                Spi::run_with_args(sent, &arguments)
                    .unwrap_or_else(|error| panic!("{sent}: {error}"));
            }),
            Err(problem) => {
                let why = storable(&format!("the mail server: {problem}"));
                let goes_on = transaction::run(|| {
                    let not_sent = "SELECT webhooks.mail_was_not_sent($1, $2)";
                    Spi::get_one_with_args::<bool>(
                        not_sent,
                        &[(*webhook_id).into(), why.as_str().into()],
                    )
                    .unwrap_or_else(|error| panic!("{not_sent}: {error}"))
                })?;
                let then = match goes_on {
                    Some(true) => "is tried again",
                    _ => "is given up",
                };
                warning!(
                    "webhooks: mail about webhook \"{}\" could not be sent and {then}: {why}",
                    report.webhook
                );
                Ok(())
            }
        }
    }
}

/// Mail that waits says so where there is no server, inside a transaction.
fn note_server(is_there: bool) {
    let note = "SELECT webhooks.note_mail_server($1)";
    Spi::run_with_args(note, &[is_there.into()]).unwrap_or_else(|error| panic!("{note}: {error}"));
}

/// The mail that is to be sent now, inside a transaction.
fn due_letter() -> Option<Letter> {
    Spi::connect(|client: &SpiClient<'_>| {
        let due = "SELECT webhook_id, recipient, webhook, database::text, since, until, told_until, failed, reduced, last_error,
                          message_ids, urls, states, reasons
                     FROM webhooks.due_mail()";
        let mut rows = client
            .select(due, None, &[])
            .unwrap_or_else(|error| panic!("{due}: {error}"));
        let row = rows.next()?;
        let text = |number| optional_text(&row, number).unwrap_or_default();
        let (urls, states, reasons): (Vec<Utf8>, Vec<String>, Vec<String>) =
            (column(&row, 12), column(&row, 13), column(&row, 14));
        let lost = urls.into_iter().zip(states).zip(reasons);
        Some(Letter {
            webhook_id: column(&row, 1),
            told_until: column(&row, 7),
            report: Report {
                to: text(2),
                webhook: text(3),
                database: text(4),
                since: text(5),
                until: text(6),
                failed: column(&row, 8),
                reduced: column(&row, 9),
                last_error: Some(text(10)).filter(|error| !error.is_empty()),
                message_ids: column(&row, 11),
                lost: lost
                    .map(|((url, state), reason)| LostEndpoint {
                        url: url.0,
                        state,
                        reason,
                    })
                    .collect(),
            },
        })
    })
}
