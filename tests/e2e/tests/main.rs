//! The extension from end to end. Each test is named after the behaviour it proves.

mod addresses;
mod arrival;
mod command_conflicts;
mod crashes;
mod databases;
mod dump;
mod failures;
mod flights;
mod ordering;
mod readme;
mod settings;
mod standby;
mod states;
mod transactions;
mod workers;
