//! Plans renewals: brings the facts to the rules of [`super::policy`], finds a place, and writes down both.
//!
//! A plan is made under the lock of its slot, and made again when something that it was made from has changed; it
//! stays where it is while its window does. Of two Consoles the second finds the slot planned.

use evercert_acme::vendors::{LimitKind, vendor_of};
use evercert_api::renewals::{Renewal, RenewalSettings, Window};
use evercert_db::certificates::Certificate;
use evercert_db::plans::Plan;
use evercert_db::slots::{Due, Slot};
use evercert_db::terms::Terms;
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_db::{DbError, Tx};
use evercert_types::{CertificateId, DomainName, KeyAlgorithm, RenewalMode, parse_span};
use evercert_x509::{Chain, verify_names};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::backoff::Life;
use super::plan::is_asked_for;
use super::policy::maintenance::Maintenance;
use super::policy::place::{
    Budget, Ground, Load, Place, Spans, extent, full_at, settle_near, settle_wide, spans, spread,
};
use super::policy::{Active, Decision, Facts, decide, jitter_of, safety_of};
use crate::state::Console;

/// Where the settings of renewals are kept.
pub(crate) const SETTINGS: &str = "renewal";
/// Slots looked for in one go.
const BATCH: u32 = 200;
/// With fewer plans their load is added up each time.
const MANY: u64 = 1_000;

/// What a plan is made from beside the slot.
struct Known {
    vendor: Option<Vendor>,
    changed: Option<&'static str>,
    settings: RenewalSettings,
    maintenance: Option<Maintenance>,
}

/// Writes down when a slot is due, by what is known now; slot and certificate are held, so that this is not overtaken.
pub(crate) async fn replan(
    tx: &mut Tx,
    certificate: &Certificate,
    slot: &Slot,
    active: Option<&Version>,
) -> Result<(), DbError> {
    let known = gather(tx, certificate, active).await?;
    let decision = known.decide(tx.now(), certificate, slot, active);
    let mut renewal = Renewal {
        reason: decision.rule.to_owned(),
        words: decision.words.clone(),
        rules: decision.rules.clone(),
        window: decision.window,
        planned_at: Some(tx.now()),
        ..Renewal::default()
    };
    if let Some(window) = decision.window {
        let ground = known.ground(tx.now(), certificate, active, &window);
        renewal.safety_limit = active.map(|_| ground.safety);
        place(tx, slot, &known, &decision, &ground, &mut renewal).await?;
    }
    write(tx, slot, &known, active, &renewal).await
}

/// Plans every slot that waits for it, each in a unit of work of its own: who holds several slots must not wait for one
/// who holds another of them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn replan_waiting(console: &Console) -> Result<(), DbError> {
    loop {
        let waiting = console.db.slots_to_plan(BATCH).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        for (id, algorithm) in waiting {
            replan_slot(console, id, algorithm).await?;
        }
    }
}

async fn replan_slot(
    console: &Console,
    id: CertificateId,
    algorithm: KeyAlgorithm,
) -> Result<(), DbError> {
    let mut tx = console.db.begin_write().await?;
    // Another Console may have planned it since it was found.
    let Some(slot) = tx.hold_slot_to_plan(id, algorithm).await? else {
        return Ok(());
    };
    let Some(certificate) = tx.certificate(id).await? else {
        return Ok(());
    };
    let active = match slot.active_version_id {
        Some(id) => tx.version(id).await?,
        None => None,
    };
    replan(&mut tx, &certificate, &slot, active.as_ref()).await?;
    tx.commit().await
}

/// Why a slot is due now, whoever starts its renewals; none when it is not.
pub(crate) async fn reason_now(
    tx: &mut Tx,
    certificate: &Certificate,
    slot: &Slot,
    active: Option<&Version>,
) -> Result<Option<String>, DbError> {
    let now = tx.now();
    if let Some(due) = slot.due.as_ref().filter(|due| due.at <= now) {
        return Ok(Some(due.reason.clone()));
    }
    let known = gather(tx, certificate, active).await?;
    let asked = Certificate {
        renewal_mode: RenewalMode::Automatic,
        ..certificate.clone()
    };
    let decision = known.decide(now, &asked, slot, active);
    let due = decision.window.filter(|window| window.preferred <= now);
    Ok(due.map(|_| decision.rule.to_owned()))
}

/// The settings of renewals as they were saved; what cannot be read counts as not set.
pub(crate) fn read_settings(saved: Option<&str>) -> RenewalSettings {
    let Some(saved) = saved else {
        return RenewalSettings::default();
    };
    serde_json::from_str(saved).unwrap_or_else(|error| {
        tracing::error!(%error, "the settings of renewals cannot be read: defaults count");
        RenewalSettings::default()
    })
}

