//! The certificate authorities that `webhooks.ca_file` adds to Mozilla's.

use std::fs::File;
use std::io::Read;

use pgrx::prelude::*;
use webhooks_delivery::Authorities;

use super::Worker;
use crate::pg::backend;
use crate::settings;

/// A file of authorities is smaller; so is what is read of one that is something else.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the file that the setting names, if any.
pub fn read() -> Result<Authorities, String> {
    let path = settings::ca_file();
    if path.is_empty() {
        return Ok(Authorities::default());
    }
    read_file(&path).map_err(|problem| format!("webhooks.ca_file \"{path}\": {problem}"))
}

fn read_file(path: &str) -> Result<Authorities, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    // Opening a pipe would wait for somebody to write to it.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut pem = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut pem)
        .map_err(|error| error.to_string())?;
    if pem.len() as u64 > MAX_BYTES {
        return Err("it is larger than 1 MB".to_owned());
    }
    Authorities::from_pem(&pem).map_err(|problem| problem.to_string())
}

/// Those in the file, or if it cannot be used none, with a warning.
pub fn read_at_start() -> Authorities {
    let read = read();
    backend::show_ca_file(read.is_ok());
    read.unwrap_or_else(|problem| {
        warning!("{problem}; only public authorities are trusted");
        Authorities::default()
    })
}

impl Worker {
    /// Takes over what is in the file now. If it cannot be used, what was trusted so far stays.
    pub(super) fn reload_authorities(&mut self) {
        let read = read();
        backend::show_ca_file(read.is_ok());
        match read {
            Ok(authorities) => self.authorities = authorities,
            Err(problem) => {
                warning!("{problem}; the authorities that were trusted so far are trusted still")
            }
        }
    }
}
