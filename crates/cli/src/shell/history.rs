//! The file of lines typed before: for its owner alone, and without secrets.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_ns::grammar::has_secret;

/// Most lines kept.
pub(super) const LINES: usize = 1000;

/// `$XDG_STATE_HOME/evercert/shell_history`, or the same below `~/.local/state`.
pub(super) fn path() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("evercert").join("shell_history"))
}

/// Makes the file, or takes others' rights to it away.
pub(super) fn prepare(path: &Path) -> Result<()> {
    let context = || format!("preparing the history {}", path.display());
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(context)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .with_context(context)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
        .with_context(context)
}

/// Whether a line may be kept.
pub(super) fn may_keep(line: &str) -> bool {
    !line.trim().is_empty() && !has_secret(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_not_kept() {
        assert!(may_keep("show ssl certKey"));
        assert!(!may_keep("add ssl certKey c -cert a -passplain hunter2"));
        assert!(!may_keep("set system user nsroot hunter2"));
        assert!(!may_keep("  "));
    }

    #[test]
    fn the_file_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("evercert").join("shell_history");
        std::fs::create_dir_all(dir.path().join("evercert")).unwrap();
        std::fs::write(&file, "show run\n").unwrap();

        prepare(&file).unwrap();

        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "show run\n");
    }
}
