//! Changing a zone file: under a lock, in a copy that takes its place, with owner and mode as they were.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long to wait before looking again whether a lock is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a file was not changed.
#[derive(Debug)]
pub(super) enum Failure {
    /// What was attempted, and what the system says.
    Refused(String),
    /// Another program held the lock for all the time there was.
    Locked(PathBuf),
}

/// A change of one file.
pub(super) struct Edit<'a> {
    pub(super) path: &'a Path,
    /// The line to add; without one, lines are taken out.
    pub(super) add: Option<&'a str>,
    /// Which lines are meant.
    pub(super) is: &'a (dyn Fn(&str) -> bool + Sync),
    pub(super) raise_serial: bool,
}

impl Edit<'_> {
    /// Carries it out as soon as no other program holds the lock, at most after the time given; answers whether the
    /// file was changed.
    ///
    /// # Errors
    /// What was attempted and failed.
    pub(super) async fn run(&self, limit: Duration) -> Result<bool, Failure> {
        let held = lock(&beside(self.path, "lock"), limit).await?;
        let done = self.run_locked().map_err(Failure::Refused);
        drop(held);
        done
    }

    /// A zone file is small: reading and writing it takes no time worth a thread.
    fn run_locked(&self) -> Result<bool, String> {
        let shown = self.path.display();
        let octets =
            fs::read(self.path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        // Comments may be in any charset: as Latin-1 every octet is a character, and comes back as it was.
        let text: String = octets.into_iter().map(char::from).collect();
        let Some(changed) = self.changed(&text) else {
            return Ok(false);
        };
        let changed = match self.raise_serial {
            true => raised(&changed).ok_or_else(|| {
                format!("{shown} has no SOA record whose serial number could be raised")
            })?,
            false => changed,
        };
        let octets: Option<Vec<u8>> = changed.chars().map(|c| u8::try_from(c).ok()).collect();
        let octets = octets.ok_or_else(|| "the value is not ASCII".to_owned())?;
        self.replace(&octets)
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

    fn replace(&self, octets: &[u8]) -> std::io::Result<()> {
        let copy = beside(self.path, "new");
        let written = self.write(&copy, octets);
        if written.is_err() {
            // What is left of a copy is of no use; that it cannot be removed changes nothing.
            drop(fs::remove_file(&copy));
        }
        written
    }

    fn write(&self, copy: &Path, octets: &[u8]) -> std::io::Result<()> {
        let was = fs::metadata(self.path)?;
        let mut file = File::create(copy)?;
        file.write_all(octets)?;
        file.set_permissions(Permissions::from_mode(was.mode() & 0o7777))?;
        let is = file.metadata()?;
        if (is.uid(), is.gid()) != (was.uid(), was.gid()) {
            chown(copy, Some(was.uid()), Some(was.gid()))?;
        }
        file.sync_all()?;
        fs::rename(copy, self.path)
    }
}

/// A hidden file in the same directory.
fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.evercert-{what}"))
}

/// The lock, which goes with the file's handle; waited for without holding up other work.
async fn lock(path: &Path, limit: Duration) -> Result<File, Failure> {
    let shown = path.display();
    let file = File::create(path)
        .map_err(|error| Failure::Refused(format!("{shown} cannot be made: {error}")))?;
    let end = Instant::now() + limit;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < end => sleep(PAUSE).await,
            Err(TryLockError::WouldBlock) => return Err(Failure::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(Failure::Refused(format!(
                    "{shown} cannot be locked: {error}"
                )));
            }
        }
    }
}

/// Whether the file can be read and replaced.
pub(super) async fn check(path: &Path, limit: Duration) -> Result<(), Failure> {
    let shown = path.display();
    let meta = fs::metadata(path)
        .map_err(|error| Failure::Refused(format!("{shown} cannot be seen: {error}")))?;
    if !meta.is_file() {
        return Err(Failure::Refused(format!("{shown} is no file")));
    }
    File::open(path)
        .map_err(|error| Failure::Refused(format!("{shown} cannot be read: {error}")))?;
    let never = Edit {
        path,
        add: None,
        is: &|_| false,
        raise_serial: false,
    };
    never.run(limit).await.map(drop)
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

    #[tokio::test]
    async fn other_lines_their_octets_owner_and_mode_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("example.zone");
        let before = b"a A 192.0.2.1 ; caf\xe9\n";
        fs::write(&path, before).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let edit = async |add| {
            let edit = Edit {
                path: &path,
                add,
                is: &|line| line == "x TXT y",
                raise_serial: false,
            };
            edit.run(Duration::ZERO).await.unwrap()
        };

        assert!(edit(Some("x TXT y")).await && !edit(Some("x TXT y")).await);
        let with = [&before[..], b"x TXT y\n"].concat();
        assert_eq!(fs::read(&path).unwrap(), with);
        assert!(edit(None).await && !edit(None).await);
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    }
}
