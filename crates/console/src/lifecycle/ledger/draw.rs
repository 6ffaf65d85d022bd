//! Taking what an order costs: all of it in one transaction before newOrder, or nothing and a time to come back.

use evercert_db::ledger::Draw;
use evercert_db::vendors::Vendor;
use evercert_db::{DbError, Tx};
use jiff::{SignedDuration, Timestamp};

use super::budget::{Ari, Line, exemption, line};
use super::price::{Goods, key, needed, price};
use super::rules::{Kind, Rule, rules};
use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::issue::{Drive, Halt};
use crate::lifecycle::policy::jitter_of;

/// Those who wait for one token come back over this span, and a little after it is there.
const SPREAD_SECS: f64 = 20.0;

impl Drive<'_> {
    /// The names and addresses that this order is for.
    pub(crate) fn goods(&self) -> Goods<'_> {
        Goods {
            names: &self.order.names,
            ips: &self.order.terms.ips,
        }
    }

    /// The vendor that this order is placed at.
    pub(crate) async fn vendor(&self) -> Result<Vendor, Halt> {
        let id = self.order.vendor_id;
        let vendor = self.console.db.vendor(id).await?;
        Ok(vendor.ok_or_else(|| Failure::vendor_missing(id))?)
    }

    /// Takes from the ledger what this order costs and has not taken yet; waits are no failures.
    pub(crate) async fn draw(&self, vendor: &Vendor, ari: Ari) -> Result<(), Halt> {
        let goods = self.goods();
        let exemption = exemption(self.console, vendor, goods, ari).await?;
        let rules = rules(vendor);
        let price = price(vendor, &rules, goods, exemption);
        let peeked = needed(vendor, &rules, goods);
        let mut tx = self.console.db.begin_write().await?;
        let drawn = tx.drawn(self.order.id).await?;
        let is_first = drawn.is_none();
        let mut drawn = drawn.unwrap_or_default();
        let now = self.console.now();
        let mut short = self.held(&mut tx, &drawn).await?;
        for draw in &peeked {
            let bucket = tx.bucket(&draw.key).await?;
            short.extend(line(draw, bucket.as_ref(), now).filter(|line| line.ready_at > now));
        }
        if is_first {
            short.extend(self.crowded(&mut tx, vendor, &rules).await?);
        }
        for draw in price {
            if drawn.iter().any(|former| former.key == draw.key) {
                continue;
            }
            if tx.take_token(&draw).await? {
                drawn.push(draw);
            } else {
                let bucket = tx.bucket(&draw.key).await?;
                short.extend(line(&draw, bucket.as_ref(), now));
            }
        }
        if let Some(worst) = short.iter().max_by_key(|line| line.ready_at) {
            drop(tx);
            return Err(self.wait_for(vendor, worst));
        }
        tx.set_drawn(self.order.id, Some(&drawn)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether it names the certificate it replaces, inside that one's window.
    pub(crate) async fn ari_now(&self) -> Result<Ari, DbError> {
        if self.order.replaces.is_none() {
            return Ok(Ari::No);
        }
        let db = &self.console.db;
        let slot = db.slot(self.certificate.id, self.order.algorithm).await?;
        let window = slot.and_then(|slot| slot.ari);
        let now = self.console.now();
        let inside = window.is_some_and(|ari| ari.start <= now && now < ari.end);
        Ok(if inside { Ari::InWindow } else { Ari::No })
    }

    /// Buckets taken from already that the CA has since asked to leave alone.
    async fn held(&self, tx: &mut Tx, drawn: &[Draw]) -> Result<Vec<Line>, DbError> {
        let now = self.console.now();
        let mut held = Vec::new();
        for draw in drawn {
            let Some(bucket) = tx.bucket(&draw.key).await? else {
                continue;
            };
            let Some(until) = bucket.held_until.filter(|until| *until > now) else {
                continue;
            };
            held.extend(line(draw, Some(&bucket), now).map(|line| Line {
                ready_at: until,
                ..line
            }));
        }
        Ok(held)
    }

    /// Whether as many orders are under way as the CA bears; the bucket's row makes Consoles count one after another.
    async fn crowded(
        &self,
        tx: &mut Tx,
        vendor: &Vendor,
        rules: &[Rule],
    ) -> Result<Option<Line>, DbError> {
        let Some(rule) = rules.iter().find(|rule| rule.kind == Kind::AtOnce) else {
            return Ok(None);
        };
        tx.lock_bucket(&key(vendor, Kind::AtOnce, String::new()))
            .await?;
        let under_way = tx.orders_under_way(vendor.id).await?;
        if under_way < u64::from(rule.burst) {
            return Ok(None);
        }
        Ok(Some(Line {
            kind: Kind::AtOnce,
            subject: String::new(),
            burst: rule.burst,
            left: 0,
            refill_secs: rule.refill_secs,
            ready_at: self.console.now() + SignedDuration::from_secs(rule.refill_secs.into()),
        }))
    }

    fn wait_for(&self, vendor: &Vendor, line: &Line) -> Halt {
        let spread =
            SPREAD_SECS.min(f64::from(line.refill_secs)) * jitter_of(&self.order.id.to_string());
        let until = later(line.ready_at, spread as i64 + 1);
        let code = format!("limit.{}", line.kind.as_str());
        let message = format!("The order waits: {}.", line.in_words());
        let mut failure =
            Failure::new(Stage::Ledger, Class::Transient, code, message).with_remedy(format!(
                "It goes on by itself. `evercert ca-vendor limits {}` shows what is left.",
                vendor.name
            ));
        failure.limited = true;
        Halt::Hold(until, failure)
    }
}

fn later(at: Timestamp, secs: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(secs))
        .unwrap_or(Timestamp::MAX)
}
