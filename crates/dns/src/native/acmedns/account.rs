//! Accounts of an acme-dns server, in the forms in which its clients keep them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_types::Secret;
use serde::{Deserialize, Serialize};

use crate::name;

/// How acme.sh marks values that it keeps in Base64.
const WRAPPED: (&str, &str) = ("__ACME_BASE64__START_", "__ACME_BASE64__END_");

/// What the server registers: the right to change one name.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Account {
    /// The domain it was registered for; empty when it serves any.
    #[serde(skip)]
    pub(super) domain: String,
    #[serde(default)]
    pub(super) fulldomain: String,
    #[serde(default)]
    pub(super) subdomain: String,
    pub(super) username: String,
    pub(super) password: Secret<String>,
}

/// An account as it is kept, with its password.
#[derive(Serialize)]
struct Kept<'a> {
    fulldomain: &'a str,
    subdomain: &'a str,
    username: &'a str,
    password: &'a str,
}

impl Account {
    /// One that was registered or kept, for a domain.
    pub(super) fn read(domain: &str, text: &str) -> Option<Self> {
        let read: Self = serde_json::from_str(text).ok()?;
        let usable = !read.username.is_empty() && !read.label().is_empty();
        usable.then(|| Self {
            domain: name::canonical(domain),
            ..read
        })
    }

    /// As [`Account::read`] takes it.
    pub(super) fn kept(&self) -> Option<Secret<String>> {
        let kept = Kept {
            fulldomain: &self.fulldomain,
            subdomain: &self.subdomain,
            username: &self.username,
            password: self.password.expose(),
        };
        serde_json::to_string(&kept).ok().map(Secret::new)
    }

    /// Whether it can change the name.
    pub(super) fn is_for(&self, fqdn: &str) -> bool {
        match self.fulldomain.is_empty() {
            true => fqdn.split('.').next() == Some(self.label()),
            false => name::canonical(&self.fulldomain) == fqdn,
        }
    }

    /// What the server calls it.
    pub(super) fn label(&self) -> &str {
        match self.subdomain.is_empty() {
            true => self.fulldomain.split('.').next().unwrap_or_default(),
            false => &self.subdomain,
        }
    }

    /// The name it can change. acme.sh does not keep that: then the server is taken to be called as its zone is.
    pub(super) fn target(&self, host: &str) -> String {
        match self.fulldomain.is_empty() {
            true => format!("{}.{host}", self.label()),
            false => name::canonical(&self.fulldomain),
        }
    }
}

/// Accounts as lego keeps them (JSON by domain) or acme.sh does (its configuration file); none when it is neither.
pub(super) fn parse(text: &str) -> Option<Vec<Account>> {
    match text.trim_start().starts_with('{') {
        true => of_lego(text),
        false => of_acme_sh(text),
    }
}

/// `{"example.com": {"fulldomain", "subdomain", "username", "password", …}}`, as goacmedns has it.
fn of_lego(text: &str) -> Option<Vec<Account>> {
    let read: BTreeMap<String, Account> = serde_json::from_str(text).ok()?;
    let accounts = read.into_iter().map(|(domain, account)| Account {
        domain: domain_of(&domain),
        ..account
    });
    Some(accounts.collect())
}

/// Lines such as `ACMEDNS_USERNAME='…'`, of one account or, with `_example_com` behind, of several.
fn of_acme_sh(text: &str) -> Option<Vec<Account>> {
    let mut found: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    let mut domain = String::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else {
            continue;
        };
        let key = key.strip_prefix("export ").unwrap_or(key);
        let key = key.strip_prefix("SAVED_").unwrap_or(key);
        let value = unwrapped(value.trim_matches(['\'', '"']))?;
        if key == "Le_Domain" {
            domain = domain_of(&value);
        }
        for part in ["USERNAME", "PASSWORD", "SUBDOMAIN"] {
            let rest = key.strip_prefix("ACMEDNS_");
            let Some(suffix) = rest.and_then(|rest| rest.strip_prefix(part)) else {
                continue;
            };
            let account = found.entry(suffix.to_owned()).or_default();
            account.insert(part, value.clone());
        }
    }
    let accounts = found.into_iter().map(|(suffix, mut parts)| {
        let account = Account {
            domain: match suffix.strip_prefix('_') {
                Some(suffix) => domain_of(&suffix.replace('_', ".")),
                None => domain.clone(),
            },
            fulldomain: String::new(),
            subdomain: parts.remove("SUBDOMAIN")?,
            username: parts.remove("USERNAME")?,
            password: Secret::new(parts.remove("PASSWORD")?),
        };
        Some(account)
    });
    let accounts: Vec<Account> = accounts.collect::<Option<_>>()?;
    (!accounts.is_empty()).then_some(accounts)
}

