//! The files of the web interface that pages load, by path under `/ui/`.

/// A file of `ui/` as text.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/", $path))
    };
}
pub(super) use file;

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(Asset { path: $path, content: file!($path) }),*]
    };
}

/// A style or script.
#[derive(Debug)]
pub(super) struct Asset {
    /// Below `/ui/`.
    pub(super) path: &'static str,
    pub(super) content: &'static str,
}

/// All of them, by path; what is in `ui/` and not here is not served.
pub(super) static ASSETS: &[Asset] = assets![
    "api.js",
    "dialog.js",
    "dns-providers.js",
    "dns/domains.js",
    "dns/edit.js",
    "dns/fields.js",
    "dns/list.js",
    "dns/paste-box.js",
    "dns/paste.js",
    "dns/propagation.js",
    "dns/provider.js",
    "dns/test.js",
    "dns/types.js",
    "dom.js",
    "problem.js",
    "setup.js",
    "shell.js",
    "sign-in.js",
    "start.js",
    "style.css",
    "words.js",
];

/// The file of a path.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// By its ending.
    pub(super) fn content_type(&self) -> &'static str {
        match self.path.ends_with(".css") {
            true => "text/css; charset=utf-8",
            false => "text/javascript; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_interface_is_served() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui"));
        let mut found = BTreeSet::new();
        for folder in ["", "dns"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                if name.ends_with(".js") || name.ends_with(".css") {
                    found.insert(name);
                }
            }
        }

        let served: BTreeSet<String> = ASSETS.iter().map(|one| one.path.to_owned()).collect();
        assert_eq!(served, found);
        assert!(ASSETS.is_sorted_by_key(|asset| asset.path));
    }
}
