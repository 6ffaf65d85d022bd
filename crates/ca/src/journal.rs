//! The file that state is kept in: one line a change, appended; rewritten shorter at each start.
//!
//! A change is on its way to the disk before it is answered for, so it survives the process being
//! killed. A power failure may cost the last second, until [`Journal::sync_handle`] was flushed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::store::Record;

/// An open state file.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    length: u64,
    path: PathBuf,
}

/// The state file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}", path = path.display())]
pub(crate) struct JournalError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Journal {
    /// Reads every change of the file; an incomplete last line, left by a crash, is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, or a line before the last is damaged.
    pub(crate) fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
        let error = |source| JournalError {
            what: "read",
            path: path.to_owned(),
            source,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(error(e)),
        };
        let mut records = Vec::new();
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).map_err(error)? == 0 || !line.ends_with('\n') {
                return Ok(records);
            }
            let change: Vec<Record> =
                serde_json::from_str(&line).map_err(|e| error(std::io::Error::other(e)))?;
            records.extend(change);
        }
    }

    /// Writes a new file that holds `records` alone, in the place of the old one, atomically.
    ///
    /// # Errors
    /// When the directory is not writable or full; the old file is then untouched.
    pub(crate) fn rewrite(path: &Path, records: Vec<Record>) -> Result<Self, JournalError> {
        let temporary = path.with_extension("new");
        let error = |source| JournalError {
            what: "write",
            path: path.to_owned(),
            source,
        };
        let mut text = Vec::new();
        for record in records {
            text.extend(line(&[record]).map_err(error)?);
        }
        // Contacts of accounts are in it: for the owner only.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(error)?;
        file.write_all(&text).map_err(error)?;
        file.sync_all().map_err(error)?;
        std::fs::rename(&temporary, path).map_err(error)?;
        let mut file = OpenOptions::new().append(true).open(path).map_err(error)?;
        let length = file.seek(SeekFrom::End(0)).map_err(error)?;
        Ok(Self {
            file,
            length,
            path: path.to_owned(),
        })
    }

    /// Appends one change as a whole.
    ///
    /// # Errors
    /// When the disk is full; what was written of the change is taken back.
    pub(crate) fn append(&mut self, change: &[Record]) -> Result<(), JournalError> {
        let written = line(change).and_then(|line| {
            self.file.write_all(&line)?;
            self.length += line.len() as u64;
            Ok(())
        });
        written.map_err(|source| {
            if let Err(error) = self.file.set_len(self.length) {
                tracing::error!(%error, "cannot take back an incomplete change");
            }
            JournalError {
                what: "append to",
                path: self.path.clone(),
                source,
            }
        })
    }

    /// A second handle of the file, for flushing it to the disk without holding anything up.
    pub(crate) fn sync_handle(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }
}

fn line(change: &[Record]) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(change).map_err(std::io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::Account;

    /// A journal on a device that is always full.
    pub(crate) fn on_full_disk() -> Journal {
        let path = Path::new("/dev/full");
        Journal {
            file: OpenOptions::new().append(true).open(path).unwrap(),
            length: 0,
            path: path.to_owned(),
        }
    }

    pub(crate) fn account(id: &str) -> Record {
        Record::Account(Account {
            id: id.to_owned(),
            key: serde_json::Value::Null,
            thumbprint: format!("thumbprint of {id}"),
            deactivated: false,
            contact: Vec::new(),
            terms_agreed: true,
            external: None,
        })
    }

    fn ids(records: &[Record]) -> Vec<&str> {
        records
            .iter()
            .map(|record| match record {
                Record::Account(account) => account.id.as_str(),
                _ => "?",
            })
            .collect()
    }

    #[test]
    fn changes_read_back_in_order_and_half_a_line_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        let mut journal = Journal::rewrite(&path, vec![account("a")]).unwrap();
        journal.append(&[account("b"), account("c")]).unwrap();
        journal.append(&[account("d")]).unwrap();
        let whole = std::fs::read(&path).unwrap();

        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let cut = Journal::read(&path).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let all = Journal::read(&path).unwrap();

        assert_eq!(ids(&cut), ["a", "b", "c"]);
        assert_eq!(ids(&all), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_full_disk_is_told_with_its_file() {
        let error = on_full_disk().append(&[account("a")]).unwrap_err();

        assert_eq!(error.to_string(), "cannot append to /dev/full");
        assert!(std::error::Error::source(&error).is_some());
    }
}
