#![no_main]

#[path = "../../delivery/tests/fuzzed/template.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|input: &[u8]| target::check(input));
