//! The four ways in which described providers keep values: as records, as a set, value by value, or one only.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::answer::{Answer, plain};
use super::call::Purpose;
use super::description::{Change, List, Mode, ZoneMode};
use super::listed::{is_txt, values_of};
use super::provider::Declared;
use super::template::Vars;
use super::zone::Found;
use crate::error::{DnsError, Fault, Step};
use crate::name;
use crate::provider::{Caps, CheckReport, Provider, Receipt, TxtRecord, TxtTarget};

/// A name below a top-level domain that is never delegated (RFC 6761 §6.4).
const NOBODYS: &str = "_acme-challenge.example.invalid";

/// How often a set is written when another writer interferes.
const WRITES: usize = 3;

/// A TXT record as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// `record.id`, `record.<key>`.
    vars: Vars,
    value: String,
    /// As the service wrote it, quotes included.
    raw: String,
    ttl: Option<u32>,
}

impl Record {
    fn id(&self) -> String {
        self.vars.get("record.id").cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Provider for Declared {
    async fn add(&self, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let hint = target.zone_hint.as_deref();
        let zone = self.caller.zone(&target.fqdn, hint).await?;
        match self.add_in(&zone, target).await {
            Err(error) if self.is_stale(&zone, &error, target, hint) => {
                let zone = self.caller.find_zone(&target.fqdn, hint).await?;
                self.add_in(&zone, target).await
            }
            outcome => outcome,
        }
    }

    async fn remove(&self, target: &TxtTarget, receipt: Option<&Receipt>) -> Result<(), DnsError> {
        let hint = target.zone_hint.as_deref().or(receipt
            .map(|receipt| receipt.zone.as_str())
            .filter(|zone| !zone.is_empty()));
        let zone = self.caller.zone(&target.fqdn, hint).await?;
        match self.remove_in(&zone, target).await {
            Err(error) if self.is_stale(&zone, &error, target, hint) => {
                let zone = self.caller.find_zone(&target.fqdn, hint).await?;
                self.remove_in(&zone, target).await
            }
            outcome => outcome,
        }
    }

    async fn check(&self, name: Option<&str>) -> Result<CheckReport, DnsError> {
        let mut report = CheckReport::default();
        // A zone that nobody has is asked for, to see whether the credentials are accepted.
        match self.caller.find_zone(NOBODYS, None).await {
            Err(error) if error.fault() != Fault::Zone => return Err(error),
            _ if !self.asks_for_zones() => {
                let note = "The credentials are seen to be right or wrong with the first change.";
                report.notes.push(note.to_owned());
            }
            _ => {
                let note = format!("{} accepts the credentials.", self.description().name);
                report.notes.push(note);
            }
        }
        if let Some(name) = name {
            let name = name::canonical(name);
            let zone = self.caller.find_zone(&name, None).await?;
            report.notes.push(format!("It holds zone {}.", zone.name));
            if let Some(list) = &self.description().list {
                let target = TxtTarget::new(&name, "");
                self.list(list, &zone, &target)
                    .await
                    .map_err(|error| error.at_name(&name))?;
                report.notes.push("Its records can be read.".to_owned());
            }
            report.zone = Some(zone.name);
        }
        Ok(report)
    }

    async fn listed(&self, target: &TxtTarget) -> Result<Option<Vec<TxtRecord>>, DnsError> {
        self.listed_with(target).await
    }

    fn caps(&self) -> Caps {
        self.caps
    }
}

impl Declared {
    async fn add_in(&self, zone: &Found, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let _guard = self.lock(zone, target).await;
        let added = match self.description().records.mode {
            Mode::Records => self.add_record(zone, target).await,
            Mode::Rrset => self.add_to_set(zone, target).await,
            Mode::Append | Mode::Single => self.append(zone, target).await,
        };
        added.map_err(|error| error.at_name(&target.fqdn).in_zone(&zone.name))
    }

    async fn remove_in(&self, zone: &Found, target: &TxtTarget) -> Result<(), DnsError> {
        let _guard = self.lock(zone, target).await;
        let removed = match self.description().records.mode {
            Mode::Records => self.remove_record(zone, target).await,
            Mode::Rrset => self.remove_from_set(zone, target).await,
            Mode::Append | Mode::Single => self.withdraw(zone, target).await,
        };
        removed.map_err(|error| error.at_name(&target.fqdn).in_zone(&zone.name))
    }

    /// Whether the refusal may come of a zone that was there some minutes ago; it is not believed any more then.
    ///
    /// Services have many ways to say that a zone is not there: any refusal of what was asked may be one.
    pub(super) fn is_stale(
        &self,
        zone: &Found,
        error: &DnsError,
        target: &TxtTarget,
        hint: Option<&str>,
    ) -> bool {
        let is_about_it = matches!(
            error.fault(),
            Fault::Permission | Fault::Provider | Fault::Zone
        );
        let is_stale = zone.is_kept && is_about_it && !error.is_retryable();
        if is_stale {
            self.caller.zones.forget(&target.fqdn, hint);
        }
        is_stale
    }

    /// Whether finding a zone shows that the credentials are accepted.
    fn asks_for_zones(&self) -> bool {
        let zone = &self.description().zone;
        let is_asked = matches!(zone.mode, ZoneMode::List | ZoneMode::Walk);
        is_asked || !zone.then.is_empty()
    }

    /// Sets are read and written under a lock of the name; what has one value only, or is committed, of the zone.
    async fn lock(&self, zone: &Found, target: &TxtTarget) -> crate::lock::NameGuard {
        let is_wide =
            self.description().records.mode == Mode::Single || self.description().commit.is_some();
        let what = if is_wide { &zone.name } else { &target.fqdn };
        self.locks.lock(&self.account, what).await
    }

    async fn add_record(&self, zone: &Found, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let (Some(list), Some(create)) = (&self.description().list, &self.description().create)
        else {
            return Err(self.incomplete());
        };
        let there = self.matching(list, zone, target).await?;
        let vars = self.vars(zone, target);
        if !there.is_empty() {
            // It may be there and wait for a commit that was lost.
            self.commit(Step::Add, &vars).await?;
            return Ok(self.receipt(zone, there.iter().map(Record::id).collect(), false));
        }
        self.make_label(Step::Add, &vars).await?;
        let (answer, was_there) = self.change(create, Step::Add, &vars, &[]).await?;
        self.commit(Step::Add, &vars).await?;
        let id = create
            .id
            .as_ref()
            .and_then(|path| path.text_in(&answer))
            .filter(|id| !id.is_empty());
        Ok(self.receipt(zone, id.into_iter().collect(), !was_there))
    }

    /// The list decides, not the receipt: an id may have come to stand for something else.
    async fn remove_record(&self, zone: &Found, target: &TxtTarget) -> Result<(), DnsError> {
        let (Some(list), Some(delete)) = (&self.description().list, &self.description().delete)
        else {
            return Err(self.incomplete());
        };
        let there = self.matching(list, zone, target).await?;
        for record in &there {
            let mut vars = self.vars(zone, target);
            vars.insert("stored".to_owned(), record.raw.clone());
            vars.extend(record.vars.clone());
            let Err(refused) = self.change(delete, Step::Remove, &vars, &[]).await else {
                continue;
            };
            // A deletion whose answer was lost was sent again, and may be refused for that it was carried out.
            let is_gone = |left: Vec<Record>| left.iter().all(|one| one.id() != record.id());
            if refused.is_retryable() || !is_gone(self.matching(list, zone, target).await?) {
                return Err(refused);
            }
        }
        let vars = self.vars(zone, target);
        self.drop_label(list, &vars).await?;
        self.commit(Step::Remove, &vars).await
    }

    async fn add_to_set(&self, zone: &Found, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let Some(list) = &self.description().list else {
            return Err(self.incomplete());
        };
        let mut created = false;
        for _ in 0..WRITES {
            let set = self.list(list, zone, target).await?;
            if set.iter().any(|record| record.value == target.value) {
                return Ok(self.receipt(zone, Vec::new(), created));
            }
            let mut values: Vec<String> = set.iter().map(|record| record.value.clone()).collect();
            values.push(target.value.clone());
            self.write_set(zone, target, &set, &values, Step::Add)
                .await?;
            created = true;
        }
        Err(self.overwritten(Step::Add))
    }

    async fn remove_from_set(&self, zone: &Found, target: &TxtTarget) -> Result<(), DnsError> {
        let Some(list) = &self.description().list else {
            return Err(self.incomplete());
        };
        for _ in 0..WRITES {
            let set = self.list(list, zone, target).await?;
            if !set.iter().any(|record| record.value == target.value) {
                return Ok(());
            }
            let rest = set
                .iter()
                .map(|record| record.value.clone())
                .filter(|value| *value != target.value);
            let values: Vec<String> = rest.collect();
            self.write_set(zone, target, &set, &values, Step::Remove)
                .await?;
        }
        Err(self.overwritten(Step::Remove))
    }

    async fn write_set(
        &self,
        zone: &Found,
        target: &TxtTarget,
        set: &[Record],
        values: &[String],
        step: Step,
    ) -> Result<(), DnsError> {
        // Octets that were no UTF-8 were read as U+FFFD: written back, they would destroy somebody else's value.
        if set.iter().any(|record| record.raw.contains('\u{fffd}')) {
            let what =
                "a value at the name is not UTF-8, and must not be changed by writing the set";
            return Err(DnsError::new(self.caller.code, step, Fault::Provider, what)
                .permanent()
                .with_remedy("remove or correct that value at the service"));
        }
        let described = self.description();
        let change = match (
            &described.create_set,
            &described.replace,
            &described.delete_set,
        ) {
            (Some(create), _, _) if set.is_empty() => create,
            (_, _, Some(delete)) if values.is_empty() => delete,
            (_, Some(replace), _) => replace,
            _ => return Err(self.incomplete()),
        };
        let mut vars = self.vars(zone, target);
        if let Some(first) = set.first() {
            vars.extend(first.vars.clone());
        }
        // The set's own TTL stays.
        if let Some(ttl) = set
            .iter()
            .find_map(|record| record.ttl)
            .filter(|ttl| *ttl > 0)
        {
            vars.insert("ttl".to_owned(), ttl.to_string());
        }
        // Values of others go back as they were shown, unless quotes are put around all.
        let quotes = change.request.quotes_values();
        let written = values.iter().map(|value| {
            let shown = set.iter().find(|record| record.value == *value);
            shown
                .filter(|_| !quotes)
                .map_or_else(|| value.clone(), |record| record.raw.clone())
        });
        let written: Vec<String> = written.collect();
        self.change(change, step, &vars, &written).await?;
        self.commit(step, &vars).await
    }

    async fn append(&self, zone: &Found, target: &TxtTarget) -> Result<Receipt, DnsError> {
        let Some(create) = &self.description().create else {
            return Err(self.incomplete());
        };
        if let Some(list) = &self.description().list
            && !self.matching(list, zone, target).await?.is_empty()
        {
            self.commit(Step::Add, &self.vars(zone, target)).await?;
            return Ok(self.receipt(zone, Vec::new(), false));
        }
        let vars = self.vars(zone, target);
        let (_, was_there) = self.change(create, Step::Add, &vars, &[]).await?;
        self.commit(Step::Add, &vars).await?;
        Ok(self.receipt(zone, Vec::new(), !was_there))
    }

    async fn withdraw(&self, zone: &Found, target: &TxtTarget) -> Result<(), DnsError> {
        let Some(delete) = &self.description().delete else {
            return Err(self.incomplete());
        };
        let mut vars = self.vars(zone, target);
        if let Some(list) = &self.description().list {
            let there = self.matching(list, zone, target).await?;
            let Some(record) = there.first() else {
                return self.commit(Step::Remove, &vars).await;
            };
            vars.insert("stored".to_owned(), record.raw.clone());
            vars.extend(record.vars.clone());
        }
        self.change(delete, Step::Remove, &vars, &[]).await?;
        self.commit(Step::Remove, &vars).await
    }

    /// Sends a change; answers also whether it was so already.
    pub(super) async fn change(
        &self,
        change: &Change,
        step: Step,
        vars: &Vars,
        values: &[String],
    ) -> Result<(Answer, bool), DnsError> {
        let purpose = Purpose {
            step,
            vars,
            values,
            ok: &change.ok,
        };
        let answer = self.caller.call(&change.request, purpose, None).await?;
        let gone = step == Step::Remove && answer.status.as_u16() == 404;
        if gone || change.already.iter().any(|already| already.holds(&answer)) {
            return Ok((answer, true));
        }
        self.caller.judge(&answer, purpose)?;
        if let Some(poll) = &self.description().poll {
            self.await_end(poll, &answer, step, vars).await?;
        }
        Ok((answer, false))
    }

    async fn commit(&self, step: Step, vars: &Vars) -> Result<(), DnsError> {
        match &self.description().commit {
            Some(commit) => self.change(commit, step, vars, &[]).await.map(drop),
            None => Ok(()),
        }
    }

    async fn matching(
        &self,
        list: &List,
        zone: &Found,
        target: &TxtTarget,
    ) -> Result<Vec<Record>, DnsError> {
        let mut records = self.list(list, zone, target).await?;
        let wanted: String = match list.cut {
            Some(length) => target.value.chars().take(length).collect(),
            None => target.value.clone(),
        };
        records.retain(|record| record.value == wanted);
        Ok(records)
    }

    /// The TXT records of the target's name.
    async fn list(
        &self,
        list: &List,
        zone: &Found,
        target: &TxtTarget,
    ) -> Result<Vec<Record>, DnsError> {
        let vars = self.vars(zone, target);
        let trees = self.list_pages(list, zone, &vars).await?;
        Ok(trees
            .iter()
            .flat_map(|tree| entries(list, tree))
            .filter(|(_, item)| counts(list, item, &vars))
            .flat_map(|(key, item)| records_of(list, key, item, zone, target))
            .collect())
    }

    /// Every page of the list; none when the service says that there is nothing.
    pub(super) async fn list_pages(
        &self,
        list: &List,
        zone: &Found,
        vars: &Vars,
    ) -> Result<Vec<Value>, DnsError> {
        let mut vars = vars.clone();
        let first_page = (list.paging.as_ref())
            .and_then(|paging| paging.first)
            .unwrap_or(1);
        vars.insert("page".to_owned(), first_page.to_string());
        let purpose = Purpose {
            step: Step::Read,
            vars: &vars,
            values: &[],
            ok: &list.ok,
        };
        if !self.has_label(Step::Read, &vars).await? {
            return Ok(Vec::new());
        }
        let first = self.caller.call(&list.request, purpose, None).await?;
        // No such name, or no such zone any more?
        if first.status.as_u16() == 404 && zone.is_kept {
            let what = "the service does not hold this zone or record";
            return Err(DnsError::new(
                self.caller.code,
                Step::Read,
                Fault::Zone,
                what,
            ));
        }
        if first.status.as_u16() == 404 || list.absent.iter().any(|absent| absent.holds(&first)) {
            return Ok(Vec::new());
        }
        match &list.paging {
            None => {
                self.caller.judge(&first, purpose)?;
                Ok(vec![first.tree.unwrap_or_default()])
            }
            Some(paging) => {
                let count = |tree: &Value| list.items.items(tree).len();
                self.caller
                    .pages(&list.request, purpose, Some(paging), Some(first), count)
                    .await
            }
        }
    }

    pub(super) fn vars(&self, zone: &Found, target: &TxtTarget) -> Vars {
        let sub = match target.fqdn.strip_suffix(&zone.name) {
            Some(head) => head.trim_end_matches('.').to_owned(),
            None => target.fqdn.clone(),
        };
        let at = if sub.is_empty() {
            "@".to_owned()
        } else {
            sub.clone()
        };
        let ttl = self.ttl(target.ttl);
        let domain = target.fqdn.strip_prefix("_acme-challenge.");
        let domain = domain.unwrap_or(&target.fqdn);
        let pairs = [
            ("fqdn", target.fqdn.clone()),
            ("domain", domain.to_owned()),
            ("fqdn.", format!("{}.", target.fqdn)),
            ("sub", sub),
            ("sub_or_at", at),
            ("zone", zone.name.clone()),
            ("zone.", format!("{}.", zone.name)),
            ("value", target.value.clone()),
            ("ttl", ttl.to_string()),
        ];
        let own = pairs.map(|(key, value)| (key.to_owned(), value));
        own.into_iter().chain(zone.vars.clone()).collect()
    }

    fn receipt(&self, zone: &Found, record_ids: Vec<String>, created: bool) -> Receipt {
        // What was only guessed says nothing about where the value is.
        let is_told = matches!(
            self.description().zone.mode,
            ZoneMode::List | ZoneMode::Walk
        );
        Receipt {
            zone: if is_told {
                zone.name.clone()
            } else {
                String::new()
            },
            record_ids,
            opaque: json!(null),
            created,
        }
    }

    fn incomplete(&self) -> DnsError {
        DnsError::setting(
            self.caller.code,
            "the description of this provider is incomplete",
        )
    }

    fn overwritten(&self, step: Step) -> DnsError {
        let what = "the service accepted the change but does not show it";
        DnsError::new(self.caller.code, step, Fault::Provider, what)
            .with_remedy("see whether another program writes the TXT records of this name")
    }
}

/// The items of a list, with their keys where those are their ids.
pub(super) fn entries<'a>(list: &List, tree: &'a Value) -> Vec<(Option<&'a str>, &'a Value)> {
    if list.keyed {
        let maps = list
            .items
            .values(tree)
            .into_iter()
            .filter_map(Value::as_object);
        return maps
            .flatten()
            .map(|(key, item)| (Some(key.as_str()), item))
            .collect();
    }
    list.items
        .items(tree)
        .into_iter()
        .map(|item| (None, item))
        .collect()
}

/// Whether an item has what the list is limited to.
pub(super) fn counts(list: &List, item: &Value, vars: &Vars) -> bool {
    list.only.iter().all(|(pointer, wanted)| {
        let path = super::answer::Path::parse(pointer);
        let text = path.ok().and_then(|path| path.text(item));
        text.is_none_or(|text| wanted.iter().any(|one| one.render(vars) == text))
    })
}

/// The records of an item, if it is of the target's name and type.
fn records_of(
    list: &List,
    key: Option<&str>,
    item: &Value,
    zone: &Found,
    target: &TxtTarget,
) -> Vec<Record> {
    let is_named = list.name.as_ref().is_none_or(|path| {
        path.text(item)
            .is_some_and(|text| is_name(&text, zone, target))
    });
    if !is_named || !is_txt(list, item) {
        return Vec::new();
    }
    let mut vars = Vars::new();
    let id = key
        .map(str::to_owned)
        .or_else(|| list.id.as_ref().and_then(|path| path.text(item)));
    vars.insert("record.id".to_owned(), id.unwrap_or_default());
    for (name, path) in &list.keep {
        let values = path.values(item);
        let text = values
            .first()
            .map(|value| plain(value).unwrap_or_else(|| value.to_string()));
        vars.insert(format!("record.{name}"), text.unwrap_or_default());
    }
    let ttl = list
        .ttl
        .as_ref()
        .and_then(|path| path.text(item))
        .and_then(|text| text.parse().ok());
    values_of(list, item)
        .map(|(raw, value)| Record {
            vars: vars.clone(),
            value,
            raw,
            ttl,
        })
        .collect()
}

/// Services write names whole or relative, with a dot or without, and the zone's own as `@` or nothing.
fn is_name(text: &str, zone: &Found, target: &TxtTarget) -> bool {
    let listed = name::canonical(text);
    let sub = target
        .fqdn
        .strip_suffix(&zone.name)
        .unwrap_or(&target.fqdn)
        .trim_end_matches('.');
    listed == target.fqdn || listed == sub || (sub.is_empty() && listed == "@")
}
