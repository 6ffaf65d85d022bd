//! Which files and programs of this host DNS providers may use: only what lies in directories that the host's
//! administrator named.
//!
//! Who may configure providers over the API must not thereby get a shell on the host. So programs are run, and zone
//! files written, in named directories only; and programs get no variable that makes an interpreter or the loader run
//! something else.

use std::path::{Path, PathBuf};

use evercert_types::Secret;

use crate::error::DnsError;

/// The directories that DNS providers may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAccess {
    /// Any: for a caller that decides itself what it runs.
    Anywhere,
    /// These and what is below them; none of them: nothing.
    Within(Vec<PathBuf>),
}

/// Variables that decide what an interpreter, a shell or the loader runs.
const COMMANDING: [&str; 26] = [
    "BASHOPTS",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "GLOBIGNORE",
    "HOME",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LANG",
    "LOCPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "PATH",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "PROMPT_COMMAND",
    "PS4",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "TMPDIR",
];
/// The beginnings of more of them.
const COMMANDING_PREFIXES: [&str; 7] =
    ["BASH_", "DYLD_", "GIT_", "LD_", "PERL", "PYTHON", "_JAVA_"];

impl LocalAccess {
    /// The path, seen to be absolute and, behind links, within a named directory.
    ///
    /// # Errors
    /// When it is not; the remedy says what the host's administrator can do.
    pub(crate) fn allow(
        &self,
        code: &'static str,
        key: &str,
        path: &str,
    ) -> Result<PathBuf, DnsError> {
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            let what = format!("{key} is not an absolute path");
            return Err(DnsError::setting(code, what));
        }
        let Self::Within(directories) = self else {
            return Ok(path);
        };
        if let Some(real) = real(&path)
            && directories
                .iter()
                .any(|one| real.starts_with(one.canonicalize().unwrap_or_else(|_| one.clone())))
        {
            return Ok(path);
        }
        let shown = path.display();
        let what = match directories.is_empty() {
            true => format!("{key}: this host lets DNS providers use no programs and files"),
            false => format!(
                "{key}: {shown} is not in a directory that this host lets DNS providers use"
            ),
        };
        let parent = path.parent().unwrap_or(&path).display();
        let remedy = format!(
            "let the administrator of this host add \"{parent}\" to dns_directories in the Console's configuration file \
             and start the Console anew"
        );
        Err(DnsError::setting(code, what).with_remedy(remedy))
    }
}

/// The path behind links and `..`; of what is not there yet, as far as it is there.
fn real(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    let (parent, name) = (path.parent()?, path.file_name()?);
    Some(real(parent)?.join(name))
}

/// The variables of a program, NAME=value, one a line.
///
/// # Errors
/// When a line is none, or a name is one that programs are not given.
pub(crate) fn variables(
    code: &'static str,
    text: &str,
) -> Result<Vec<(String, Secret<String>)>, DnsError> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let malformed = || DnsError::setting(code, "env is not NAME=value, one a line");
    let read = lines.map(|line| {
        let (name, value) = line.split_once('=').ok_or_else(malformed)?;
        let name = name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(plain)
        {
            return Err(malformed());
        }
        if COMMANDING.contains(&name) || COMMANDING_PREFIXES.iter().any(|one| name.starts_with(one))
        {
            let what =
                format!("env: the variable {name} decides what is run, and is not passed on");
            let remedy = "set it in the program itself";
            return Err(DnsError::setting(code, what).with_remedy(remedy));
        }
        Ok((name.to_owned(), Secret::new(value.to_owned())))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_really_lies_in_a_named_directory_is_used() {
        let root = tempfile::tempdir().unwrap();
        let (hooks, other) = (root.path().join("hooks"), root.path().join("other"));
        for dir in [&hooks, &other] {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join("hook"), "").unwrap();
        }
        symlink(other.join("hook"), hooks.join("link")).unwrap();
        let access = LocalAccess::Within(vec![hooks.clone()]);
        let allowed = |path: PathBuf| access.allow("exec", "program", &path.display().to_string());

        assert!(allowed(hooks.join("hook")).is_ok());
        assert!(allowed(hooks.join("not-there-yet")).is_ok());
        for wrong in [
            other.join("hook"),
            hooks.join("link"),
            hooks.join("../other/hook"),
            hooks.join("gone/../../other/hook"),
            root.path().join("hooks-too/hook"),
        ] {
            let error = allowed(wrong).unwrap_err();
            assert!(error.remedy().contains("dns_directories"), "{error}");
        }
        let relative = access.allow("exec", "program", "hooks/hook").unwrap_err();
        assert!(relative.to_string().contains("absolute"), "{relative}");
    }

    #[test]
    fn without_named_directories_nothing_is_used() {
        let error = LocalAccess::Within(Vec::new())
            .allow("exec", "program", "/bin/sh")
            .unwrap_err();
        assert!(
            error.to_string().contains("no programs and files"),
            "{error}"
        );
        assert!(
            LocalAccess::Anywhere
                .allow("exec", "program", "/bin/sh")
                .is_ok()
        );
    }

    #[test]
    fn variables_that_decide_what_is_run_are_refused_by_name() {
        for name in [
            "LD_PRELOAD",
            "BASH_ENV",
            "PERL5OPT",
            "PYTHONPATH",
            "PATH",
            "ENV",
            "PS4",
        ] {
            let error = variables("exec", &format!("{name}=x")).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(variables("exec", "TOKEN").is_err() && variables("exec", "1A=x").is_err());
        let read = variables("exec", "TOKEN=a b=c\n\nZone_Id=7\n").unwrap();
        assert_eq!(
            (read[0].0.as_str(), read[0].1.expose().as_str()),
            ("TOKEN", "a b=c")
        );
    }
}
