//! The extension from end to end. Each test is named after the behaviour it proves.

mod addresses;
mod arrival;
mod authorities;
mod batches;
mod command_conflicts;
mod crashes;
mod databases;
mod dump;
mod endurance;
mod examples;
mod failures;
mod flights;
mod mending;
mod ordering;
mod outcomes;
mod payloads;
mod readme;
mod secrecy;
mod settings;
mod signatures;
mod standby;
mod states;
mod throttle;
mod transactions;
mod trials;
mod workers;
