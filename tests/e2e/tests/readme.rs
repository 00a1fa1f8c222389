//! The SQL in the README and in `docs/` works: every block marked `sql` is executed.
//!
//! The blocks of a file run in their order, in one fresh database per file, through `psql` as a reader would, and stop at the
//! first error. One thing is changed: where a block has a URL of `https://example.com/`, it gets the URL of a receiver, whatever
//! the path, so that what the block sends arrives.

use std::fs;
use std::path::{Path, PathBuf};

use webhooks_e2e::{Receiver, Server};

/// The README and all of docs/, in a stable order.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found[1..].sort();
    found
}

/// The SQL blocks of a document, each with the number of its first line.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        // A block may stand in a list, indented.
        let indent = line.len() - line.trim_start().len();
        if line.trim() != "```sql" {
            continue;
        }
        let mut block = String::new();
        for (_, line) in lines.by_ref().take_while(|(_, line)| line.trim() != "```") {
            block.push_str(line.get(indent..).unwrap_or(""));
            block.push('\n');
        }
        blocks.push((number + 2, block));
    }
    blocks
}

/// Replaces each `https://example.com/…` by the receiver's URL, keeping what tells one from another: the path.
fn redirect(block: &str, receiver: &Receiver) -> String {
    let base = receiver.url();
    let base = base.strip_suffix("/hook").expect("a receiver's URL");
    block.replace("https://example.com", base)
}

#[test]
fn every_sql_block_of_the_documentation_runs() {
    // Its own server: a reader may well be told to use ALTER SYSTEM.
    let server = Server::preloaded().start();
    let mut ran = 0;
    for document in documents() {
        let text = fs::read_to_string(&document)
            .unwrap_or_else(|error| panic!("{}: {error}", document.display()));
        let receiver = Receiver::start();
        let database = server.empty_database();
        if document.ends_with("README.md") {
            assert!(
                text.contains("CREATE EXTENSION webhooks"),
                "the README begins at the beginning"
            );
        }
        for (line, block) in blocks(&text) {
            let result = database.psql(&[], &redirect(&block, &receiver));
            if let Err(error) = result {
                panic!("{}:{line}:\n{block}\n{error}", document.display());
            }
            ran += 1;
        }
    }
    assert!(ran > 0, "the README has SQL in it");
}

#[test]
fn blocks_are_found_where_they_are() {
    let text = "a\n```sql\nSELECT 1;\n```\n- b\n  ```sql\n  SELECT\n    2;\n  ```\n```\nno\n```\n";
    assert_eq!(
        blocks(text),
        [
            (3, "SELECT 1;\n".to_owned()),
            (7, "SELECT\n  2;\n".to_owned())
        ]
    );
}
