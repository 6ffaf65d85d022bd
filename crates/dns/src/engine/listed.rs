//! What a described provider shows when it is asked for the TXT records of a name.

use super::description::List;
use super::provider::Declared;
use super::records::{counts, entries, is_txt, name_of, values_of};
use super::zone::Found;
use crate::error::DnsError;
use crate::provider::{TxtRecord, TxtTarget};

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
