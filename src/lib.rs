//! `webhooks`, a Postgres extension: row changes arrive as signed HTTP calls.
//!
//! - [`capture`]: a trigger that turns a row's change into a row of the message log, in the same transaction.
//! - [`log`]: reads what is new in that log.
//! - [`worker`]: the background worker, which hands messages to the crate `webhooks-delivery` and records what came of
//!   each call.
//! - [`trial`]: test calls from a session.
//! - [`functions`]: what SQL needs from Rust; all that SQL says well is in `sql/`, listed in [`schema`].
//! - [`signatures`], [`payload`], [`expressions`] and [`definition`]: the same, about secrets and headers, about bodies,
//!   about what events compute, and about what has become of that. [`watched`]: the tables that expressions are about.
//! - [`pg`]: the fence around everything unsafe.
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod capture;
mod definition;
mod error;
mod expressions;
mod functions;
mod log;
mod payload;
#[allow(unsafe_code)]
mod pg;
mod schema;
mod settings;
mod signatures;
mod trial;
mod watched;
mod worker;

::pgrx::pg_module_magic!(name, version);
