//! What a described provider shows when it is asked for the TXT records of a name.

use serde_json::Value;

use super::answer::plain;
use super::description::List;
use super::provider::Declared;
use super::records::{counts, entries};
use super::zone::Found;
use crate::error::DnsError;
use crate::name;
use crate::provider::{TxtRecord, TxtTarget};
use crate::txt::unquote;

impl Declared {
    /// The TXT records at the name, and those of the zone that are listed with them; `None` where nothing can be
    /// listed, or values are listed cut.
    pub(super) async fn listed_with(
        &self,
        target: &TxtTarget,
    ) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        let Some(list) = self.description().list.as_ref() else {
            return Ok(None);
        };
        if list.cut.is_some() {
            return Ok(None);
        }
        let hint = target.zone_hint.as_deref();
        let zone = self.caller.zone(&target.fqdn, hint).await?;
        match self.listed_in(list, &zone, target).await {
            Err(error) if self.is_stale(&zone, &error, target, hint) => {
                let zone = self.caller.find_zone(&target.fqdn, hint).await?;
                self.listed_in(list, &zone, target).await.map(Some)
            }
            outcome => outcome.map(Some),
        }
    }

    async fn listed_in(
        &self,
        list: &List,
        zone: &Found,
        target: &TxtTarget,
    ) -> Result<Vec<TxtRecord>, DnsError> {
        let vars = self.vars(zone, target);
        let trees = self
            .list_pages(list, zone, &vars)
            .await
            .map_err(|error| error.at_name(&target.fqdn).in_zone(&zone.name))?;
        let mut found = Vec::new();
        for tree in &trees {
            for (_, item) in entries(list, tree) {
                if !is_txt(list, item) || !counts(list, item, &vars) {
                    continue;
                }
                let fqdn = name_of(list, item, zone).unwrap_or_else(|| target.fqdn.clone());
                found.extend(values_of(list, item).map(|(_, value)| TxtRecord {
                    fqdn: fqdn.clone(),
                    value,
                }));
            }
        }
        Ok(found)
    }
}

pub(super) fn is_txt(list: &List, item: &Value) -> bool {
    list.kind.as_ref().is_none_or(|path| {
        path.text(item)
            .is_some_and(|text| text.eq_ignore_ascii_case("TXT"))
    })
}

/// The values of an item, as the service wrote them and as they are.
pub(super) fn values_of(list: &List, item: &Value) -> impl Iterator<Item = (String, String)> {
    let raws = list.value.items(item).into_iter().filter_map(plain);
    let values = raws.map(|raw| {
        let value = unquote(&raw);
        (raw, value)
    });
    // What an old account could not delete any more stands there empty.
    values.filter(|(_, value)| !value.trim().is_empty())
}

/// The whole name of an item, where it has one.
pub(super) fn name_of(list: &List, item: &Value, zone: &Found) -> Option<String> {
    let listed = name::canonical(&list.name.as_ref()?.text(item)?);
    Some(match listed.as_str() {
        "" | "@" => zone.name.clone(),
        whole if name::is_within(whole, &zone.name) => listed,
        _ => format!("{listed}.{}", zone.name),
    })
}
