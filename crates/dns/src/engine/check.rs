//! The checks a description must pass before it is used: it is complete, every hole names something.

use std::collections::{BTreeMap, BTreeSet};

use super::description::{Description, Mode, ZoneMode};
use super::request::Request;
use super::template::Template;

impl Description {
    /// Reads and checks a description.
    ///
    /// # Errors
    /// What is wrong, with the key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let description: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<(), String> {
        let needed: &[(&str, bool)] = match self.records.mode {
            Mode::Records => &[
                ("list", self.list.is_some()),
                ("create", self.create.is_some()),
                ("delete", self.delete.is_some()),
            ],
            Mode::Rrset => &[
                ("list", self.list.is_some()),
                ("replace", self.replace.is_some()),
            ],
            Mode::Append | Mode::Single => &[
                ("create", self.create.is_some()),
                ("delete", self.delete.is_some()),
            ],
        };
        if let Some((missing, _)) = needed.iter().find(|(_, there)| !there) {
            return Err(format!("[{missing}] is missing"));
        }
        if self.zone.request.is_none() && matches!(self.zone.mode, ZoneMode::Walk | ZoneMode::List)
        {
            return Err("[zone.request] is missing".to_owned());
        }
        if self.zone.mode == ZoneMode::List
            && (self.zone.items.is_none() || self.zone.name.is_none())
        {
            return Err("[zone] of mode list needs items and name".to_owned());
        }
        self.check_holes()
    }

    /// Every hole names something that there is, and every setting is used.
    fn check_holes(&self) -> Result<(), String> {
        let mut known: BTreeSet<String> = KNOWN.iter().map(|name| (*name).to_owned()).collect();
        known.extend(
            self.fields
                .iter()
                .map(|field| format!("cred.{}", field.key)),
        );
        known.extend(
            self.login
                .iter()
                .flat_map(|login| login.keep.keys())
                .map(|key| format!("session.{key}")),
        );
        known.extend(
            (self.fields.iter().filter(|field| field.totp))
                .map(|field| format!("totp.{}", field.key)),
        );
        let kept = self.zone.then.iter().flat_map(|then| then.keep.keys());
        known.extend(
            kept.chain(self.zone.keep.keys())
                .map(|key| format!("zone.{key}")),
        );
        known.extend(
            self.list
                .iter()
                .flat_map(|list| list.keep.keys())
                .map(|key| format!("record.{key}")),
        );
        let used = self.holes();
        if let Some(unknown) = used.iter().find(|name| !known.contains(**name)) {
            return Err(format!("{{{unknown}}} names nothing"));
        }
        let signed = self.http.auth.iter().any(|auth| auth.signer.is_some());
        let mentioned = |key: &String| {
            used.contains(format!("cred.{key}").as_str())
                || used.contains(format!("totp.{key}").as_str())
                || self
                    .login
                    .iter()
                    .any(|login| login.unless.as_ref() == Some(key))
        };
        match self
            .fields
            .iter()
            .find(|field| !signed && !mentioned(&field.key))
        {
            Some(field) => Err(format!("the setting {} is used nowhere", field.key)),
            None => Ok(()),
        }
    }

    fn holes(&self) -> BTreeSet<&str> {
        let changes = [
            &self.create,
            &self.create_set,
            &self.replace,
            &self.delete,
            &self.delete_set,
            &self.commit,
        ];
        let labels = (self.label.iter())
            .flat_map(|label| [&label.request, &label.add.request, &label.remove.request]);
        let requests = (changes.into_iter().flatten().map(|change| &change.request))
            .chain(self.login.iter().map(|login| &login.request))
            .chain(self.zone.request.iter())
            .chain(self.zone.then.iter().map(|then| &then.request))
            .chain(self.poll.iter().map(|poll| &poll.request))
            .chain(labels)
            .chain(self.list.iter().map(|list| &list.request));
        let mut names: BTreeSet<&str> = requests.flat_map(Request::holes).collect();
        let http = &self.http;
        let templates = http
            .headers
            .values()
            .chain(std::iter::once(&http.base))
            .chain(http.auth.iter().flat_map(|auth| {
                let basic = auth
                    .basic
                    .iter()
                    .flat_map(|basic| [&basic.user, &basic.password]);
                let maps = [&auth.headers, &auth.query, &auth.form, &auth.json];
                maps.into_iter().flat_map(BTreeMap::values).chain(basic)
            }));
        let session = self.login.iter().flat_map(|login| login.headers.values());
        let only = (self.list.iter()).flat_map(|list| list.only.values().flatten());
        names.extend(
            templates
                .chain(session)
                .chain(only)
                .flat_map(Template::names),
        );
        names
    }
}

/// What a hole may always name.
const KNOWN: [&str; 18] = [
    "candidate",
    "domain",
    "fqdn",
    "fqdn.",
    "i",
    "now",
    "page",
    "poll.id",
    "record.id",
    "stored",
    "sub",
    "sub_or_at",
    "ttl",
    "v",
    "value",
    "zone",
    "zone.",
    "zone.id",
];