/// The domain without a wildcard's label: both have one challenge name.
fn domain_of(text: &str) -> String {
    let text = name::canonical(text);
    text.strip_prefix("*.").unwrap_or(&text).to_owned()
}

fn unwrapped(value: &str) -> Option<String> {
    let inner = value
        .strip_prefix(WRAPPED.0)
        .and_then(|value| value.strip_suffix(WRAPPED.1));
    let Some(inner) = inner else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(inner).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEGO: &str = r#"{"example.com": {"fulldomain": "8e57.auth.example.", "subdomain": "8e57", "username": "u",
        "password": "p", "server_url": "https://auth.example"}, "*.example.net": {"subdomain": "9f", "username": "v",
        "password": "q"}}"#;

    #[test]
    fn an_account_is_for_its_own_name() {
        let accounts = parse(LEGO).unwrap();
        let of = |domain: &str| accounts.iter().find(|one| one.domain == domain).unwrap();
        let (full, short) = (of("example.com"), of("example.net"));

        assert!(full.is_for("8e57.auth.example") && !full.is_for("x.auth.example"));
        assert!(short.is_for("9f.auth.example"));
        assert_eq!(full.target("api.example"), "8e57.auth.example");
        assert_eq!(short.target("auth.example"), "9f.auth.example");
        assert!(!format!("{accounts:?}").contains("\"p\""));
    }

    #[test]
    fn what_acme_sh_keeps_is_read_in_its_forms() {
        let of_domain = "Le_Domain='example.com'\nACMEDNS_BASE_URL='https://auth.example'\n\
            ACMEDNS_USERNAME='u'\nACMEDNS_PASSWORD='__ACME_BASE64__START_cCdw__ACME_BASE64__END_'\nACMEDNS_SUBDOMAIN='8e57'\n";
        let [one] = parse(of_domain).unwrap().try_into().unwrap();
        assert_eq!((one.domain.as_str(), one.label()), ("example.com", "8e57"));
        assert_eq!(one.password.expose(), "p'p");

        let of_account =
            "SAVED_ACMEDNS_USERNAME='u'\nSAVED_ACMEDNS_PASSWORD='p'\nSAVED_ACMEDNS_SUBDOMAIN='a'\n";
        let [any] = parse(of_account).unwrap().try_into().unwrap();
        assert_eq!((any.domain.as_str(), any.label()), ("", "a"));

        let of_several = "export ACMEDNS_USERNAME_example_com=u\nexport ACMEDNS_PASSWORD_example_com=p\n\
            export ACMEDNS_SUBDOMAIN_example_com=a\nACMEDNS_USERNAME_example_net='v'\nACMEDNS_PASSWORD_example_net='q'\n\
            ACMEDNS_SUBDOMAIN_example_net='b'\n";
        let domains: Vec<_> = parse(of_several)
            .unwrap()
            .into_iter()
            .map(|one| one.domain)
            .collect();
        assert_eq!(domains, ["example.com", "example.net"]);
    }

    #[test]
    fn what_is_neither_or_half_is_refused() {
        for text in [
            "",
            "hello",
            "{\"example.com\": 1}",
            "ACMEDNS_USERNAME='u'\nACMEDNS_PASSWORD='p'\n",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_kept_account_is_read_again() {
        let account = Account::read(
            "Example.COM",
            r#"{"fulldomain": "a.x", "subdomain": "a", "username": "u", "password": "p"}"#,
        );
        let account = account.unwrap();
        let again = Account::read("example.com", account.kept().unwrap().expose()).unwrap();

        assert_eq!(
            (again.domain.as_str(), again.password.expose().as_str()),
            ("example.com", "p")
        );
        assert!(Account::read("example.com", r#"{"username": "u", "password": "p"}"#).is_none());
    }
}
