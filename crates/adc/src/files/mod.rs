//! Where NetScaler's file names lead on this machine.
//!
//! `/nsconfig` (also `/flash/nsconfig`) is the directory of ns.conf, `/var` lies in the state directory; a relative
//! name of a certificate file is looked for in `/nsconfig/ssl`, then in `/nsconfig`.

mod facts;
mod store;

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use evercert_ns::{NsError, codes};

pub(crate) use self::facts::FileFacts;
pub(crate) use self::store::{replace, write_new};

/// Most bytes of a page.
const MAX_PAGE: usize = 1 << 20;

/// The directories NetScaler's names stand for.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    nsconfig: PathBuf,
    /// Holds what nobody may name: keys of the cache, the identity.
    state: PathBuf,
    var: PathBuf,
}

impl Files {
    /// Below the directory of ns.conf and the state directory.
    pub(crate) fn new(ns_conf: &Path, state_dir: &Path) -> Self {
        Self {
            nsconfig: ns_conf.parent().unwrap_or(Path::new("")).to_owned(),
            state: state_dir.to_owned(),
            var: state_dir.join("var"),
        }
    }

    /// The directory certificates are in.
    pub(crate) fn ssl(&self) -> PathBuf {
        self.nsconfig.join("ssl")
    }

    /// Where an absolute NetScaler path leads; `None` for one that is not NetScaler's, goes upwards, or leads to what
    /// is this program's own.
    pub(crate) fn mapped(&self, path: &str) -> Option<PathBuf> {
        let path = path.strip_prefix("/flash").unwrap_or(path);
        let (root, rest) = match (path.strip_prefix("/nsconfig"), path.strip_prefix("/var")) {
            (Some(rest), _) => (&self.nsconfig, rest),
            (None, Some(rest)) => (&self.var, rest),
            (None, None) => return None,
        };
        let is_below = rest.is_empty() || rest.starts_with('/');
        let rest = rest.trim_matches('/');
        let is_plain = Path::new(rest)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let mapped = match rest {
            "" => root.clone(),
            _ => root.join(rest),
        };
        (is_below && is_plain && self.owns(&mapped)).then_some(mapped)
    }

    /// Whether a path of this machine is one of NetScaler's; links that lead elsewhere are not.
    pub(crate) fn owns(&self, path: &Path) -> bool {
        let real = real(path);
        let below = |root: &Path| real.starts_with(self::real(root));
        below(&self.var) || (below(&self.nsconfig) && !below(&self.state))
    }

    /// The page of a `respondwithhtmlpage` action: an absolute name, or one below `/var/download/responder`, where
    /// NetScaler keeps imported pages.
    ///
    /// # Errors
    /// With the reason, when it cannot be read or is larger than 1 MiB.
    pub(crate) fn page(&self, name: &str) -> Result<Bytes, String> {
        let path = match name.starts_with('/') {
            true => name.to_owned(),
            false => format!("/var/download/responder/{name}"),
        };
        let mapped = self.mapped(&path).filter(|_| !name.is_empty());
        let mapped = mapped.ok_or_else(|| format!("\"{name}\" is no page's name"))?;
        let page = std::fs::read(&mapped).map_err(|error| format!("{path}: {error}"))?;
        match page.len() {
            0..=MAX_PAGE => Ok(page.into()),
            size => Err(format!("{path} has {size} bytes, the most is {MAX_PAGE}")),
        }
    }

    /// The certificate or key file of that name.
    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        if name.starts_with('/') {
            return self.mapped(name).unwrap_or_else(|| PathBuf::from(name));
        }
        let usual = self.ssl().join(name);
        if usual.exists() {
            return usual;
        }
        let beside = self.nsconfig.join(name);
        if beside.exists() { beside } else { usual }
    }

    /// Where a file that a command makes is to lie.
    ///
    /// # Errors
    /// 1645 for a path that is not NetScaler's, 1642 when the file is there already.
    pub(crate) fn output(&self, name: &str) -> Result<PathBuf, NsError> {
        let path = match name.starts_with('/') {
            true => self.mapped(name),
            false => self.mapped(&format!("/nsconfig/ssl/{name}")),
        };
        let path = path.ok_or_else(|| NsError::about(&codes::OUTPUT_OUTSIDE, name))?;
        match path.exists() {
            true => Err(NsError::about(&codes::FILE_EXISTS, name)),
            false => Ok(path),
        }
    }

    /// The contents of a file that a command names.
    ///
    /// # Errors
    /// 1647 when it cannot be read.
    pub(crate) fn input(&self, name: &str) -> Result<Vec<u8>, NsError> {
        let path = self.certificate(name);
        std::fs::read(&path).map_err(|error| {
            tracing::info!(path = %path.display(), %error, "an input file cannot be read");
            NsError::about(&codes::INPUT_FILE_MISSING, name)
        })
    }
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        let Ok(found) = ancestor.canonicalize() else {
            continue;
        };
        return match path.strip_prefix(ancestor) {
            Ok(rest) if rest.as_os_str().is_empty() => found,
            Ok(rest) => found.join(rest),
            Err(_) => found,
        };
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netscaler_paths_lead_below_the_directories_of_this_instance() {
        let files = Files::new(Path::new("/no/such/ns.conf"), Path::new("/no/such/state"));
        let mapped = |path: &str| files.mapped(path).map(|path| path.display().to_string());

        assert_eq!(
            mapped("/nsconfig/ssl/a.pem").as_deref(),
            Some("/no/such/ssl/a.pem")
        );
        assert_eq!(
            mapped("/flash/nsconfig/ssl/").as_deref(),
            Some("/no/such/ssl")
        );
        assert_eq!(mapped("/nsconfig").as_deref(), Some("/no/such"));
        assert_eq!(
            mapped("/var/tmp/x").as_deref(),
            Some("/no/such/state/var/tmp/x")
        );
        for refused in [
            "/nsconfig/../x",
            "/nsconfigs/x",
            "/etc/passwd",
            "x.pem",
            "/var/./../x",
            "/nsconfig/state/cache.key",
        ] {
            assert_eq!(mapped(refused), None, "{refused}");
        }
    }

    #[test]
    fn links_that_lead_elsewhere_are_not_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = Files::new(&dir.path().join("ns.conf"), &dir.path().join("state"));
        std::os::unix::fs::symlink(other.path(), dir.path().join("out")).unwrap();

        assert_eq!(files.mapped("/nsconfig/out/x"), None);
        assert!(files.mapped("/nsconfig/in/x").is_some());
    }
}
