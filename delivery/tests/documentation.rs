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

/// The names of the files in this directory: what `psql` runs, and what sessions do at once, are tests by their file.
fn files(directory: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let name = entry.unwrap().file_name();
        names.insert(name.into_string().expect("a name in UTF-8"));
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
    for directory in ["tests/regress/sql", "tests/isolation/specs"] {
        files(&root.join(directory), &mut existing);
    }
    for (name, least) in [("delivery.md", 30), ("abilities.md", 100)] {
        let document = fs::read_to_string(root.join("docs").join(name)).unwrap();
        let named = named_tests(&document);
        assert!(named.len() > least, "{name}");
        for test in named {
            assert!(existing.contains(test), "{name}: no such test: {test}");
        }
    }
}