async fn gather(
    tx: &mut Tx,
    certificate: &Certificate,
    active: Option<&Version>,
) -> Result<Known, DbError> {
    let vendor = match certificate.vendor_id {
        Some(id) => tx.vendor(id).await?,
        None => None,
    };
    let settings = read_settings(tx.setting(SETTINGS).await?.as_deref());
    let text = certificate.terms.maintenance.as_ref();
    let text = text.or(settings.maintenance.as_ref());
    // Both are read before they are saved; a time zone may have vanished from the system since.
    let maintenance = text.and_then(|text| {
        let read = text.parse::<Maintenance>();
        read.inspect_err(|error| tracing::error!(certificate.name, %error, "no maintenance window"))
            .ok()
    });
    Ok(Known {
        vendor,
        changed: match active {
            Some(active) => changed(tx, certificate, active).await?,
            None => None,
        },
        settings,
        maintenance,
    })
}

/// What of a certificate the version in force does not have, because it was changed since.
async fn changed(
    tx: &mut Tx,
    certificate: &Certificate,
    active: &Version,
) -> Result<Option<&'static str>, DbError> {
    let ordered = match active.order_id {
        Some(id) => tx.ordered_as(id).await?,
        None => None,
    };
    // An order may have served another certificate of the same names as well: its terms say nothing about this one.
    if let Some(ordered) = ordered.filter(|ordered| ordered.certificate_id == certificate.id) {
        let sorted = |names: &[DomainName]| {
            let mut names: Vec<_> = names.iter().map(ToString::to_string).collect();
            names.sort();
            names
        };
        if sorted(&ordered.names) != sorted(&certificate.names) {
            return Ok(Some("its names were"));
        }
        return Ok(changed_terms(&ordered.terms, &certificate.terms));
    }
    let Some(pem) = tx.chain_of_version(active.id).await? else {
        return Ok(None);
    };
    let lacks_one = Chain::from_pem(&pem)
        .is_ok_and(|chain| verify_names(chain.leaf(), &certificate.names).is_err());
    Ok(lacks_one.then_some("its names were"))
}

/// Other terms are asked for from the next order on; these are not to wait for it.
fn changed_terms(ordered: &Terms, wanted: &Terms) -> Option<&'static str> {
    let sorted = |terms: &Terms| {
        let mut ips = terms.ips.clone();
        ips.sort();
        ips
    };
    (sorted(ordered) != sorted(wanted)).then_some("its addresses were")
}

impl Known {
    fn decide(
        &self,
        now: Timestamp,
        certificate: &Certificate,
        slot: &Slot,
        active: Option<&Version>,
    ) -> Decision {
        decide(&Facts {
            now,
            mode: certificate.renewal_mode,
            paused: certificate.paused,
            vendor: self.vendor.as_ref().map(|vendor| vendor.name.as_str()),
            active: active.map(|version| Active {
                life: life_of(version),
                state: version.state,
                changed: self.changed,
                of_another_vendor: version.vendor_id != certificate.vendor_id,
            }),
            ari: slot.ari.as_ref(),
            renew_before: self.vendor.as_ref().and_then(|vendor| vendor.renew_before),
            asked: slot
                .due
                .as_ref()
                .map(|due| due.reason.as_str())
                .filter(|reason| is_asked_for(reason)),
            safety: self.safety(),
        })
    }

    fn safety(&self) -> Option<SignedDuration> {
        let text = self.settings.safety_limit.as_deref()?;
        parse_span(text).ok()
    }

    fn ground(
        &self,
        now: Timestamp,
        certificate: &Certificate,
        active: Option<&Version>,
        window: &Window,
    ) -> Ground<'_> {
        let life = active.map(life_of);
        let safety = life.and_then(|life| {
            let left = safety_of(life, self.safety());
            life.not_after.checked_sub(left).ok()
        });
        Ground {
            now,
            not_before: life.map_or(now, |life| life.not_before),
            safety: safety.unwrap_or(window.latest),
            maintenance: self.maintenance.as_ref(),
            jitter: jitter_of(&certificate.id.to_string()),
        }
    }

    /// What the CA allows an hour, as far as it is known.
    fn budget(&self) -> Budget {
        let known = self
            .vendor
            .as_ref()
            .and_then(|vendor| vendor_of(&vendor.directory_url));
        budget_of(known)
    }
}

/// What a CA of the table allows an hour.
pub(crate) fn budget_of(vendor: Option<&evercert_acme::vendors::Vendor>) -> Budget {
    let orders = vendor.and_then(|vendor| vendor.limit(LimitKind::NewOrdersPerAccount));
    let per_hour = orders.map(|limit| 3_600 / limit.refill_every_secs.max(1));
    Budget {
        per_hour: per_hour.and_then(|n| u32::try_from(n).ok()),
    }
}

