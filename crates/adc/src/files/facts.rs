//! Looking at files of NetScaler's directories: `show system file`.

use std::fs;
use std::io;
use std::path::Path;

use evercert_ns::{NsError, codes};
use jiff::Timestamp;

use super::Files;
use super::store::{MAX_BYTES, failed};

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) is_directory: bool,
    pub(crate) accessed: Timestamp,
    pub(crate) modified: Timestamp,
}

impl Files {
    /// The files of a directory, by name.
    ///
    /// # Errors
    /// 1097 for a location that is not NetScaler's, 1155 when there is no such directory.
    pub(crate) fn list(&self, location: &str) -> Result<Vec<FileFacts>, NsError> {
        let directory = self.location(location)?;
        let entries = fs::read_dir(&directory).map_err(|error| failed(&error, location))?;
        let mut facts = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(&error, location))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What is being written, and what is not a NetScaler's to show.
            if !name.starts_with('.') && self.owns(&entry.path()) {
                // A file that went away meanwhile is none.
                facts.extend(facts_of(&entry.path(), name).ok());
            }
        }
        facts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(facts)
    }

    /// One file with its contents.
    ///
    /// # Errors
    /// 1097 for a location or name that is not NetScaler's, 1155 when there is no such file, 283 when it is too large.
    pub(crate) fn read(&self, location: &str, name: &str) -> Result<(FileFacts, Vec<u8>), NsError> {
        let path = self.named(location, name)?;
        let facts = facts_of(&path, name.to_owned()).map_err(|error| failed(&error, name))?;
        if facts.is_directory {
            return Ok((facts, Vec::new()));
        }
        if facts.size > MAX_BYTES {
            return Err(NsError::about(&codes::FILE_TOO_LARGE, name));
        }
        let bytes = fs::read(&path).map_err(|error| failed(&error, name))?;
        Ok((facts, bytes))
    }
}

fn facts_of(path: &Path, name: String) -> io::Result<FileFacts> {
    let metadata = fs::metadata(path)?;
    let time = |time: io::Result<std::time::SystemTime>| -> io::Result<Timestamp> {
        Timestamp::try_from(time?).map_err(io::Error::other)
    };
    Ok(FileFacts {
        name,
        size: metadata.len(),
        is_directory: metadata.is_dir(),
        accessed: time(metadata.accessed())?,
        modified: time(metadata.modified())?,
    })
}
