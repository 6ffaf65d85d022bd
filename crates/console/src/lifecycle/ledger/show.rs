//! The ledger as operators see it, and their own numbers.

use std::collections::BTreeMap;

use evercert_api::ca_vendors::{
    FailingName, LimitLine, LimitSetting, LimitsReport, OrderBudget, WaitingOrder,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::ledger::{Bucket, Draw};
use evercert_db::terms::LimitTerms;
use evercert_db::vendors::Vendor;
use evercert_types::DomainName;
use jiff::Timestamp;

use super::breaker::{blocked_until, threshold};
use super::budget::{Ari, budget};
use super::price::{key, one};
use super::rules::{ARI, Kind, RENEWAL, Rule, rules};
use crate::lifecycle::{Actor, LifecycleError};
use crate::state::Console;

/// Every limit of a vendor, what is used of it, the names that fail, the orders that wait, and what an order of
/// `domains` would find.
///
/// # Errors
/// When there is no such vendor, or the database fails.
pub async fn limits(
    console: &Console,
    name: &str,
    domains: &[DomainName],
) -> Result<LimitsReport, LifecycleError> {
    let vendor = named(console, name).await?;
    let db = &console.db;
    let (rules, now) = (rules(&vendor), console.now());
    let scope = vendor.id.to_string();
    let buckets = db.buckets([&scope, &vendor.directory_url]).await?;
    let mut lines = Vec::new();
    for rule in &rules {
        lines.extend(lines_of(console, &vendor, rule, &buckets).await?);
    }
    let is_ruled = |bucket: &&Bucket| {
        rules
            .iter()
            .any(|rule| rule.kind.as_str() == bucket.key.kind)
    };
    for held in buckets.iter().filter(|bucket| !is_ruled(bucket)) {
        lines.push(shown(&unruled(held), None, Some(held), now));
    }
    let threshold = threshold(&rules);
    let names = db.failing_names(vendor.id).await?;
    let waiting = db.waiting_orders(vendor.id).await?;
    let order = order_budget(console, &vendor, domains).await?;
    Ok(LimitsReport {
        vendor: vendor.name,
        limits: lines,
        names: names
            .into_iter()
            .map(|failing| FailingName {
                left_alone_until: blocked_until(&failing, threshold, now),
                name: failing.name,
                failures: failing.failures,
                left_alone_after: threshold,
                failed_at: failing.failed_at,
                unpause_url: failing.unpause_url,
            })
            .collect(),
        waiting: waiting
            .into_iter()
            .map(|waiting| WaitingOrder {
                certificate: waiting.certificate,
                until: waiting.until,
                reason: waiting.reason,
            })
            .collect(),
        order,
    })
}

/// Sets an operator's own numbers, by the word for the limit; what is absent goes back to the vendor's.
///
/// # Errors
/// When there is no such vendor or limit, or the database fails.
pub async fn set_limits(
    console: &Console,
    actor: &Actor,
    name: &str,
    settings: &BTreeMap<String, LimitSetting>,
) -> Result<LimitsReport, LifecycleError> {
    for (word, setting) in settings {
        check(word, setting)?;
    }
    let vendor = named(console, name).await?;
    let mut tx = console.db.begin_write().await?;
    let vendor = tx.vendor(vendor.id).await?;
    let mut vendor = vendor.ok_or_else(|| not_found(name))?;
    let terms = |setting: &LimitSetting| LimitTerms {
        burst: setting.burst,
        refill_secs: setting.refill_secs,
        exempt: setting.exempt.clone(),
    };
    let own = settings
        .iter()
        .map(|(word, setting)| (word.clone(), terms(setting)));
    vendor.options.limits = own.collect();
    tx.update_vendor(&vendor, None).await?;
    tx.commit().await?;
    console.bells.orders.notify_one();
    tracing::info!(
        vendor.name = name,
        actor = actor.as_str(),
        "rate limits were set"
    );
    limits(console, name, &[]).await
}

async fn order_budget(
    console: &Console,
    vendor: &Vendor,
    domains: &[DomainName],
) -> Result<Option<OrderBudget>, LifecycleError> {
    if domains.is_empty() {
        return Ok(None);
    }
    let found = budget(console, vendor, domains, &[], Ari::No).await?;
    let known = found.lines.iter().filter(|line| line.burst > 0);
    Ok(Some(OrderBudget {
        domains: domains.to_vec(),
        reason: found.in_words(console.now()),
        left: known.map(|line| line.left).min(),
        ready_at: found.ready_at,
    }))
}

fn check(word: &str, setting: &LimitSetting) -> Result<(), LifecycleError> {
    let pointer = format!("/limits/{word}");
    let known = Kind::of_word(word).filter(|kind| *kind != Kind::Everything);
    if known.is_none() {
        let words = Kind::ALL.map(Kind::as_str);
        let words = words
            .iter()
            .filter(|word| **word != Kind::Everything.as_str());
        let words: Vec<&str> = words.copied().collect();
        return Err(Problem::new(
            ProblemCode::Invalid,
            format!("there is no rate limit \"{word}\""),
        )
        .with_remedy(format!("Use one of {}.", words.join(", ")))
        .at(pointer)
        .into());
    }
    let exempt = setting.exempt.iter().flatten();
    if let Some(strange) = exempt
        .into_iter()
        .find(|own| ![ARI, RENEWAL].contains(&own.as_str()))
    {
        let detail = format!("there is no exemption \"{strange}\"");
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .with_remedy(format!("Use {ARI}, {RENEWAL}, both, or an empty list."))
            .at(format!("{pointer}/exempt"))
            .into());
    }
    if setting.burst > 0 && setting.refill_secs == 0 {
        let detail = "a limit needs the seconds in which one more is allowed";
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .with_remedy("Give refill_secs of 1 or more; burst 0 means no limit.")
            .at(format!("{pointer}/refill_secs"))
            .into());
    }
    Ok(())
}

