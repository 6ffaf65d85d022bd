//! Changing a zone file: under a lock, in a copy that takes its place, with owner and mode as they were.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// A change of one file.
pub(super) struct Edit<'a> {
    pub(super) path: &'a Path,
    /// The line to add; without one, lines are taken out.
    pub(super) add: Option<&'a str>,
    /// Which lines are meant.
    pub(super) is: &'a dyn Fn(&str) -> bool,
    pub(super) raise_serial: bool,
}

impl Edit<'_> {
    /// Carries it out; answers whether the file was changed.
    ///
    /// # Errors
    /// What was attempted and failed.
    pub(super) fn run(&self) -> Result<bool, String> {
        let lock = self.beside("lock");
        let held = File::create(&lock)
            .map_err(|error| format!("{} cannot be made: {error}", lock.display()))?;
        held.lock()
            .map_err(|error| format!("{} cannot be locked: {error}", lock.display()))?;
        let shown = self.path.display();
        let text = fs::read_to_string(self.path)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        let Some(changed) = self.changed(&text) else {
            return Ok(false);
        };
        let changed = match self.raise_serial {
            true => raised(&changed).ok_or_else(|| {
                format!("{shown} has no SOA record whose serial number could be raised")
            })?,
            false => changed,
        };
        self.replace(&changed)
            .map_err(|error| format!("{shown} cannot be replaced: {error}"))?;
        Ok(true)
    }

    fn changed(&self, text: &str) -> Option<String> {
        let there = text.lines().any(|line| (self.is)(line));
        match self.add {
            Some(_) if there => None,
            Some(line) => {
                let end = if text.is_empty() || text.ends_with('\n') {
                    ""
                } else {
                    "\n"
                };
                Some(format!("{text}{end}{line}\n"))
            }
            None if !there => None,
            None => {
                let kept = text.split_inclusive('\n');
                Some(
                    kept.filter(|line| !(self.is)(line.trim_end_matches(['\n', '\r'])))
                        .collect(),
                )
            }
        }
    }

    fn replace(&self, text: &str) -> std::io::Result<()> {
        let was = fs::metadata(self.path)?;
        let copy = self.beside("new");
        let mut file = File::create(&copy)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(was.mode() & 0o7777))?;
        let is = file.metadata()?;
        if (is.uid(), is.gid()) != (was.uid(), was.gid()) {
            chown(&copy, Some(was.uid()), Some(was.gid()))?;
        }
        file.sync_all()?;
        fs::rename(&copy, self.path)
    }

    /// A hidden file in the same directory.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.evercert-{what}"))
    }
}

/// Whether the file can be read and replaced.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let meta = fs::metadata(path).map_err(|error| format!("{shown} cannot be seen: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{shown} is no file"));
    }
    File::open(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let never = Edit {
        path,
        add: None,
        is: &|_| false,
        raise_serial: false,
    };
    never.run().map(drop)
}

/// The zone with its serial number raised by one (RFC 1982), or nothing when it has no SOA record.
fn raised(text: &str) -> Option<String> {
    let at = serial(text)?;
    let old: u32 = text[at.clone()].parse().ok()?;
    let new = old.wrapping_add(1).max(1);
    Some(format!("{}{new}{}", &text[..at.start], &text[at.end..]))
}

/// Where the serial number stands: the third word after `SOA`, brackets and comments aside.
fn serial(text: &str) -> Option<std::ops::Range<usize>> {
    let mut after_soa = None;
    for (start, word) in words(text) {
        match (after_soa, word) {
            (None, word) if word.eq_ignore_ascii_case("SOA") => after_soa = Some(0),
            (Some(2), word) => return word.parse::<u32>().ok().map(|_| start..start + word.len()),
            (Some(seen), _) => after_soa = Some(seen + 1),
            (None, _) => {}
        }
    }
    None
}

/// The words of a master file with their places.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.split(';').next().unwrap_or_default()))
    });
    lines.flat_map(|(start, line)| {
        let pieces = line.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        let placed = pieces.scan(0, |at, piece| {
            let own = *at;
            *at += piece.len() + 1;
            Some((own, piece))
        });
        placed
            .filter(|(_, piece)| !piece.is_empty())
            .map(move |(at, piece)| (start + at, piece))
            .collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_serial_number_is_raised_wherever_it_stands() {
        let one = "$TTL 60\n@ IN SOA ns1 admin (2026010101 3600 900 604800 60)\n";
        assert!(raised(one).unwrap().contains("(2026010102 3600"));
        let many =
            "@ 3600 IN SOA ns1.example. admin.example. ( ; SOA 1 2 3\n  7 ; serial\n 3600 )\n";
        assert!(raised(many).unwrap().contains("\n  8 ; serial"));
        assert!(
            raised("@ SOA a b 4294967295 1 1 1 1\n")
                .unwrap()
                .contains("a b 1 1")
        );
        assert!(raised("www A 192.0.2.1\n").is_none());
    }

    #[test]
    fn other_lines_owner_and_mode_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("example.zone");
        fs::write(&path, "a A 192.0.2.1").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let edit = |add| {
            Edit {
                path: &path,
                add,
                is: &|line| line == "x TXT y",
                raise_serial: false,
            }
            .run()
            .unwrap()
        };

        assert!(edit(Some("x TXT y")) && !edit(Some("x TXT y")));
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "a A 192.0.2.1\nx TXT y\n"
        );
        assert!(edit(None) && !edit(None));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a A 192.0.2.1\n");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }
}
