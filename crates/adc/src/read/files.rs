//! Rows of `systemfile`: the files below `/nsconfig` and `/var`.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_ns::{NsError, codes};
use serde_json::json;

use super::{Reader, Row};

/// Longest file whose contents are shown, bytes.
const LONGEST: u64 = 16 << 20;

impl Reader<'_> {
    /// The files of a directory, or one with its contents.
    pub(super) fn files(&self) -> Result<Vec<Row>, NsError> {
        for (field, _) in &self.query.args {
            let known = ["filename", "filelocation", "fileencoding"];
            if !known.iter().any(|name| name.eq_ignore_ascii_case(field)) {
                return Err(NsError::about(&codes::NO_SUCH_ARGUMENT, field));
            }
        }
        let location = self
            .arg("filelocation")
            .ok_or_else(|| NsError::about(&codes::ARGUMENT_MISSING, "fileLocation"))?;
        let directory = self.instance.files.mapped(location).ok_or_else(|| {
            NsError::argument(&codes::INVALID_ARGUMENT_VALUE, "fileLocation", location)
        })?;
        match self.query.name.as_deref().or(self.arg("filename")) {
            Some(name) => one(&directory, location, name).map(|row| vec![row]),
            None => listed(&directory, location),
        }
    }
}

fn one(directory: &Path, location: &str, name: &str) -> Result<Row, NsError> {
    if name.contains('/') || name == ".." || name == "." {
        return Err(NsError::argument(
            &codes::INVALID_ARGUMENT_VALUE,
            "fileName",
            name,
        ));
    }
    let path = directory.join(name);
    let metadata = fs::metadata(&path).map_err(|error| unreadable(name, &error))?;
    let mut row = of(name, location, &metadata);
    if metadata.is_file() {
        if metadata.len() > LONGEST {
            return Err(NsError::argument(&codes::FILE_TOO_LARGE, "fileName", name));
        }
        let bytes = fs::read(&path).map_err(|error| unreadable(name, &error))?;
        row.insert("filecontent".to_owned(), json!(STANDARD.encode(bytes)));
        row.insert("fileencoding".to_owned(), json!("BASE64"));
    }
    Ok(row)
}

fn listed(directory: &Path, location: &str) -> Result<Vec<Row>, NsError> {
    let entries = fs::read_dir(directory).map_err(|error| unreadable(location, &error))?;
    let rows = entries.flatten().filter_map(|entry| {
        let metadata = fs::metadata(entry.path()).ok()?;
        Some(of(
            &entry.file_name().to_string_lossy(),
            location,
            &metadata,
        ))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| super::text(a, "filename").cmp(&super::text(b, "filename")));
    Ok(rows)
}

fn of(name: &str, location: &str, metadata: &Metadata) -> Row {
    let time = |at: io::Result<std::time::SystemTime>| {
        let at = at.ok().and_then(|at| jiff::Timestamp::try_from(at).ok())?;
        Some(at.strftime("%a %b %e %H:%M:%S %Y").to_string())
    };
    let mut row = super::row([
        ("filename", json!(name)),
        ("filelocation", json!(location)),
        ("filesize", json!(metadata.len().to_string())),
    ]);
    if metadata.is_dir() {
        row.insert("filemode".to_owned(), json!(["DIRECTORY"]));
    }
    if let Some(at) = time(metadata.accessed()) {
        row.insert("fileaccesstime".to_owned(), json!(at));
    }
    if let Some(at) = time(metadata.modified()) {
        row.insert("filemodifiedtime".to_owned(), json!(at));
    }
    row
}

fn unreadable(what: &str, error: &io::Error) -> NsError {
    match error.kind() {
        io::ErrorKind::NotFound => NsError::argument(&codes::NO_SUCH_FILE, "fileName", what),
        io::ErrorKind::PermissionDenied => NsError::about(&codes::PERMISSION_DENIED, what),
        _ => NsError::about(&codes::SYSTEM_ERROR, error.to_string()),
    }
}
