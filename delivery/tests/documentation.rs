//! What the documentation says is proven by a test, is: the tests that its tables name exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The names of all functions in the Rust files under this directory.
fn functions(directory: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let declared = text.lines().filter_map(|line| line.strip_prefix("fn "));
            let nested = text.lines().filter_map(|line| line.strip_prefix("    fn "));
            for rest in declared.chain(nested) {
                let name = rest.split(['(', '<']).next().unwrap();
                names.insert(name.to_owned());
            }
        }
    }
}

/// What stands between backticks in the last column of each table whose last column is headed "test".
fn named_tests(document: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut within = false;
    for line in document.lines() {
        let Some(row) = line.strip_suffix('|').filter(|row| row.starts_with('|')) else {
            within = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap().trim();
        if within && !last.starts_with("---") {
            let quoted = last.split('`').skip(1).step_by(2);
            let before = names.len();
            names.extend(quoted);
            assert!(names.len() > before, "no test: {line}");
        }
        within |= last == "test";
    }
    names
}

#[test]
fn the_tests_that_the_documentation_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut existing = HashSet::new();
    for directory in ["delivery/src", "delivery/tests", "tests/e2e/tests"] {
        functions(&root.join(directory), &mut existing);
    }
    let document = fs::read_to_string(root.join("docs/delivery.md")).unwrap();
    let named = named_tests(&document);
    assert!(named.len() > 30);
    for name in named {
        assert!(existing.contains(name), "no such test: {name}");
    }
}
