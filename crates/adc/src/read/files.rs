//! Rows of `systemfile`: the files below `/nsconfig` and `/var`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_ns::{NsError, codes};
use serde_json::json;

use super::{Reader, Row};
use crate::files::FileFacts;

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
        let files = &self.instance.files;
        let Some(name) = self.query.name.as_deref().or(self.arg("filename")) else {
            let facts = files.list(location)?;
            return Ok(facts.iter().map(|facts| of(facts, location)).collect());
        };
        let (facts, bytes) = files.read(location, name)?;
        let mut row = of(&facts, location);
        if !facts.is_directory {
            row.insert("filecontent".to_owned(), json!(STANDARD.encode(bytes)));
            row.insert("fileencoding".to_owned(), json!("BASE64"));
        }
        Ok(vec![row])
    }
}

/// The location is told as it was asked for: clients compare it.
fn of(facts: &FileFacts, location: &str) -> Row {
    let time = |at: jiff::Timestamp| at.strftime("%a %b %e %H:%M:%S %Y").to_string();
    let mut row = super::row([
        ("filename", json!(facts.name)),
        ("filelocation", json!(location)),
        ("filesize", json!(facts.size.to_string())),
        ("fileaccesstime", json!(time(facts.accessed))),
        ("filemodifiedtime", json!(time(facts.modified))),
    ]);
    if facts.is_directory {
        row.insert("filemode".to_owned(), json!(["DIRECTORY"]));
    }
    row
}
