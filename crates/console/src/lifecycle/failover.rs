//! Fail-over: another CA vendor stands in when the first one does not deliver and little life is left.
//!
//! Only what is the CA's doing counts: outages, refusals for rate limits. The stand-in order is one like any other;
//! the certificate keeps its vendor and goes back to it at the next renewal.

use evercert_acme::ChallengeType;
use evercert_acme::vendors::Support;
use evercert_db::certificates::Certificate;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, Tx};
use evercert_types::ProfileMode;
use jiff::{SignedDuration, Timestamp};

use super::Actor;
use super::backoff::Life;
use super::failure::{Class, Failure, Stage};
use super::issue::Drive;
use super::ledger::breaker::{blocked_until, threshold};
use super::ledger::budget::{Ari, budget};
use super::ledger::rules::{described, rules};
use super::plan::{Wanted, WantedOrder, enqueue};
use super::preflight::caa::{self, Finding, Question};
use super::preflight::names;

/// Why a stand-in order is made.
pub(crate) const REASON: &str = "failover";

/// Failed orders of a vendor since its last success after which its error budget is spent.
const BUDGET: u64 = 3;

/// How long failures count against a vendor.
const COUNTED: SignedDuration = SignedDuration::from_hours(24);

/// A certificate that has never been issued waits so long for its first vendor.
const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// Who stands in, and for which certificate as it is ordered there.
#[derive(Debug)]
pub(crate) struct StandIn {
    vendor: Vendor,
    certificate: Certificate,
}

impl Drive<'_> {
    /// The vendor that stands in after this failure, if one may, is needed, and can.
    pub(crate) async fn stand_in(&self, failure: &Failure) -> Result<Option<StandIn>, DbError> {
        let Some(id) = self.certificate.terms.failover else {
            return Ok(None);
        };
        if id == self.order.vendor_id || self.order.reason == REASON || !is_the_cas_doing(failure) {
            return Ok(None);
        }
        let now = self.console.now();
        let db = &self.console.db;
        let spent = db
            .failures_of_vendor(self.order.vendor_id, since(now))
            .await?
            + 1
            >= BUDGET;
        if !self.is_urgent(now).await? || !(spent || failure.limited) {
            return Ok(None);
        }
        let Some(vendor) = db.vendor(id).await? else {
            return Ok(None);
        };
        if db.failures_of_vendor(id, since(now)).await? >= BUDGET {
            tracing::info!(
                vendor.name = vendor.name,
                "the stand-in vendor fails as well"
            );
            return Ok(None);
        }
        match self.unable(&vendor).await? {
            Some(why) => {
                tracing::warn!(
                    certificate.name = self.certificate.name,
                    vendor.name = vendor.name,
                    "no fail-over: {why}"
                );
                Ok(None)
            }
            None => Ok(Some(StandIn {
                certificate: self.as_ordered_at(&vendor),
                vendor,
            })),
        }
    }

    /// Less than a sixth of the life is left; or there is no version, and the first vendor had its time.
    async fn is_urgent(&self, now: Timestamp) -> Result<bool, DbError> {
        let db = &self.console.db;
        let slot = db.slot(self.certificate.id, self.order.algorithm).await?;
        let active = match slot.and_then(|slot| slot.active_version_id) {
            Some(id) => db.version(id).await?,
            None => {
                let asked = self.certificate.created_at;
                return Ok(asked.duration_until(now) >= FIRST_WAIT);
            }
        };
        Ok(active.is_some_and(|version| {
            let life = Life {
                not_before: version.not_before,
                not_after: version.not_after,
            };
            life.is_within_last(6, now)
        }))
    }

    /// Why a vendor cannot stand in for this order.
    async fn unable(&self, vendor: &Vendor) -> Result<Option<String>, DbError> {
        let db = &self.console.db;
        let account = db.account_of(vendor.id).await?;
        let Some(account_url) = account.and_then(|account| account.url) else {
            return Ok(Some("its account is not registered".to_owned()));
        };
        if let Some(failure) = names::order_failure(vendor, &self.order.names, REASON) {
            return Ok(Some(failure.message.clone()));
        }
        if let Some(why) = self.lacks(vendor) {
            return Ok(Some(why.to_owned()));
        }
        let (now, threshold) = (self.console.now(), threshold(&rules(vendor)));
        let bases = self.goods().bases();
        let failing = db.failing_names(vendor.id).await?;
        let blocked = failing.iter().find(|failing| {
            bases.contains(&failing.name) && blocked_until(failing, threshold, now).is_some()
        });
        if let Some(blocked) = blocked {
            return Ok(Some(format!("{} is left alone there", blocked.name)));
        }
        let terms = &self.order.terms;
        let found = budget(self.console, vendor, &self.order.names, &terms.ips, Ari::No).await?;
        if let Some(why) = found.in_words(now) {
            return Ok(Some(why));
        }
        Ok(self.forbidden_by_caa(vendor, &account_url).await)
    }

    fn lacks(&self, vendor: &Vendor) -> Option<&'static str> {
        let known = described(vendor);
        let says_no = |support: fn(&evercert_acme::vendors::Vendor) -> Support| {
            known.is_some_and(|known| support(known) == Support::No)
        };
        let wildcard = self.order.names.iter().any(|name| name.is_wildcard());
        let terms = &self.order.terms;
        let required = terms.profile_mode == ProfileMode::Required;
        let profile = self.certificate.profile.as_deref();
        if wildcard && says_no(|known| known.wildcard) {
            Some("it issues for no wildcard names")
        } else if !terms.ips.is_empty() && says_no(|known| known.ip_identifiers) {
            Some("it issues for no IP addresses")
        } else if required && profile.is_some_and(|profile| !offers(vendor, profile)) {
            Some("it does not offer the required profile")
        } else {
            None
        }
    }

    /// What CAA records say against the vendor; what cannot be looked up says nothing.
    async fn forbidden_by_caa(&self, vendor: &Vendor, account: &str) -> Option<String> {
        let tree = self.caa_tree(vendor).await?;
        let identities = caa::identities(vendor);
        let question = Question {
            identities: &identities,
            account: Some(account),
            method: ChallengeType::Dns01.as_str(),
        };
        self.order
            .names
            .iter()
            .find_map(|name| match question.judge(&tree, name) {
                Finding::Against { detail, .. } => Some(format!("{name}: {detail}")),
                _ => None,
            })
    }

    /// The certificate with the profile that this vendor offers, if it offers that of the first.
    fn as_ordered_at(&self, vendor: &Vendor) -> Certificate {
        let mut certificate = self.certificate.clone();
        certificate.profile = certificate
            .profile
            .filter(|profile| offers(vendor, profile));
        certificate
    }
}

