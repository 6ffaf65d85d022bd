//! The demo's directory: held by one demo at a time, and empty when it begins.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Marks a directory as a demo's, and is locked while one runs in it.
const MARKER: &str = "evercert-demo.lock";

/// A directory to play in.
pub(crate) struct Stage {
    dir: PathBuf,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl Stage {
    /// Takes `dir`, or a temporary directory that goes with the value.
    ///
    /// What an earlier demo left in `dir` is removed: ports, keys and names of a demo are its own. A directory
    /// that holds anything else is refused.
    pub(crate) fn set(dir: Option<&Path>) -> Result<Self> {
        let Some(dir) = dir else {
            let temporary = tempfile::Builder::new()
                .prefix("evercert-demo-")
                .tempdir()
                .context("making a temporary directory")?;
            return Ok(Self {
                dir: temporary.path().to_owned(),
                _lock: lock(temporary.path())?,
                _temporary: Some(temporary),
            });
        };
        // The commands that the demo prints are pasted in another shell, with another working directory.
        let dir = std::path::absolute(dir).with_context(|| format!("finding {}", dir.display()))?;
        std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        if !dir.join(MARKER).exists() && entries(&dir)?.next().is_some() {
            bail!(
                "{} is not empty, and no demo's: give --dir an empty directory, or one that is not there yet",
                dir.display()
            );
        }
        let lock = lock(&dir)?;
        clear(&dir)?;
        Ok(Self {
            dir,
            _lock: lock,
            _temporary: None,
        })
    }

    /// The directory, absolute.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(MARKER);
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another demo is running in {}: stop it, or give another --dir",
            dir.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

fn clear(dir: &Path) -> Result<()> {
    for entry in entries(dir)? {
        let path = entry
            .with_context(|| format!("reading {}", dir.display()))?
            .path();
        if path.ends_with(MARKER) {
            continue;
        }
        let removed = if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.with_context(|| format!("removing {} of an earlier demo", path.display()))?;
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<std::fs::ReadDir> {
    std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_demo_left_is_gone_and_the_directory_is_absolute() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::set(Some(dir.path())).unwrap();
        std::fs::create_dir_all(stage.dir().join("console")).unwrap();
        std::fs::write(stage.dir().join("console/console.db"), "x").unwrap();
        std::fs::write(stage.dir().join("root.pem"), "x").unwrap();
        drop(stage);

        let stage = Stage::set(Some(dir.path())).unwrap();

        assert!(stage.dir().is_absolute());
        assert_eq!(entries(stage.dir()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.txt"), "x").unwrap();

        let refused = Stage::set(Some(dir.path())).err().unwrap().to_string();

        assert!(refused.contains("not empty"), "{refused}");
        assert_eq!(entries(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_demos_do_not_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = Stage::set(Some(dir.path())).unwrap();

        let refused = Stage::set(Some(dir.path())).err().unwrap().to_string();

        assert!(refused.contains("another demo"), "{refused}");
        drop(first);
        Stage::set(Some(dir.path())).unwrap();
    }

    #[test]
    fn a_temporary_directory_goes_with_the_demo() {
        let stage = Stage::set(None).unwrap();
        let dir = stage.dir().to_owned();
        assert!(dir.is_dir());

        drop(stage);

        assert!(!dir.exists());
    }
}
