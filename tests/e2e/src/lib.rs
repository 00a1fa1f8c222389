//! What the end-to-end tests stand on: real Postgres servers, real HTTP receivers, and waiting for a condition.
//!
//! A test takes a [`Database`] of its own, usually on the one server that all tests [share](Server::shared), or starts a
//! [`Server`] of its own when it crashes, stops or configures it. Messages go to a [`Receiver`], which records every call
//! and checks its signature with the receivers' own library. Tests never sleep and never judge how long something took:
//! they [wait](wait_until) for a condition, with a deadline that only says when to give up.
//!
//! Nothing outlives the tests, whether they pass, fail or are killed: a guard ends what it started, and the kernel ends
//! the servers of a process that is gone.
#![deny(missing_docs)]

mod attempts;
mod database;
mod flights;
mod load;
mod mail;
mod process;
mod psql;
mod receiver;
mod scratch;
mod server;
mod session;
mod verifier;
mod wait;

pub use attempts::{Attempt, AttemptLog};
pub use database::Database;
pub use flights::{python, Flights, PythonReceiver};
pub use load::Load;
pub use mail::MailServer;
pub use process::{is_alive, kill, pg_program, private_memory, run, server_user_command, Peak};
pub use receiver::{assert_ramp, Answer, Receiver, Request, TlsReceiver};
pub use rustix::process::Signal;
pub use server::{Options, Server};
pub use session::Session;
pub use verifier::Verifier;
pub use wait::{wait_for, wait_patiently, wait_until, within, PATIENCE};
