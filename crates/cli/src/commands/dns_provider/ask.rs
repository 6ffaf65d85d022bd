//! What is missing of a provider's settings: asked for at a terminal, or named all at once.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use anyhow::{Context, Result, bail};
use evercert_api::dns_providers::{DnsProviderField, DnsProviderType};
use evercert_types::Secret;

use crate::password;

/// Settings by key.
pub(super) type Settings = BTreeMap<String, Secret<String>>;

/// Adds what is missing, if there is somebody to ask.
pub(super) fn complete(kind: &DnsProviderType, settings: &mut Settings) -> Result<()> {
    let missing = Missing::of(kind, settings);
    if missing.is_none() {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("{}", missing.told(kind));
    }
    let group = match missing.ways.as_slice() {
        [] => &[][..],
        [only] => only,
        several => choose(several)?,
    };
    for field in missing.fields.iter().chain(group) {
        if !is_given(settings, &field.key) {
            settings.insert(field.key.clone(), ask(field)?);
        }
    }
    Ok(())
}

/// Fields that must be given and are not.
struct Missing<'a> {
    fields: Vec<&'a DnsProviderField>,
    /// Groups of which one must be given whole.
    ways: Vec<Vec<&'a DnsProviderField>>,
}

impl<'a> Missing<'a> {
    fn of(kind: &'a DnsProviderType, settings: &Settings) -> Self {
        let fields = kind.fields.iter();
        let required = fields.filter(|field| !field.optional && field.default.is_none());
        let group = |keys: &Vec<String>| -> Vec<&'a DnsProviderField> {
            let named = |key: &String| kind.fields.iter().find(|field| field.key == *key);
            keys.iter().filter_map(named).collect()
        };
        let is_whole = |keys: &Vec<String>| keys.iter().all(|key| is_given(settings, key));
        let mut ways: Vec<_> = match kind.one_of.iter().any(is_whole) {
            true => Vec::new(),
            false => kind.one_of.iter().map(group).collect(),
        };
        // What was begun is to be finished.
        let is_begun =
            |way: &Vec<&DnsProviderField>| way.iter().any(|field| is_given(settings, &field.key));
        if ways.iter().any(is_begun) {
            ways.retain(is_begun);
        }
        Self {
            fields: required
                .filter(|field| !is_given(settings, &field.key))
                .collect(),
            ways,
        }
    }

    fn is_none(&self) -> bool {
        self.fields.is_empty() && self.ways.is_empty()
    }

    /// All of it, with how it can be given.
    fn told(&self, kind: &DnsProviderType) -> String {
        let list = |fields: &[&DnsProviderField]| {
            let named: Vec<String> = fields.iter().map(|field| told(field)).collect();
            named.join(" and ")
        };
        let mut parts: Vec<String> = self.fields.iter().map(|field| told(field)).collect();
        if !self.ways.is_empty() {
            let ways: Vec<String> = self.ways.iter().map(|way| list(way)).collect();
            parts.push(ways.join(", or "));
        }
        format!(
            "settings of {} are missing: {}. Give --set KEY=VALUE or --set KEY=@FILE for each; --from-env and --from-file \
             take them by the names of acme.sh and lego. `evercert dns-provider types {}` shows all",
            kind.code,
            parts.join("; "),
            kind.code
        )
    }
}

fn told(field: &DnsProviderField) -> String {
    match field.secret {
        true => format!("{} ({}, secret)", field.key, field.label),
        false => format!("{} ({})", field.key, field.label),
    }
}

fn is_given(settings: &Settings, key: &str) -> bool {
    settings
        .get(key)
        .is_some_and(|value| !value.expose().trim().is_empty())
}

fn choose<'a, 'b>(ways: &'b [Vec<&'a DnsProviderField>]) -> Result<&'b [&'a DnsProviderField]> {
    eprintln!("Give one of these:");
    for (number, way) in (1..).zip(ways) {
        let labels: Vec<&str> = way.iter().map(|field| field.label.as_str()).collect();
        eprintln!("  {number}  {}", labels.join(" and "));
    }
    let typed = line("Number: ")?;
    let number: Option<usize> = typed.parse().ok();
    let way = number.and_then(|number| ways.get(number.checked_sub(1)?));
    way.map(Vec::as_slice)
        .with_context(|| format!("{typed:?} is none of them"))
}

fn ask(field: &DnsProviderField) -> Result<Secret<String>> {
    eprintln!("{}", field.help);
    let prompt = format!("{} ({}): ", field.label, field.key);
    let typed = match field.secret {
        true => password::read(&prompt)?,
        false => Secret::new(line(&prompt)?),
    };
    let value = super::value(&field.key, typed.expose())?;
    if value.trim().is_empty() {
        bail!("{} ({}) must be given", field.label, field.key);
    }
    Ok(Secret::new(value))
}

fn line(prompt: &str) -> Result<String> {
    eprint!("{prompt}");
    let mut typed = String::new();
    let count = std::io::stdin()
        .read_line(&mut typed)
        .context("reading from the terminal")?;
    if count == 0 {
        bail!("nothing was typed");
    }
    Ok(typed.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::import::tests::kind;
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Settings {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned())))
            .collect()
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let mut kind = kind();
        kind.fields[1].optional = false;
        kind.one_of = vec![vec!["token".to_owned()], vec!["key".to_owned()]];

        let told = Missing::of(&kind, &Settings::new()).told(&kind);

        assert!(told.contains("email (EMAIL)"), "{told}");
        assert!(
            told.contains("token (TOKEN, secret), or key (KEY, secret)"),
            "{told}"
        );
        assert!(told.contains("dns-provider types cf"), "{told}");
    }

    #[test]
    fn one_whole_group_is_enough_and_a_begun_one_is_finished() {
        let kind = kind();

        assert!(Missing::of(&kind, &given(&[("token", "x")])).is_none());
        let begun = Missing::of(&kind, &given(&[("email", "x")]));
        assert_eq!(begun.ways.len(), 1);
        assert!(begun.told(&kind).contains("key (KEY, secret)"));
        assert!(!begun.told(&kind).contains("TOKEN"));
    }
}
