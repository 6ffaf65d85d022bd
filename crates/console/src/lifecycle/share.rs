//! One order for both stores: certificates that want the very same are served by one order among them.
//!
//! Partners are certificates of different stores with the same names, vendor, profile, subject and key policy, each
//! with the key algorithm in question. Of their orders only one goes to the CA: an order that has not begun waits for
//! one that runs, and what the running one brings is put into force in all of them, in one transaction. Each keeps
//! its own version and its own sealed key, in its own store. All of a group's slots are held, in the order of their
//! certificates, whenever one of them begins, adopts or installs: so it is decided once, whichever Console does it.

use evercert_db::certificates::Certificate;
use evercert_db::events::{Event, Level};
use evercert_db::orders::OrderChange;
use evercert_db::slots::Slot;
use evercert_db::versions::{Material, Version};
use evercert_db::{Db, DbError, Tx};
use evercert_types::{
    CertificateId, KeyAlgorithm, KeyCustody, OrderId, OrderState, RenewalMode, VersionId,
    VersionState,
};
use jiff::Timestamp;
use serde_json::json;

use super::install::activate;
use super::issue::{Drive, Halt, Note};
use super::plan;

/// Why an order waits that has not begun.
const WAITING: &str = "an order that serves both stores is running for the same names";

/// A certificate and its partners, their slots held until the end of the unit of work.
pub(crate) struct Group {
    pub(crate) certificate: Certificate,
    pub(crate) slot: Slot,
    pub(crate) partners: Vec<Partner>,
}

/// A certificate of the other store that the same order may serve.
pub(crate) struct Partner {
    pub(crate) certificate: Certificate,
    pub(crate) slot: Slot,
    /// Its unfinished order, if it has one.
    pub(crate) order: Option<(OrderId, OrderState)>,
}

/// Whether one order may serve both; names and addresses are compared by the caller.
fn wants_the_same(one: &Certificate, other: &Certificate) -> bool {
    let (a, b) = (&one.terms, &other.terms);
    let may_share = |certificate: &Certificate| {
        let terms = &certificate.terms;
        let has_key = terms.custody == KeyCustody::Console && terms.csr.is_none();
        has_key && !terms.alone && !certificate.paused
    };
    one.store != other.store
        && may_share(one)
        && may_share(other)
        && one.vendor_id.is_some()
        && one.vendor_id == other.vendor_id
        && one.profile == other.profile
        && one.key_policy == other.key_policy
        && (&a.subject, a.lifetime_secs, &a.preferred_chain, a.failover)
            == (&b.subject, b.lifetime_secs, &b.preferred_chain, b.failover)
}

/// The certificates that one order may serve together with this one.
///
/// # Errors
/// When the database fails.
pub(crate) async fn partners(
    db: &Db,
    certificate: &Certificate,
) -> Result<Vec<Certificate>, DbError> {
    let mut found = db.same_names(certificate).await?;
    found.retain(|other| wants_the_same(certificate, other));
    Ok(found)
}

/// Their names.
///
/// # Errors
/// When the database fails.
pub(crate) async fn partner_names(
    db: &Db,
    certificate: &Certificate,
) -> Result<Vec<String>, DbError> {
    let partners = partners(db, certificate).await?.into_iter();
    Ok(partners.map(|partner| partner.name).collect())
}

