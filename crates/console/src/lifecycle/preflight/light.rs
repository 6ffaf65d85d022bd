//! What every order checks first: names and mappings, from the database; CAA, while the account is made ready.

use std::time::Duration;

use evercert_acme::{Account, ChallengeType};
use evercert_db::vendors::Vendor;
use evercert_dns::{CaaTree, DnsError};
use serde_json::json;

use super::caa::{self, Finding, Question};
use super::{clock, names};
use crate::lifecycle::challenge::{Wish, unprovable};
use crate::lifecycle::failure::Failure;
use crate::lifecycle::issue::{Drive, Halt, Note};

/// An order does not wait longer than this for CAA records that it would only be warned of.
const CAA_LIMIT: Duration = Duration::from_secs(2);

impl Drive<'_> {
    /// What can be known without asking anybody; the vendor it is for.
    pub(crate) async fn check_wish(&self) -> Result<Vendor, Halt> {
        let db = &self.console.db;
        let vendor = db.vendor(self.order.vendor_id).await?;
        let vendor = vendor.ok_or_else(|| Failure::vendor_missing(self.order.vendor_id))?;
        let names = &self.order.names;
        if let Some(failure) = names::order_failure(&vendor, names, &self.order.reason) {
            return Err(failure.into());
        }
        let wish = Wish {
            names,
            terms: &self.order.terms,
            selector: &self.certificate.selector,
            store: self.certificate.store,
        };
        match unprovable(self.console, &wish).await? {
            Some(found) => Err(found.failure.into()),
            None => Ok(vendor),
        }
    }

    /// The CAA records of the names, where the CA says what it is called in them.
    pub(crate) async fn caa_tree(&self, vendor: &Vendor) -> Option<CaaTree> {
        if caa::identities(vendor).is_empty() || self.console.dns.is_silent(self.console.now()) {
            return None;
        }
        let resolver = caa::resolver(self.console, CAA_LIMIT).ok()?;
        let names = self.order.names.iter().map(|name| name.base());
        let tree = tokio::time::timeout(CAA_LIMIT, resolver.caa(names)).await;
        if tree.is_err() {
            self.console.dns.fell_silent(self.console.now());
            tracing::debug!(order.id = %self.order.id, "the CAA records were not found in time");
        }
        tree.ok()
    }

    /// What an operator should know, though the order goes on.
    pub(crate) fn warnings(
        &self,
        vendor: &Vendor,
        account: &Account,
        tree: Option<CaaTree>,
    ) -> Vec<Note> {
        let identities = caa::identities(vendor);
        let question = Question {
            identities: &identities,
            account: Some(account.url()),
            method: ChallengeType::Dns01.as_str(),
        };
        let mut notes = Vec::new();
        if let Some(tree) = &tree {
            for name in &self.order.names {
                if let Finding::Against { detail, remedy } | Finding::Broken { detail, remedy } =
                    question.judge(tree, name)
                {
                    notes.push(note("caa", &format!("{name}: {detail}"), &remedy));
                }
            }
        }
        let skew = account.client().clock_skew();
        if let Some((detail, remedy)) = skew.and_then(clock::warning) {
            notes.push(note("clock", &detail, remedy));
        }
        notes
    }

    /// Why a value was not written; where a signature is at fault, with what the CA's clock says.
    pub(crate) async fn write_failure(&self, error: &DnsError) -> Failure {
        let mut failure = Failure::dns_write(error);
        if !error.is_about_signature() {
            return failure;
        }
        let account = self.account().await.ok();
        let skew = account.and_then(|account| account.client().clock_skew());
        failure
            .message
            .push_str(&clock::verdict(error.fault(), skew));
        failure
    }
}

fn note(check: &str, message: &str, remedy: &str) -> Note {
    Note::new("order.preflight", message).with(json!({"check": check, "remedy": remedy}))
}
