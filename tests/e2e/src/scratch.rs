//! Scratch directories: under `target/`, owned by the server's user, gone at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::LazyLock;

use crate::process::{run, server_user, server_user_command};

/// A directory that only the server's user (and root) may enter; removed with its content when dropped.
pub(crate) struct ScratchDir(PathBuf);

impl ScratchDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = BASE.join(format!("{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        run(Command::new("chmod").arg("700").arg(&path));
        if let Some(user) = server_user() {
            run(Command::new("chown").arg(user).arg(&path));
        }
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The `target` directory: the tests' own program lies in `target/<profile>/deps`.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().expect("the path of the tests");
    program
        .ancestors()
        .nth(3)
        .expect("target/<profile>/deps/<tests>")
        .to_owned()
}

/// Where the servers' logs of failed tests are kept: `target/e2e-logs`.
pub(crate) fn kept_logs() -> PathBuf {
    let path = target().join("e2e-logs");
    let _ = fs::create_dir_all(&path);
    path
}

/// `target/e2e`; elsewhere if the server's user cannot get there, or if the path of a socket in it would be too long.
static BASE: LazyLock<PathBuf> = LazyLock::new(|| {
    let wanted = target().join("e2e");
    fs::create_dir_all(&wanted).expect("target/e2e");
    let enterable = server_user_command("test")
        .arg("-x")
        .arg(&wanted)
        .status()
        .is_ok_and(|status| status.success());
    let base = if enterable && wanted.as_os_str().len() < 70 {
        wanted
    } else {
        let base = std::env::temp_dir().join("webhooks-e2e");
        fs::create_dir_all(&base).expect("a directory for temporary files");
        base
    };
    sweep(&base);
    base
});

/// Removes what a run that was killed has left.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.split('-').next())
            .and_then(|pid| pid.parse::<i32>().ok());
        if owner.is_some_and(|pid| !crate::is_alive(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
