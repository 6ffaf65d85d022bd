//! Files with secrets in them.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Finds out whether [`write_private`] will be able to write `file`, without touching it.
#[cfg(feature = "console")]
pub(crate) fn check_private(file: &Path) -> Result<()> {
    let dir = match file.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    if file.is_dir() {
        anyhow::bail!("{} is a directory; name a file", file.display());
    }
    tempfile::tempfile_in(dir)
        .map(drop)
        .with_context(|| format!("{} cannot be written", file.display()))
}

/// Writes a file that only its owner can read; one that exists is not followed into wider rights.
pub(crate) fn write_private(file: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let context = || format!("writing {}", file.display());
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // A leftover of an interrupted run may have other rights.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(context);
        }
        _ => {}
    }
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(context)?;
    out.write_all(content.as_ref())
        .and_then(|()| out.sync_all())
        .with_context(context)?;
    std::fs::rename(&temporary, file).with_context(context)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[cfg(feature = "console")]
    #[test]
    fn a_file_that_cannot_be_written_is_known_before() {
        let dir = tempfile::tempdir().unwrap();

        check_private(&dir.path().join("token")).unwrap();

        check_private(&dir.path().join("missing/token")).unwrap_err();
        check_private(dir.path()).unwrap_err();
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn keys_are_readable_by_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        std::fs::write(&file, "old").unwrap();

        write_private(&file, "new").unwrap();

        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
