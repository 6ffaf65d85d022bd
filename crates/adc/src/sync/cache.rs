//! The sealed cache: what lets an instance serve at once after a restart, with or without the Console.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use evercert_types::Secret;
use zeroize::Zeroizing;

use super::codec;
use super::seal::{MasterKey, OpeningReader, SealingWriter};
use super::store::Contents;
use crate::error::{Causes, StartError};

/// The file in the state directory.
const FILE: &str = "zerotouch.cache";
/// The key beside it, where none is given.
const KEY_FILE: &str = "cache.key";

/// The cache of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    path: PathBuf,
    key: MasterKey,
    /// One writer at a time: the last write of a stopping instance waits for the one under way.
    writing: Arc<Mutex<()>>,
}

/// The cache could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error("the sealed cache {path} is damaged ({why})")]
    Damaged { path: PathBuf, why: String },
    #[error("{what} {path}")]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl CacheError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "The file was set aside as zerotouch.cache.damaged, and everything is fetched from the Console again; if the Console is away, restore file and cache.key from a backup."
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "Free space on the disk of the state directory; certificates are served from memory meanwhile, and the cache is written as soon as it can be."
            }
            Self::Io { .. } => {
                "Make the state directory writable; certificates are served from memory meanwhile."
            }
        }
    }
}

impl Cache {
    /// The cache of a state directory, with its key: the one given, or one of its own, made when missing.
    ///
    /// # Errors
    /// When the key cannot be read, made, or is none.
    pub(crate) fn open(state_dir: &Path, key: Option<&Path>) -> Result<Self, StartError> {
        let own = state_dir.join(KEY_FILE);
        if key.is_none() && !own.exists() {
            make_key(&own)?;
        }
        Ok(Self {
            path: state_dir.join(FILE),
            key: read_key(key.unwrap_or(&own))?,
            writing: Arc::default(),
        })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes contents: to a temporary file, synced, then renamed, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// [`CacheError::Io`]; the file before stays as it was.
    pub(crate) fn save(&self, contents: &Contents) -> Result<(), CacheError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = self.path.with_extension("cache.tmp");
        let io = |what| {
            let path = temporary.clone();
            move |source| CacheError::Io { what, path, source }
        };
        remove_if_present(&temporary).map_err(io("removing"))?;
        let file = create_private(&temporary).map_err(io("creating"))?;
        let written = write_sealed(file, &self.key, contents)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path))
            .and_then(|()| sync_directory(&self.path));
        if written.is_err() {
            remove_if_present(&temporary).unwrap_or_default();
        }
        written.map_err(io("writing"))
    }

    /// Reads what was saved; `None` when nothing was.
    ///
    /// # Errors
    /// [`CacheError::Damaged`], after the file was set aside; [`CacheError::Io`] when it cannot be read.
    pub(crate) fn load(&self) -> Result<Option<Contents>, CacheError> {
        let io = |source| CacheError::Io {
            what: "reading",
            path: self.path.clone(),
            source,
        };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let opened = OpeningReader::new(BufReader::new(file), &self.key)
            .and_then(|mut reader| codec::read(&mut reader));
        match opened {
            Ok(contents) => Ok(Some(contents)),
            Err(error) if is_damage(&error) => Err(self.set_aside(&error)),
            Err(error) => Err(io(error)),
        }
    }

    fn set_aside(&self, error: &io::Error) -> CacheError {
        let aside = self.path.with_extension("cache.damaged");
        let mut why = Causes(error).to_string();
        if let Err(error) = fs::rename(&self.path, &aside) {
            why = format!("{why}; it could not be set aside: {error}");
        }
        CacheError::Damaged {
            path: self.path.clone(),
            why,
        }
    }
}

fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

fn write_sealed<W: Write>(out: W, key: &MasterKey, contents: &Contents) -> io::Result<W> {
    let mut writer = SealingWriter::new(BufWriter::with_capacity(256 << 10, out), key)?;
    codec::write(contents, &mut writer)?;
    let buffered = writer.finish()?;
    buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
}

fn make_key(path: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::StateDir {
        path: path.to_owned(),
        source,
    };
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(key.as_mut_slice())
        .map_err(|_| failed(io::Error::other("no random octets")))?;
    let hex: Zeroizing<String> =
        Zeroizing::new(key.iter().map(|byte| format!("{byte:02x}")).collect());
    write_private(path, hex.as_bytes()).map_err(failed)
}

/// Reads 32 octets, or 64 hexadecimal digits.
fn read_key(path: &Path) -> Result<MasterKey, StartError> {
    let unusable = |why: String| StartError::CacheKey {
        path: path.to_owned(),
        why,
    };
    let bytes = Zeroizing::new(fs::read(path).map_err(|error| unusable(error.to_string()))?);
    let mode = fs::metadata(path).map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o007 != 0) {
        tracing::warn!(path = %path.display(), "the cache key is readable by everybody; chmod 600 it");
    }
    if let Ok(raw) = <[u8; 32]>::try_from(bytes.as_slice()) {
        return Ok(Secret::new(raw));
    }
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let digits: evercert_types::Fingerprint = text
        .trim()
        .parse()
        .map_err(|_| unusable("it is neither 32 octets nor 64 hexadecimal digits".to_owned()))?;
    Ok(Secret::new(digits.0))
}

/// Writes a file that only its owner may read, atomically.
///
/// # Errors
/// As the file system says.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    remove_if_present(&temporary)?;
    let mut file = create_private(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_directory(path)
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FullDisk;

    impl Write for FullDisk {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn cache(dir: &Path) -> Cache {
        Cache::open(dir, None).unwrap()
    }

    #[test]
    fn a_missing_cache_is_nothing_and_a_saved_one_is_read_with_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        assert!(cache(dir.path()).load().unwrap().is_none());
        let mut contents = Contents::default();
        contents.cursor.revision = 5;

        cache(dir.path()).save(&contents).unwrap();

        let read = cache(dir.path()).load().unwrap().unwrap();
        assert_eq!(read.cursor.revision, 5);
        for file in [FILE, KEY_FILE] {
            let mode = fs::metadata(dir.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_damaged_cache_is_set_aside_with_a_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path());
        cache.save(&Contents::default()).unwrap();
        let mut bytes = fs::read(cache.path()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(cache.path(), bytes).unwrap();

        let error = cache.load().unwrap_err();

        assert!(matches!(error, CacheError::Damaged { .. }));
        assert!(error.remedy().contains("zerotouch.cache.damaged"));
        assert!(dir.path().join("zerotouch.cache.damaged").exists());
        assert!(cache.load().unwrap().is_none());
    }

    #[test]
    fn a_failed_write_leaves_the_file_before_and_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let cache = cache(dir.path());
        cache.save(&Contents::default()).unwrap();
        let before = fs::read(cache.path()).unwrap();
        fs::create_dir_all(dir.path().join("zerotouch.cache.tmp/x")).unwrap();

        assert!(cache.save(&Contents::default()).is_err());
        assert_eq!(fs::read(cache.path()).unwrap(), before);

        let full = write_sealed(FullDisk, &cache.key, &Contents::default()).map(drop);
        let error = CacheError::Io {
            what: "writing",
            path: PathBuf::new(),
            source: full.unwrap_err(),
        };
        assert!(error.remedy().contains("Free space"));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credential");
        fs::write(&path, "short").unwrap();

        let error = Cache::open(dir.path(), Some(&path)).unwrap_err();

        assert!(error.to_string().contains("64 hexadecimal digits"));
        assert!(!error.remedy().is_empty());
    }
}
