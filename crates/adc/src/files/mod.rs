//! Where NetScaler's file names lead on this machine.
//!
//! `/nsconfig` (also `/flash/nsconfig`) is the directory of ns.conf, `/var` lies in the state directory; a relative
//! name of a certificate file is looked for in `/nsconfig/ssl`, then in `/nsconfig`.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

/// Most bytes of a page.
const MAX_PAGE: usize = 1 << 20;

/// The directories NetScaler's names stand for.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    nsconfig: PathBuf,
    var: PathBuf,
}

impl Files {
    /// Below the directory of ns.conf and the state directory.
    pub(crate) fn new(ns_conf: &Path, state_dir: &Path) -> Self {
        Self {
            nsconfig: ns_conf.parent().unwrap_or(Path::new("")).to_owned(),
            var: state_dir.join("var"),
        }
    }

    /// The directory certificates are in.
    pub(crate) fn ssl(&self) -> PathBuf {
        self.nsconfig.join("ssl")
    }

    /// Where an absolute NetScaler path leads; `None` for one that is not NetScaler's, or goes upwards.
    pub(crate) fn mapped(&self, path: &str) -> Option<PathBuf> {
        let path = path.strip_prefix("/flash").unwrap_or(path);
        let (root, rest) = match (path.strip_prefix("/nsconfig"), path.strip_prefix("/var")) {
            (Some(rest), _) => (&self.nsconfig, rest),
            (None, Some(rest)) => (&self.var, rest),
            (None, None) => return None,
        };
        let is_below = rest.is_empty() || rest.starts_with('/');
        let rest = rest.trim_start_matches('/');
        let is_plain = Path::new(rest)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        (is_below && is_plain).then(|| match rest {
            "" => root.clone(),
            _ => root.join(rest),
        })
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        Files::new(Path::new("/etc/evercert/ns.conf"), Path::new("/state"))
    }

    #[test]
    fn netscaler_paths_lead_below_the_directories_of_this_instance() {
        let mapped = |path: &str| files().mapped(path).map(|path| path.display().to_string());

        assert_eq!(
            mapped("/nsconfig/ssl/a.pem").as_deref(),
            Some("/etc/evercert/ssl/a.pem")
        );
        assert_eq!(
            mapped("/flash/nsconfig/ssl/").as_deref(),
            Some("/etc/evercert/ssl/")
        );
        assert_eq!(mapped("/var/tmp/x").as_deref(), Some("/state/var/tmp/x"));
        for refused in [
            "/nsconfig/../x",
            "/nsconfigs/x",
            "/etc/passwd",
            "x.pem",
            "/var/./../x",
        ] {
            assert_eq!(mapped(refused), None, "{refused}");
        }
    }
}
