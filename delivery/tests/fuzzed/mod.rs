//! What is fuzzed: each function takes any bytes and panics if something is wrong with what is made of them. The fuzz
//! targets under fuzz/ call them with new inputs, and `tests/corpus.rs` with those that were kept.

pub mod answer;
pub mod template;
pub mod url;
