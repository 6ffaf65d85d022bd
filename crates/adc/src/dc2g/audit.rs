//! The record of every certificate that was made: JSON lines that are only ever appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Its name in the state directory.
pub(crate) const FILE: &str = "dc2g-audit.jsonl";

/// The file; made, with mode 0600, when the first record is written.
#[derive(Debug)]
pub(crate) struct AuditLog {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Record<'a> {
    /// A certificate was made.
    Forged {
        /// RFC 3339.
        time: String,
        profile: &'a str,
        vserver: &'a str,
        service: &'a str,
        client: IpAddr,
        /// `client`, or `fallback` where the client showed none.
        source: &'static str,
        original: &'a Original<'a>,
        forged: &'a Forged<'a>,
        /// SHA-256 of the forging CA's certificate.
        forging_ca: String,
    },
    /// It is not used for new connections any more.
    Retired {
        time: String,
        profile: &'a str,
        /// Its serial number.
        serial: &'a str,
        /// How many connections used it after the one it was made for.
        cache_hits: u64,
    },
}

/// The client's certificate.
#[derive(Debug, Serialize)]
pub(crate) struct Original<'a> {
    pub(crate) subject: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) sha256: String,
}

/// The one that was made.
#[derive(Debug, Serialize)]
pub(crate) struct Forged<'a> {
    pub(crate) serial: &'a str,
    pub(crate) sha256: String,
    pub(crate) not_after: String,
}

impl AuditLog {
    /// In this directory.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(FILE),
            file: Mutex::default(),
        }
    }

    /// Appends a line, and nothing in part: other lines never mix with it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn append(&self, record: &Record<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Moved away or removed, by logrotate for instance: the next line goes to a new file.
        let is_there = match &*file {
            Some(open) => self.path.metadata().is_ok_and(|path| {
                open.metadata()
                    .is_ok_and(|own| (own.dev(), own.ino()) == (path.dev(), path.ino()))
            }),
            None => false,
        };
        if !is_there {
            *file = Some(open(&self.path)?);
        }
        match &mut *file {
            Some(file) => file.write_all(&line),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn retired(serial: &str) -> Record<'_> {
        Record::Retired {
            time: "2026-11-21T12:00:00Z".to_owned(),
            profile: "be",
            serial,
            cache_hits: 3,
        }
    }

    #[test]
    fn lines_are_appended_and_a_file_that_was_moved_away_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::new(dir.path());
        let path = dir.path().join(FILE);

        log.append(&retired("01")).unwrap();
        log.append(&retired("02")).unwrap();

        let text = std::fs::read_to_string(&path).unwrap();
        let first = r#"{"event":"retired","time":"2026-11-21T12:00:00Z","profile":"be","serial":"01","cache_hits":3}"#;
        assert_eq!(text.lines().next(), Some(first));
        assert_eq!(text.lines().count(), 2);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        log.append(&retired("03")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let log = AuditLog::new(Path::new("/proc/none"));
        assert!(log.append(&retired("01")).is_err());
    }
}