/// Whether a due slot is left to the order of a partner: one that runs, or that is waited for after a failure.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_left_to_partner(
    db: &Db,
    certificate: &Certificate,
    algorithm: KeyAlgorithm,
) -> Result<bool, DbError> {
    let now = db.now();
    for partner in partners(db, certificate).await? {
        let Some(slot) = db.slot(partner.id, algorithm).await? else {
            continue;
        };
        let is_due = slot.due.as_ref().is_some_and(|due| due.at <= now);
        if is_due && slot.retry_at.is_some_and(|at| at > now) {
            return Ok(true);
        }
        let newest = db.orders_of_certificate(partner.id, 2).await?;
        let runs = newest
            .iter()
            .any(|order| order.algorithm == algorithm && order.finished_at.is_none());
        if runs {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Holds the slots of a certificate and of its partners; none when the certificate or its slot is gone.
pub(crate) async fn hold(
    tx: &mut Tx,
    id: CertificateId,
    algorithm: KeyAlgorithm,
) -> Result<Option<Group>, DbError> {
    let Some(found) = tx.certificate(id).await? else {
        return Ok(None);
    };
    let mut ids = vec![id];
    for other in tx.same_names(&found).await? {
        if wants_the_same(&found, &other) {
            ids.push(other.id);
        }
    }
    ids.sort_unstable();
    let mut held = Vec::new();
    for id in ids {
        let slot = tx.hold_slot(id, algorithm).await?;
        // Read again under the lock: it may have been changed meanwhile.
        let certificate = tx.certificate(id).await?;
        held.extend(certificate.zip(slot));
    }
    let Some(own) = held
        .iter()
        .position(|(certificate, _)| certificate.id == id)
    else {
        return Ok(None);
    };
    let (certificate, slot) = held.swap_remove(own);
    let mut partners = Vec::new();
    for (other, slot) in held {
        if wants_the_same(&certificate, &other) {
            partners.push(Partner {
                order: tx.running_order(other.id, algorithm).await?,
                certificate: other,
                slot,
            });
        }
    }
    Ok(Some(Group {
        certificate,
        slot,
        partners,
    }))
}

impl Drive<'_> {
    /// Begins, alone among its partners: the unit of work in which the order leaves `pending`; none when it is done
    /// already, because a partner's order served it before it could begin.
    pub(crate) async fn take_turn(&mut self) -> Result<Option<Tx>, Halt> {
        let mut tx = self.console.db.begin_write().await?;
        let group = hold(&mut tx, self.certificate.id, self.order.algorithm).await?;
        let group = group.ok_or(Halt::Lost)?;
        if !self.is_as_ordered(&group.certificate) {
            return Ok(Some(tx));
        }
        if self.is_served(&group.slot) {
            let note = Note::new("order.served", "No order is needed any more: it was served");
            self.persist(tx, OrderState::Done, OrderChange::Nothing, note)
                .await?;
            return Ok(None);
        }
        let goes_first =
            |(id, state): (OrderId, OrderState)| state != OrderState::Pending || id < self.order.id;
        if group
            .partners
            .iter()
            .filter_map(|partner| partner.order)
            .any(goes_first)
        {
            return Err(Halt::Wait(WAITING));
        }
        Ok(Some(tx))
    }

    /// Whether what the order was made for has been done meanwhile by another one.
    fn is_served(&self, slot: &Slot) -> bool {
        let is_due = slot
            .due
            .as_ref()
            .is_none_or(|due| due.at <= self.console.now());
        match self.order.reason.as_str() {
            "missing" => slot.active_version_id.is_some(),
            "floor" | "lifetime_fraction" | "renew_before" | "renewal_info" | "safety_limit" => {
                !is_due
            }
            // An operator wanted it, or something other than time asks for it.
            _ => false,
        }
    }

    /// Takes the version that a partner has, where that is newer and not due itself; then the order is done.
    pub(crate) async fn adopt(&mut self) -> Result<bool, Halt> {
        let algorithm = self.order.algorithm;
        let by_time = [
            "missing",
            "floor",
            "lifetime_fraction",
            "renew_before",
            "renewal_info",
            "safety_limit",
        ];
        if !by_time.contains(&self.order.reason.as_str()) || !self.is_as_ordered(&self.certificate)
        {
            return Ok(false);
        }
        let Some((partner, material)) = self.to_adopt().await? else {
            return Ok(false);
        };
        let mut tx = self.console.db.begin_write().await?;
        let group = hold(&mut tx, self.certificate.id, algorithm).await?;
        let group = group.ok_or(Halt::Lost)?;
        let still = group.partners.iter().any(|one| {
            one.certificate.id == partner.id
                && one.slot.active_version_id == Some(material.version.id)
        });
        if !still {
            return Ok(false);
        }
        let (version, revision) = copy(&mut tx, &group.certificate, &material).await?;
        let note = Note::new(
            "order.served",
            format!(
                "No order was needed: generation {} of \"{}\" serves both stores until {}",
                material.version.generation, partner.name, version.not_after
            ),
        )
        .with(
            json!({"version": version.id, "generation": version.generation,
                     "shared_with": [partner.name], "store_revision": revision}),
        );
        self.persist(tx, OrderState::Done, OrderChange::Nothing, note)
            .await?;
        if let Some(revision) = revision {
            self.console.store_changed(revision);
        }
        self.console.bells.renewal_info.notify_one();
        Ok(true)
    }

    async fn to_adopt(&self) -> Result<Option<(Certificate, Material)>, DbError> {
        let db = &self.console.db;
        let algorithm = self.order.algorithm;
        let partners = partners(db, &self.certificate).await?;
        if partners.is_empty() {
            return Ok(None);
        }
        let own = match db.slot(self.certificate.id, algorithm).await? {
            Some(slot) => active(db, &slot).await?,
            None => None,
        };
        for partner in partners {
            let Some(slot) = db.slot(partner.id, algorithm).await? else {
                continue;
            };
            let Some(version) = active(db, &slot).await? else {
                continue;
            };
            if !is_adoptable(&version, own.as_ref(), &slot, self.console.now())
                || version.vendor_id != Some(self.order.vendor_id)
            {
                continue;
            }
            let chain_pem = db.version_chain(version.id).await?;
            let key = db.version_key(version.id).await?;
            if let (Some(chain_pem), Some(key)) = (chain_pem, key) {
                let material = Material {
                    version,
                    chain_pem,
                    key: Some(key),
                };
                return Ok(Some((partner, material)));
            }
        }
        Ok(None)
    }

    /// Whether the certificate still wants what its order was made with.
    pub(crate) fn is_as_ordered(&self, certificate: &Certificate) -> bool {
        certificate.names == self.order.names
            && certificate.terms == self.order.terms
            && certificate.vendor_id == Some(self.order.vendor_id)
    }

    /// Puts what this order brought into force in its partners as well; answers their names and the store's revision.
    ///
    /// A manual certificate is left alone, unless it asked for an order itself.
    pub(crate) async fn serve_partners(
        &self,
        tx: &mut Tx,
        group: &Group,
        material: &Material,
    ) -> Result<(Vec<String>, Option<i64>), Halt> {
        let (mut served, mut revision) = (Vec::new(), None);
        if !self.is_as_ordered(&group.certificate) {
            return Ok((served, revision));
        }
        for partner in &group.partners {
            let pending = partner
                .order
                .filter(|(_, state)| *state == OrderState::Pending);
            let certificate = &partner.certificate;
            let wants = certificate.renewal_mode == RenewalMode::Automatic || pending.is_some();
            if !wants || (partner.order.is_some() && pending.is_none()) {
                continue;
            }
            let (version, taken) = copy(tx, certificate, material).await?;
            revision = taken.max(revision);
            let mut event = self.served_event(certificate, &version);
            if let Some((order, state)) = pending {
                tx.finish_order(order, state, OrderState::Done, None)
                    .await?;
                tx.remove_job(plan::ORDER_JOB, &order.to_string()).await?;
                event.order_id = Some(order);
                event.operation_id = self.operation_of(order).await?;
            }
            tx.add_event(&event).await?;
            served.push(certificate.name.clone());
        }
        Ok((served, revision))
    }

    async fn operation_of(
        &self,
        order: OrderId,
    ) -> Result<Option<evercert_types::OperationId>, DbError> {
        let order = self.console.db.order(order).await?;
        Ok(order.map(|order| order.operation_id))
    }

    fn served_event(&self, certificate: &Certificate, version: &Version) -> Event {
        let message = format!(
            "Generation {} is in force until {}: the order of \"{}\" serves both stores",
            version.generation, version.not_after, self.certificate.name
        );
        Event {
            level: Level::Info,
            detail: json!({"version": version.id, "generation": version.generation,
                           "algorithm": version.algorithm, "fingerprint": version.fingerprint,
                           "not_after": version.not_after, "issuer": version.issuer,
                           "order": self.order.id, "shared_with": [self.certificate.name]}),
            ..Event::new(
                self.console.now(),
                certificate.id,
                &certificate.name,
                "version.installed",
                message,
            )
        }
    }
}

async fn active(db: &Db, slot: &Slot) -> Result<Option<Version>, DbError> {
    match slot.active_version_id {
        Some(id) => db.version(id).await,
        None => Ok(None),
    }
}

/// Good, newer than one's own, and not about to be renewed.
fn is_adoptable(version: &Version, own: Option<&Version>, slot: &Slot, now: Timestamp) -> bool {
    version.state == VersionState::Good
        && version.not_after > now
        && slot.due.as_ref().is_none_or(|due| due.at > now)
        && own.is_none_or(|own| own.not_after < version.not_after)
}

/// Puts the same leaf into force in another certificate, as a version of its own.
async fn copy(
    tx: &mut Tx,
    certificate: &Certificate,
    material: &Material,
) -> Result<(Version, Option<i64>), DbError> {
    let algorithm = material.version.algorithm;
    let version = Version {
        id: VersionId::new(),
        certificate_id: certificate.id,
        generation: tx.next_generation(certificate.id, algorithm).await?,
        state: VersionState::Good,
        committed_at: tx.now(),
        ..material.version.clone()
    };
    let copied = Material {
        version,
        ..material.clone()
    };
    tx.insert_version(&copied).await?;
    let revision = activate(tx, certificate, &copied.version).await?;
    plan::after_install(tx, certificate, &copied.version).await?;
    Ok((copied.version, revision))
}
