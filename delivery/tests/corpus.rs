//! What the fuzz targets have found worth keeping, replayed without a fuzzer. `make fuzz` looks for more.

mod fuzzed;

use std::fs;
use std::path::Path;

/// Reads every file of a corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus") {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        // Only shown if the test fails.
        println!("{}: {}", path.display(), input.escape_ascii());
        check(&input);
        count += 1;
    }
    assert!(count > 20, "{} holds {count} files", corpus.display());
}

#[test]
fn answers() {
    replay("answer", fuzzed::answer::check);
}

#[test]
fn urls() {
    replay("url", fuzzed::url::check);
}

#[test]
fn templates() {
    replay("template", fuzzed::template::check);
}
