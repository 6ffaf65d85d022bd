//! Settings by the variable names of acme.sh and lego: from the environment, from acme.sh's account.conf, from a .env file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_api::dns_providers::DnsProviderType;
use evercert_types::Secret;

/// What acme.sh puts before the variables that it has saved.
const SAVED: &str = "SAVED_";
/// What acme.sh puts around values that it saves in Base64.
const BASE64: (&str, &str) = ("__ACME_BASE64__START_", "__ACME_BASE64__END_");
/// What lego puts behind a variable that names a file with the value.
const FILE: &str = "_FILE";

/// Variables by name.
pub(super) type Variables = BTreeMap<String, Secret<String>>;

/// Settings that were found, and what else was there.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Values by the fields' keys.
    pub(super) settings: BTreeMap<String, Secret<String>>,
    /// Which variable gave which setting: key, variable.
    pub(super) used: Vec<(String, String)>,
    /// Variables that look as if they belonged to this provider, but have no setting here.
    pub(super) unused: Vec<String>,
}

/// The variables of this process.
pub(super) fn environment() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                Secret::new(value.into_string().ok()?),
            ))
        })
        .collect()
}

/// The variables of a file: `NAME=value`, `export NAME='value'`, or as acme.sh saves them.
pub(super) fn file(path: &Path) -> Result<Variables> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading the settings of {}", path.display()))?;
    parse(&text).with_context(|| format!("reading the settings of {}", path.display()))
}

fn parse(text: &str) -> Result<Variables> {
    let mut variables = Variables::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
            bail!("line {} is not of the form NAME=value", number + 1);
        };
        let value = decoded(&word(value))
            .with_context(|| format!("line {}: the value of {name}", number + 1))?;
        let name = name.strip_prefix(SAVED).unwrap_or(name);
        variables.insert(name.to_owned(), Secret::new(value));
    }
    Ok(variables)
}

fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    !text.is_empty()
        && !text.as_bytes()[0].is_ascii_digit()
        && letters.all(|one| one.is_ascii_alphanumeric() || one == b'_')
}

/// A value as a shell reads it: quotation marks and backslashes undone; a comment after blanks is left out.
fn word(text: &str) -> String {
    let mut value = String::new();
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => value.extend(letters.by_ref().take_while(|one| *one != '\'')),
            '"' => {
                while let Some(one) = letters.next().filter(|one| *one != '"') {
                    match (one, letters.peek()) {
                        ('\\', Some('"' | '\\' | '$' | '`')) => value.extend(letters.next()),
                        _ => value.push(one),
                    }
                }
            }
            '\\' => value.extend(letters.next()),
            ' ' | '\t' if letters.peek() == Some(&'#') => break,
            other => value.push(other),
        }
    }
    value.trim_end().to_owned()
}

fn decoded(value: &str) -> Result<String> {
    let inner = value.strip_prefix(BASE64.0);
    let Some(inner) = inner.and_then(|value| value.strip_suffix(BASE64.1)) else {
        return Ok(value.to_owned());
    };
    let plain = STANDARD.decode(inner).context("is no Base64")?;
    String::from_utf8(plain).context("is no UTF-8")
}

/// The settings of a type among variables. A variable of lego may name a file with the value, with `_FILE` behind it.
pub(super) fn settings(kind: &DnsProviderType, variables: &Variables) -> Result<Imported> {
    let mut imported = Imported::default();
    let mut known = BTreeSet::new();
    for field in &kind.fields {
        for name in field.acme_sh_env.iter().chain(&field.lego_env) {
            known.insert(name.clone());
            known.insert(format!("{name}{FILE}"));
            if imported.settings.contains_key(&field.key) {
                continue;
            }
            let from_file = format!("{name}{FILE}");
            let (name, value) = match (variables.get(name), variables.get(&from_file)) {
                (Some(value), _) if !value.expose().is_empty() => (name.clone(), value.clone()),
                (_, Some(path)) if !path.expose().is_empty() => {
                    let text = std::fs::read_to_string(path.expose())
                        .with_context(|| format!("reading the file that {from_file} names"))?;
                    (from_file, Secret::new(text.trim().to_owned()))
                }
                _ => continue,
            };
            imported.settings.insert(field.key.clone(), value);
            imported.used.push((field.key.clone(), name));
        }
    }
    let prefixes: BTreeSet<&str> = known
        .iter()
        .filter_map(|name| Some(name.split_once('_')?.0))
        .collect();
    imported.unused = variables
        .keys()
        .filter(|name| !known.contains(*name))
        .filter(|name| {
            name.split_once('_')
                .is_some_and(|(prefix, _)| prefixes.contains(prefix))
        })
        .cloned()
        .collect();
    Ok(imported)
}

