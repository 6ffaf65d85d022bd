//! Finding the zone of a name at a described provider: asked for parent by parent, or picked from the list.

use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Path, plain};
use super::call::{Caller, Purpose};
use super::description::ZoneMode;
use super::template::Vars;
use crate::error::{DnsError, Fault, Step};
use crate::name;
use crate::zone::is_public_suffix;

/// A zone at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Canonical name.
    pub(crate) name: String,
    /// What templates call `zone.…`.
    pub(crate) vars: Vars,
    /// Not found just now, but kept from before: it may be gone.
    pub(crate) is_kept: bool,
}

impl Found {
    fn new(name: String, vars: Vars) -> Self {
        Self {
            name,
            vars,
            is_kept: false,
        }
    }
}

impl Caller {
    /// As [`Self::find_zone`], but one that was found some minutes ago will do.
    pub(crate) async fn zone(&self, fqdn: &str, hint: Option<&str>) -> Result<Found, DnsError> {
        if let Some(kept) = self.zones.kept(fqdn, hint, Instant::now()) {
            return Ok(Found {
                is_kept: true,
                ..kept
            });
        }
        self.find_zone(fqdn, hint).await
    }

    /// The zone that holds the name; with a hint, that zone only.
    pub(crate) async fn find_zone(
        &self,
        fqdn: &str,
        hint: Option<&str>,
    ) -> Result<Found, DnsError> {
        let found = match self.description.zone.mode {
            ZoneMode::None => Some(self.registrable(fqdn, hint)),
            ZoneMode::Suffix => self.before_suffix(fqdn),
            ZoneMode::Walk => self.walk(fqdn, hint).await?,
            ZoneMode::List => self.longest(fqdn, hint).await?,
        };
        let found = match found {
            Some(found) => Some(self.ask_further(found).await?),
            None => None,
        };
        // What is written back whole must be read anew.
        let is_whole = self.description.zone.keep.values().any(Path::is_whole);
        if let Some(found) = found.as_ref().filter(|_| !is_whole) {
            self.zones.keep(fqdn, hint, found, Instant::now());
        }
        found.ok_or_else(|| {
            let what = match hint {
                Some(hint) => format!("the account has no zone {hint}"),
                None => "the account holds no zone of that name".to_owned(),
            };
            DnsError::new(self.code, Step::FindZone, Fault::Zone, what)
                .at_name(fqdn)
                .with_remedy("add the zone to the account, let the credentials see it, or map the domain to another DNS provider")
        })
    }

    /// What is asked about a zone once it is found.
    async fn ask_further(&self, mut found: Found) -> Result<Found, DnsError> {
        for then in &self.description.zone.then {
            let mut vars = found.vars.clone();
            vars.insert("zone".to_owned(), found.name.clone());
            vars.insert("zone.".to_owned(), format!("{}.", found.name));
            let purpose = Purpose {
                step: Step::FindZone,
                vars: &vars,
                values: &[],
                ok: &[],
            };
            let answer = self.call(&then.request, purpose, None).await?;
            self.judge(&answer, purpose)
                .map_err(|error| error.in_zone(&found.name))?;
            for (key, path) in &then.keep {
                let text = path.text_in(&answer).unwrap_or_default();
                found.vars.insert(format!("zone.{key}"), text);
            }
        }
        Ok(found)
    }

    fn registrable(&self, fqdn: &str, hint: Option<&str>) -> Found {
        let by_list = psl::domain_str(fqdn).unwrap_or(fqdn);
        let zone = hint.map_or_else(|| by_list.to_owned(), name::canonical);
        Found::new(zone.clone(), Vars::from([("zone.id".to_owned(), zone)]))
    }

    fn before_suffix(&self, fqdn: &str) -> Option<Found> {
        let suffix = self.description.zone.suffix.as_deref()?;
        let labels = fqdn.strip_suffix(suffix)?;
        let label = labels.rsplit('.').next()?;
        Some(Found::new(
            format!("{label}{suffix}"),
            Vars::from([("zone.id".to_owned(), label.to_owned())]),
        ))
    }

