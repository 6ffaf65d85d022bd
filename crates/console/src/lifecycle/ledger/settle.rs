//! What became of an order, booked in the transaction that ends it.

use evercert_acme::vendors::LimitKind;
use evercert_db::{DbError, Tx};
use evercert_types::OrderState;

use super::price::one;
use super::rules::{Kind, rules};
use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::issue::Drive;

impl Drive<'_> {
    /// The CA has issued: the names are good, and their next order is a renewal.
    pub(crate) async fn settle_issued(&self, tx: &mut Tx) -> Result<(), DbError> {
        let Some(vendor) = tx.vendor(self.order.vendor_id).await? else {
            return Ok(());
        };
        let goods = self.goods();
        tx.note_issued(&vendor.directory_url, &goods.digest())
            .await?;
        let bases = goods.bases();
        for failing in tx.failing_names(vendor.id).await? {
            if bases.contains(&failing.name) {
                tx.clear_name(vendor.id, &failing.name).await?;
            }
        }
        Ok(())
    }

    /// The order came to nothing: what the CA has not counted is given back, and failed names are counted.
    pub(crate) async fn settle_failed(
        &self,
        tx: &mut Tx,
        failure: &Failure,
    ) -> Result<(), DbError> {
        self.give_back(tx, failure).await?;
        if failure.stage != Stage::Validation || failure.class != Class::Validation {
            return Ok(());
        }
        let Some(vendor) = tx.vendor(self.order.vendor_id).await? else {
            return Ok(());
        };
        let rules = rules(&vendor);
        let rule = rules.iter().find(|rule| rule.kind == Kind::Failures);
        let bases = self.goods().bases();
        for name in failure.names.iter().filter(|name| bases.contains(*name)) {
            tx.note_name_failure(vendor.id, name).await?;
            if let Some(rule) = rule {
                tx.spend_token(&one(&vendor, rule, name.clone())).await?;
            }
        }
        Ok(())
    }

    /// Certificates are counted when they are issued, orders when they are placed.
    pub(crate) async fn give_back(&self, tx: &mut Tx, failure: &Failure) -> Result<(), DbError> {
        if self.order.state >= OrderState::Finalizing {
            return Ok(());
        }
        let never_placed = self.order.order_url.is_none() && failure.class == Class::CaOutage;
        for draw in tx.drawn(self.order.id).await?.unwrap_or_default() {
            let is_order = draw.key.kind == LimitKind::NewOrdersPerAccount.as_str();
            if !is_order || never_placed {
                tx.return_token(&draw).await?;
            }
        }
        tx.set_drawn(self.order.id, None).await
    }
}