#[cfg(test)]
pub(super) mod tests {
    use evercert_api::dns_providers::{DnsCapabilities, DnsProof, DnsProviderField, DnsValues};

    use super::*;

    pub(in super::super) fn kind() -> DnsProviderType {
        let field = |key: &str, acme: &str, lego: &[&str]| DnsProviderField {
            key: key.to_owned(),
            label: key.to_uppercase(),
            secret: key != "email",
            optional: true,
            default: None,
            help: "Help.".to_owned(),
            acme_sh_env: vec![acme.to_owned()],
            lego_env: lego.iter().map(|one| (*one).to_owned()).collect(),
        };
        DnsProviderType {
            code: "cf".to_owned(),
            name: "CloudFlare".to_owned(),
            docs: String::new(),
            least_privilege: None,
            unofficial: false,
            local: false,
            proof: DnsProof::Recording,
            notes: Vec::new(),
            fields: vec![
                field(
                    "token",
                    "CF_Token",
                    &["CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN"],
                ),
                field("email", "CF_Email", &["CLOUDFLARE_EMAIL"]),
                field("key", "CF_Key", &["CLOUDFLARE_API_KEY"]),
            ],
            one_of: vec![
                vec!["token".to_owned()],
                vec!["email".to_owned(), "key".to_owned()],
            ],
            capabilities: DnsCapabilities {
                values: DnsValues::RecordEach,
                default_ttl: None,
                min_ttl: None,
                allowed_ttls: Vec::new(),
                serial_pause_ms: None,
                propagation_limit_ms: 0,
                propagation_poll_ms: 0,
            },
        }
    }

    fn plain(imported: &Imported) -> Vec<(&str, &str)> {
        let settings = imported.settings.iter();
        settings
            .map(|(key, value)| (key.as_str(), value.expose().as_str()))
            .collect()
    }

    #[test]
    fn what_acme_sh_has_saved_is_read() {
        let text = "\
LOG_FILE='acme.sh.log'
#LOG_LEVEL=1
SAVED_CF_Email='anna@example.org'
SAVED_CF_Key='__ACME_BASE64__START_cyJlICdj__ACME_BASE64__END_'
SAVED_CF_Account_ID='7'
USER_PATH='/usr/bin'
";
        let found = settings(&kind(), &parse(text).unwrap()).unwrap();

        assert_eq!(
            plain(&found),
            [("email", "anna@example.org"), ("key", "s\"e 'c")]
        );
        assert_eq!(found.used[1], ("key".to_owned(), "CF_Key".to_owned()));
        assert_eq!(found.unused, ["CF_Account_ID"]);
    }

    #[test]
    fn what_lego_takes_is_read_also_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        std::fs::write(&token, "tok-1\n").unwrap();
        let text = format!(
            "export CF_DNS_API_TOKEN_FILE=\"{}\"\nCLOUDFLARE_EMAIL=a@example.org # mine\nCLOUDFLARE_TTL=120\n",
            token.display()
        );

        let found = settings(&kind(), &parse(&text).unwrap()).unwrap();

        assert_eq!(
            plain(&found),
            [("email", "a@example.org"), ("token", "tok-1")]
        );
        assert_eq!(found.unused, ["CLOUDFLARE_TTL"]);
        assert!(!format!("{found:?}").contains("tok-1"), "secrets are shown");
    }

    #[test]
    fn quotation_marks_are_undone_as_by_a_shell() {
        for (text, value) in [
            (r"'a b'", "a b"),
            (r#""a\"b\\$" "#, r#"a"b\$"#),
            (r"'it'\''s'", "it's"),
            ("plain#1", "plain#1"),
            ("x  # comment", "x"),
            ("", ""),
        ] {
            assert_eq!(word(text), value, "{text}");
        }
    }

    #[test]
    fn lines_that_are_no_variables_are_named_without_their_words() {
        let error = parse("CF_Token=x\nsecret words\n").unwrap_err().to_string();

        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("secret words"), "{error}");
        let broken = "A=__ACME_BASE64__START_%%__ACME_BASE64__END_";
        assert!(parse(broken).is_err());
    }
}
