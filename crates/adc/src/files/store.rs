//! Writing files of NetScaler's directories: `system file`, and what commands make.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use evercert_ns::{NsError, codes};

use super::Files;

/// Most octets of one file.
pub(crate) const MAX_BYTES: u64 = 8 << 20;

impl Files {
    /// Makes a file; its directory is made where it is missing.
    ///
    /// # Errors
    /// 1097 for a location or name that is not NetScaler's, 283 when it is too large, 1642 when it is there already.
    pub(crate) fn create(&self, location: &str, name: &str, bytes: &[u8]) -> Result<(), NsError> {
        let path = self.named(location, name)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(NsError::about(&codes::FILE_TOO_LARGE, name));
        }
        write_new(&path, bytes)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// 1097 for a location or name that is not NetScaler's, 1155 when there is no such file, 257 for a directory.
    pub(crate) fn remove(&self, location: &str, name: &str) -> Result<(), NsError> {
        let path = self.named(location, name)?;
        if path.is_dir() {
            return Err(NsError::about(&codes::NOT_PERMITTED, name));
        }
        fs::remove_file(&path).map_err(|error| failed(&error, name))
    }

    pub(super) fn location(&self, location: &str) -> Result<PathBuf, NsError> {
        let refused = || {
            let code = &codes::INVALID_ARGUMENT_VALUE;
            NsError::argument(code, "fileLocation", location)
        };
        self.mapped(location).ok_or_else(refused)
    }

    pub(super) fn named(&self, location: &str, name: &str) -> Result<PathBuf, NsError> {
        let directory = self.location(location)?;
        let refused = || NsError::argument(&codes::INVALID_ARGUMENT_VALUE, "fileName", name);
        let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        let path = directory.join(name);
        match is_plain && !name.contains('\0') && self.owns(&path) {
            true => Ok(path),
            false => Err(refused()),
        }
    }
}

/// Writes a file that is not there yet, whole or not at all, readable by its owner alone.
///
/// # Errors
/// 1642 when it is there already.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), NsError> {
    let name = path.display().to_string();
    let written = written_beside(path, bytes).map_err(|error| failed(&error, &name))?;
    // A link, unlike a rename, never takes another file's place.
    let linked = fs::hard_link(&written, path);
    let removed = fs::remove_file(&written);
    linked.and(removed).map_err(|error| failed(&error, &name))
}

/// Writes a file, whole or not at all, in place of the one that is there.
///
/// # Errors
/// When the system refuses.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = written_beside(path, bytes)?;
    fs::rename(&written, path)?;
    match path.parent() {
        Some(directory) => fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn written_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let beside = directory.join(format!(".new-{}-{number}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Nothing more can be done about it.
        fs::remove_file(&beside).unwrap_or_default();
        return Err(error);
    }
    Ok(beside)
}

pub(super) fn failed(error: &io::Error, name: &str) -> NsError {
    let code = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => &codes::NO_SUCH_FILE,
        io::ErrorKind::AlreadyExists => &codes::FILE_EXISTS,
        io::ErrorKind::PermissionDenied => &codes::PERMISSION_DENIED,
        _ => {
            tracing::error!(path = name, %error, "a file operation failed");
            &codes::SYSTEM_ERROR
        }
    };
    NsError::about(code, name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn code(result: Result<impl Sized, NsError>) -> u32 {
        result.err().map_or(0, |error| error.code())
    }

    #[test]
    fn a_file_is_made_once_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(&dir.path().join("ns.conf"), &dir.path().join("state"));
        let place = "/nsconfig/ssl/LENS/";

        files.create(place, "a.key", b"secret").unwrap();

        assert_eq!(code(files.create(place, "a.key", b"other")), 1642);
        let path = dir.path().join("ssl/LENS/a.key");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files.remove("/flash/nsconfig/ssl/LENS", "a.key").unwrap();
        assert!(!path.exists());
        assert_eq!(code(files.remove(place, "a.key")), 1155);
    }

    #[test]
    fn names_that_lead_out_of_the_directory_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(&dir.path().join("ns.conf"), &dir.path().join("state"));

        for name in ["../x", "..", ".hidden", "a/b", ""] {
            assert_eq!(
                code(files.create("/nsconfig/ssl", name, b"")),
                1097,
                "{name}"
            );
        }
        for location in ["/etc", "/nsconfig/ssl/../..", "relative", "/nsconfig/state"] {
            assert_eq!(code(files.remove(location, "x")), 1097, "{location}");
        }
        let large = vec![0; usize::try_from(MAX_BYTES).unwrap() + 1];
        assert_eq!(code(files.create("/var/tmp", "large", &large)), 283);
    }
}
