//! `psql`, as a reader of the documentation would use it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::{pg_program, Database};

impl Database {
    /// Runs SQL in this database through `psql`, which stops at the first error. The error is what it printed; without one it
    /// returns the rows, without headers, columns separated by `|`.
    pub fn psql(&self, options: &[String], sql: &str) -> Result<String, String> {
        let mut child = Command::new(pg_program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username=postgres"])
            .arg("--host")
            .arg(self.server().socket())
            .args(["--dbname", self.name()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql starts");
        let mut input = child.stdin.take().expect("its input");
        let sql = sql.as_bytes().to_vec();
        // Written meanwhile: psql prints while it reads. It stops reading at the first error; its message then says more
        // than ours.
        let writer = std::thread::spawn(move || {
            let _ = input.write_all(&sql);
        });
        let output = child.wait_with_output().expect("psql ends");
        writer.join().expect("the writer ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}