impl StandIn {
    /// Who stands in.
    pub(crate) fn vendor_name(&self) -> &str {
        &self.vendor.name
    }

    /// Orders at the stand-in, in the transaction that ends the first order.
    pub(crate) async fn order(&self, tx: &mut Tx, drive: &Drive<'_>) -> Result<(), DbError> {
        let order = WantedOrder {
            algorithm: drive.order.algorithm,
            reason: REASON.to_owned(),
            // Another account cannot say which certificate of the first it replaces.
            replaces: None,
        };
        let wanted = Wanted {
            kind: REASON,
            actor: &Actor::console(),
            certificate: &self.certificate,
            vendor: &self.vendor,
            orders: vec![order],
        };
        enqueue(tx, &wanted).await.map(drop)
    }
}

fn offers(vendor: &Vendor, profile: &str) -> bool {
    let offered = vendor.capabilities["profiles"].as_array();
    offered.is_some_and(|offered| offered.iter().any(|one| one.as_str() == Some(profile)))
}

fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(COUNTED).unwrap_or(Timestamp::MIN)
}

/// Whether a failure is the CA's doing: not a name's, not DNS', not the configuration's.
fn is_the_cas_doing(failure: &Failure) -> bool {
    let passes = match failure.class {
        Class::CaOutage => true,
        Class::Transient => failure.limited || failure.unfinished,
        Class::Validation | Class::Configuration => false,
    };
    let at_the_ca = matches!(
        failure.stage,
        Stage::Ledger | Stage::Account | Stage::Order | Stage::Finalize | Stage::Download
    );
    passes && at_the_ca
}