    async fn walk(&self, fqdn: &str, hint: Option<&str>) -> Result<Option<Found>, DnsError> {
        let hint = hint.map(name::canonical);
        let candidates: Vec<&str> = match &hint {
            Some(hint) => vec![hint],
            None => name::suffixes(fqdn)
                .take_while(|one| one.contains('.') && !is_public_suffix(one))
                .collect(),
        };
        let mut refused = None;
        for candidate in candidates {
            match self.ask_for(candidate).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                // Services say so of names that are none of the account's; the parent may be.
                Err(error) if error.fault() == Fault::Permission => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    async fn ask_for(&self, candidate: &str) -> Result<Option<Found>, DnsError> {
        let zone = &self.description.zone;
        let Some(request) = &zone.request else {
            return Ok(None);
        };
        let vars = Vars::from([("candidate".to_owned(), candidate.to_owned())]);
        let purpose = Purpose {
            step: Step::FindZone,
            vars: &vars,
            values: &[],
            ok: &zone.ok,
        };
        let answer = self.call(request, purpose, None).await?;
        if answer.status.as_u16() == 404 || zone.absent.iter().any(|absent| absent.holds(&answer)) {
            return Ok(None);
        }
        self.judge(&answer, purpose)
            .map_err(|error| error.at_name(candidate))?;
        let tree = answer.tree.unwrap_or_default();
        let Some(items) = &zone.items else {
            return Ok(Some(self.zone_of(&tree, candidate)));
        };
        let items = items.items(&tree);
        let named = |item: &&&Value| match &zone.name {
            Some(path) => path
                .text(item)
                .is_some_and(|text| name::canonical(&text) == candidate),
            None => true,
        };
        let item = items.iter().find(|item| named(item) && self.counts(item));
        Ok(item.map(|item| self.zone_of(item, candidate)))
    }

    async fn longest(&self, fqdn: &str, hint: Option<&str>) -> Result<Option<Found>, DnsError> {
        let zone = &self.description.zone;
        let (Some(request), Some(items), Some(path)) = (&zone.request, &zone.items, &zone.name)
        else {
            return Ok(None);
        };
        let hint = hint.map(name::canonical);
        let vars = Vars::from([
            ("fqdn".to_owned(), fqdn.to_owned()),
            ("fqdn.".to_owned(), format!("{fqdn}.")),
        ]);
        let purpose = Purpose {
            step: Step::FindZone,
            vars: &vars,
            values: &[],
            ok: &zone.ok,
        };
        let mut best: Option<Found> = None;
        for tree in self
            .pages(request, purpose, zone.paging.as_ref(), None, |tree| {
                items.items(tree).len()
            })
            .await?
        {
            for item in items
                .items(&tree)
                .into_iter()
                .filter(|item| self.counts(item))
            {
                let Some(text) = path.text(item) else {
                    continue;
                };
                let listed = name::canonical(&text);
                let fits = match &hint {
                    Some(hint) => listed == *hint,
                    None => name::is_within(fqdn, &listed) && !listed.is_empty(),
                };
                if fits
                    && best
                        .as_ref()
                        .is_none_or(|best| best.name.len() < listed.len())
                {
                    best = Some(self.zone_of(item, &listed));
                }
            }
        }
        Ok(best)
    }

    fn counts(&self, item: &Value) -> bool {
        let only = self.description.zone.only.iter();
        only.clone().all(|(pointer, wanted)| {
            let path = Path::parse(pointer);
            path.is_ok_and(|path| path.text(item).as_ref() == Some(wanted))
        })
    }

    fn zone_of(&self, item: &Value, name: &str) -> Found {
        let zone = &self.description.zone;
        let id = zone
            .id
            .as_ref()
            .and_then(|path| path.text(item))
            .unwrap_or_else(|| name.to_owned());
        let mut vars = Vars::from([("zone.id".to_owned(), id)]);
        for (key, path) in &zone.keep {
            let values = path.values(item);
            let text = values
                .first()
                .map(|value| plain(value).unwrap_or_else(|| value.to_string()));
            vars.insert(format!("zone.{key}"), text.unwrap_or_default());
        }
        Found::new(name.to_owned(), vars)
    }
}