/// Finds the instant, and says how.
async fn place(
    tx: &mut Tx,
    slot: &Slot,
    known: &Known,
    decision: &Decision,
    ground: &Ground<'_>,
    renewal: &mut Renewal,
) -> Result<(), DbError> {
    let Some(window) = &decision.window else {
        return Ok(());
    };
    if keeps(slot, renewal, ground) {
        return Ok(());
    }
    if decision.urgent {
        renewal.due_at = Some(window.preferred);
        return Ok(());
    }
    let aim = match decision.rule {
        "renewal_info" => window.preferred,
        _ => spread(window, ground.jitter),
    };
    let spans = spans(window, aim, ground);
    let place = level(tx, slot, known, &spans, ground.jitter).await?;
    renewal.maintenance = spans.maintenance;
    renewal.levelled_from = place.levelled.as_ref().map(|_| spans.aim);
    renewal.due_at = Some(place.at);
    renewal.levelled_words = place.levelled;
    Ok(())
}

/// A plan whose rule, window and maintenance are what they were stays where it is.
fn keeps(slot: &Slot, renewal: &mut Renewal, ground: &Ground<'_>) -> bool {
    let old = slot.plan.clone().map(serde_json::from_value::<Renewal>);
    let (Some(Ok(old)), Some(due)) = (old, &slot.due) else {
        return false;
    };
    // Rules that say "now" say another instant each time.
    let says_now = renewal
        .window
        .is_some_and(|window| window.preferred == ground.now);
    let same_window = old.window == renewal.window || (says_now && old.reason == renewal.reason);
    let maintenance = ground.maintenance.map(ToString::to_string);
    let same_maintenance = old.maintenance.as_ref().map(|answer| &answer.window)
        == maintenance.as_ref()
        || due.at <= ground.now;
    if old.reason != renewal.reason
        || !same_window
        || !same_maintenance
        || due.at > ground.safety.max(ground.now)
    {
        return false;
    }
    renewal.due_at = Some(due.at);
    renewal.maintenance = old.maintenance;
    renewal.levelled_from = old.levelled_from;
    renewal.levelled_words = old.levelled_words;
    true
}

async fn level(
    tx: &mut Tx,
    slot: &Slot,
    known: &Known,
    spans: &Spans,
    jitter: f64,
) -> Result<Place, DbError> {
    let aimed = Place {
        at: spans.aim,
        levelled: None,
    };
    let (Some(vendor), Some(near)) = (&known.vendor, extent(&spans.near)) else {
        return Ok(aimed);
    };
    let except = (slot.certificate_id, slot.algorithm);
    let mut load = Load {
        planned: tx.planned_by_hour(vendor.id, near, except).await?,
        most: full_at(load_of(tx, vendor).await?, known.budget()),
    };
    if let Some(place) = settle_near(spans, &load, jitter) {
        return Ok(place);
    }
    if let Some(wide) = extent(&spans.wide) {
        load.planned = tx.planned_by_hour(vendor.id, wide, except).await?;
    }
    Ok(settle_wide(spans, &load, jitter))
}

/// Orders an hour that a vendor's plans come to in the long run, in millionths. Added up anew the less often the more
/// plans there are, and written down, so that all Consoles level by the same figure.
async fn load_of(tx: &mut Tx, vendor: &Vendor) -> Result<u64, DbError> {
    let name = format!("renewal.load/{}", vendor.id);
    let now = tx.now().as_second();
    let saved = tx.setting(&name).await?;
    let saved: Option<(u64, i64)> = saved.and_then(|text| serde_json::from_str(&text).ok());
    if let Some((load, _)) = saved.filter(|(_, good_until)| now < *good_until) {
        return Ok(load);
    }
    let (load, plans) = tx.planned_load(vendor.id).await?;
    if plans >= MANY {
        let good_for = i64::try_from(plans / 100).unwrap_or(3_600).min(3_600);
        tx.set_setting(&name, &format!("[{load},{}]", now + good_for))
            .await?;
    }
    Ok(load)
}

async fn write(
    tx: &mut Tx,
    slot: &Slot,
    known: &Known,
    active: Option<&Version>,
    renewal: &Renewal,
) -> Result<(), DbError> {
    let due = renewal.due_at.map(|at| Due {
        at,
        reason: renewal.reason.clone(),
    });
    let every = active.zip(renewal.window).map(|(active, window)| {
        let every = active.not_before.duration_until(window.preferred);
        every.max(SignedDuration::from_hours(1))
    });
    let detail = serde_json::to_value(renewal).unwrap_or(Value::Null);
    let plan = Plan {
        vendor: known
            .vendor
            .as_ref()
            .filter(|_| due.is_some())
            .map(|vendor| vendor.id),
        due: due.as_ref(),
        every,
        detail: &detail,
    };
    tx.set_plan(slot.certificate_id, slot.algorithm, &plan)
        .await
}

/// Validity of a version.
pub(crate) const fn life_of(version: &Version) -> Life {
    Life {
        not_before: version.not_before,
        not_after: version.not_after,
    }
}