/// The used buckets of one limit; where nothing is used, one line says how much there is.
async fn lines_of(
    console: &Console,
    vendor: &Vendor,
    rule: &Rule,
    buckets: &[Bucket],
) -> Result<Vec<LimitLine>, LifecycleError> {
    let now = console.now();
    let key = key(vendor, rule.kind, String::new());
    let free = one(vendor, rule, String::new());
    if rule.kind == Kind::AtOnce {
        let under_way = console.db.orders_under_way(vendor.id).await?;
        let used = u32::try_from(under_way).unwrap_or(u32::MAX).min(rule.burst);
        return Ok(vec![LimitLine {
            used,
            left: rule.burst - used,
            ..shown(&free, Some(rule), None, now)
        }]);
    }
    let of_rule = buckets.iter().filter(|bucket| bucket.key.kind == key.kind);
    let lines: Vec<LimitLine> = of_rule
        .map(|bucket| {
            let draw = one(vendor, rule, bucket.key.subject.clone());
            shown(&draw, Some(rule), Some(bucket), now)
        })
        .collect();
    if lines.is_empty() {
        return Ok(vec![shown(&free, Some(rule), None, now)]);
    }
    Ok(lines)
}

fn shown(draw: &Draw, rule: Option<&Rule>, bucket: Option<&Bucket>, now: Timestamp) -> LimitLine {
    let left = draw.left(bucket, now);
    let ready_at = draw.ready_at(bucket, now);
    let kind = Kind::of_word(&draw.key.kind);
    let full_at = bucket.map(|bucket| bucket.full_at).filter(|at| *at > now);
    LimitLine {
        kind: draw.key.kind.clone(),
        description: kind.map(Kind::in_words).unwrap_or_default().to_owned(),
        subject: draw.key.subject.clone(),
        burst: draw.burst,
        used: draw.burst - left,
        left,
        refill_secs: draw.refill_secs,
        next_at: Some(ready_at).filter(|at| *at > now),
        full_at,
        held_until: bucket
            .and_then(|bucket| bucket.held_until)
            .filter(|at| *at > now),
        exempt: exempt(rule),
        own: rule.is_some_and(|rule| rule.own),
    }
}

/// A bucket that only the CA has spoken of.
fn unruled(bucket: &Bucket) -> Draw {
    Draw {
        key: bucket.key.clone(),
        burst: 0,
        refill_secs: 0,
    }
}

fn exempt(rule: Option<&Rule>) -> Vec<String> {
    let Some(rule) = rule else { return Vec::new() };
    let words = [(rule.exempt_ari, ARI), (rule.exempt_renewal, RENEWAL)];
    let words = words.into_iter().filter(|(applies, _)| *applies);
    words.map(|(_, word)| word.to_owned()).collect()
}

async fn named(console: &Console, name: &str) -> Result<Vendor, LifecycleError> {
    let found = console.db.vendor_by_name(name).await?;
    found.ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> LifecycleError {
    let detail = format!("there is no CA vendor \"{name}\"");
    LifecycleError::new(ProblemCode::CaVendorNotFound, detail)
}
