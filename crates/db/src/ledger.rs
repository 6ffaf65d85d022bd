//! Rate limits of CAs as token buckets: taken from in one statement each, so that several Consoles never overdraw.
//!
//! A bucket is one number, the instant at which it will be full again. A token moves that instant one refill
//! ahead; it can be taken while the instant stays within `burst` refills of now.

use evercert_types::{OrderId, VendorId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::db::{Db, Query, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// Which bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BucketKey {
    /// A vendor id where the CA counts by account, else a directory URL.
    pub scope: String,
    /// The limit, such as `new_orders`.
    pub kind: String,
    /// What the CA counts: nothing, a registered domain, a set of names, a name.
    pub subject: String,
}

/// One token of a bucket, with the bucket's size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Draw {
    /// Which bucket.
    #[serde(flatten)]
    pub key: BucketKey,
    /// How many tokens it holds when full.
    pub burst: u32,
    /// Seconds until one token has come back.
    pub refill_secs: u32,
}

/// How full a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which one.
    pub key: BucketKey,
    /// When it will be full again.
    pub full_at: Timestamp,
    /// Until when the CA wants to be left alone.
    pub held_until: Option<Timestamp>,
}

/// An order that waits for its next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingOrder {
    /// Name of its certificate.
    pub certificate: String,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

impl Draw {
    /// The time in which a token comes back.
    pub fn refill(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.refill_secs))
    }

    /// When a token can be had of a bucket in this state; `now` or before: at once.
    pub fn ready_at(&self, bucket: Option<&Bucket>, now: Timestamp) -> Timestamp {
        let Some(bucket) = bucket else { return now };
        let full_at = bucket.full_at.max(now);
        let free = full_at + self.refill() - self.refill() * burst(self.burst);
        free.max(bucket.held_until.unwrap_or(now))
    }

    /// How many tokens a bucket in this state has.
    pub fn left(&self, bucket: Option<&Bucket>, now: Timestamp) -> u32 {
        let debt = bucket.map_or(SignedDuration::ZERO, |bucket| {
            now.duration_until(bucket.full_at)
        });
        let refill = i64::from(self.refill_secs).max(1) * 1_000;
        let taken = i64::try_from(debt.as_millis()).unwrap_or(i64::MAX).max(0);
        let used = u32::try_from(taken.saturating_add(refill - 1) / refill).unwrap_or(u32::MAX);
        self.burst.saturating_sub(used)
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT scope, kind, subject, full_at_ms, held_until FROM limit_buckets ",
            $tail
        )
    };
}

impl Tx {
    /// Takes a token if there is one and the CA does not want to be left alone; `false` when not.
    ///
    /// Take from several buckets in the order of their keys: two units of work then never wait for each other.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn take_token(&mut self, draw: &Draw) -> Result<bool, DbError> {
        let now = self.now().as_millisecond();
        let refill = i64::from(draw.refill_secs) * 1_000;
        let query = sqlx::query(
            "INSERT INTO limit_buckets (scope, kind, subject, full_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (scope, kind, subject) DO UPDATE SET full_at_ms = \
             CASE WHEN limit_buckets.full_at_ms > $5 THEN limit_buckets.full_at_ms + $6 ELSE $4 END \
             WHERE (limit_buckets.held_until IS NULL OR limit_buckets.held_until <= $7) \
             AND limit_buckets.full_at_ms + $6 <= $8",
        )
        .bind(draw.key.scope.clone())
        .bind(draw.key.kind.clone())
        .bind(draw.key.subject.clone())
        .bind(now + refill)
        .bind(now)
        .bind(refill)
        .bind(self.now().as_second())
        .bind(now + refill * i64::from(draw.burst.max(1)));
        Ok(self.execute("taking from a rate limit", query).await? == 1)
    }

    /// Takes a token whether or not there is one: what happened at the CA has happened.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn spend_token(&mut self, draw: &Draw) -> Result<(), DbError> {
        let now = self.now().as_millisecond();
        let refill = i64::from(draw.refill_secs) * 1_000;
        let query = sqlx::query(
            "INSERT INTO limit_buckets (scope, kind, subject, full_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (scope, kind, subject) DO UPDATE SET full_at_ms = \
             CASE WHEN limit_buckets.full_at_ms > $5 THEN limit_buckets.full_at_ms + $6 ELSE $4 END",
        )
        .bind(draw.key.scope.clone())
        .bind(draw.key.kind.clone())
        .bind(draw.key.subject.clone())
        .bind(now + refill)
        .bind(now)
        .bind(refill);
        self.execute("spending a rate limit", query).await.map(drop)
    }

    /// Gives back a token that was not used after all.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn return_token(&mut self, draw: &Draw) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE limit_buckets SET full_at_ms = full_at_ms - $4 \
             WHERE scope = $1 AND kind = $2 AND subject = $3",
        )
        .bind(draw.key.scope.clone())
        .bind(draw.key.kind.clone())
        .bind(draw.key.subject.clone())
        .bind(i64::from(draw.refill_secs) * 1_000);
        self.execute("giving back to a rate limit", query)
            .await
            .map(drop)
    }

    /// Takes nothing from a bucket before `until`, as the CA said; a later word stands.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn hold_tokens(&mut self, key: &BucketKey, until: Timestamp) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO limit_buckets (scope, kind, subject, full_at_ms, held_until) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (scope, kind, subject) DO UPDATE SET held_until = \
             CASE WHEN limit_buckets.held_until > $5 THEN limit_buckets.held_until ELSE $5 END",
        )
        .bind(key.scope.clone())
        .bind(key.kind.clone())
        .bind(key.subject.clone())
        .bind(self.now().as_millisecond())
        .bind(until.as_second());
        self.execute("holding a rate limit", query).await.map(drop)
    }

    /// Locks a bucket until the end of the unit of work: who locks it next waits.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn lock_bucket(&mut self, key: &BucketKey) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO limit_buckets (scope, kind, subject, full_at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (scope, kind, subject) DO UPDATE SET kind = excluded.kind",
        )
        .bind(key.scope.clone())
        .bind(key.kind.clone())
        .bind(key.subject.clone())
        .bind(self.now().as_millisecond());
        self.execute("locking a rate limit", query).await.map(drop)
    }

    /// How many orders a vendor has that took from the ledger and are not issued yet.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn orders_under_way(&mut self, vendor: VendorId) -> Result<u64, DbError> {
        let row = self.one("counting orders", count_under_way(vendor)).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// Forgets what a CA said to wait for at a scope; what was taken stays taken.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn release_holds(&mut self, scope: &str) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE limit_buckets SET held_until = NULL WHERE scope = $1 AND held_until IS NOT NULL",
        )
        .bind(scope.to_owned());
        self.execute("releasing rate limits", query).await
    }

    /// One bucket as this unit of work sees it; none: full.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn bucket(&mut self, key: &BucketKey) -> Result<Option<Bucket>, DbError> {
        let row = self.one("reading a rate limit", one_bucket(key)).await?;
        row.as_ref().map(read).transpose()
    }

    /// Remembers what an order took; none: it has given everything back.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_drawn(&mut self, id: OrderId, drawn: Option<&[Draw]>) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE orders SET drawn = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(drawn.map(|drawn| to_json(&drawn)).transpose()?);
        self.execute("saving what an order took", query)
            .await
            .map(drop)
    }

    /// What an order took; none before it did.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn drawn(&mut self, id: OrderId) -> Result<Option<Vec<Draw>>, DbError> {
        let query = sqlx::query("SELECT drawn FROM orders WHERE id = $1").bind(id.to_string());
        let row = self.one("reading what an order took", query).await?;
        row.map_or(Ok(None), |row| row.opt_json("drawn"))
    }

    /// Notes that a CA issued for a set of names.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_issued(&mut self, directory_url: &str, digest: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO issued_sets (directory_url, names_digest, issued_at) VALUES ($1, $2, $3) \
             ON CONFLICT (directory_url, names_digest) DO UPDATE SET issued_at = excluded.issued_at",
        )
        .bind(directory_url.to_owned())
        .bind(digest.to_owned())
        .bind(self.now().as_second());
        self.execute("noting an issuance", query).await.map(drop)
    }
}

impl Db {
    /// One bucket; none: full.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn bucket(&self, key: &BucketKey) -> Result<Option<Bucket>, DbError> {
        let row = self.one("reading a rate limit", one_bucket(key)).await?;
        row.as_ref().map(read).transpose()
    }

    /// The buckets of two scopes that are not full or that the CA holds, by kind and subject.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn buckets(&self, scopes: [&str; 2]) -> Result<Vec<Bucket>, DbError> {
        let [one, other] = scopes.map(str::to_owned);
        let query = sqlx::query(select!(
            "WHERE scope IN ($1, $2) AND (full_at_ms > $3 OR held_until > $4) ORDER BY kind, subject"
        ))
        .bind(one)
        .bind(other)
        .bind(self.now().as_millisecond())
        .bind(self.now().as_second());
        let rows = self.rows("reading rate limits", query).await?;
        rows.iter().map(read).collect()
    }

    /// How many orders a vendor has that took from the ledger and are not issued yet.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn orders_under_way(&self, vendor: VendorId) -> Result<u64, DbError> {
        let row = self.one("counting orders", count_under_way(vendor)).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// How many orders of a vendor failed by the CA's doing after `since` and after its last success.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn failures_of_vendor(
        &self,
        vendor: VendorId,
        since: Timestamp,
    ) -> Result<u64, DbError> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM orders WHERE vendor_id = $1 AND state = 'failed' \
             AND finished_at >= $2 AND error LIKE '%\"class\":\"ca_outage\"%' \
             AND finished_at >= coalesce((SELECT max(d.finished_at) FROM orders d \
             WHERE d.vendor_id = $1 AND d.state = 'done'), 0)",
        )
        .bind(vendor.to_string())
        .bind(since.as_second());
        let row = self.one("counting a vendor's failures", query).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// Orders of a vendor that wait for their next step, soonest first, at most 500.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn waiting_orders(&self, vendor: VendorId) -> Result<Vec<WaitingOrder>, DbError> {
        let query = sqlx::query(
            "SELECT c.name, j.run_at, j.last_error FROM orders o JOIN jobs j ON j.subject = o.id \
             JOIN certificates c ON c.id = o.certificate_id \
             WHERE o.vendor_id = $1 AND o.finished_at IS NULL AND j.run_at > $2 \
             AND j.last_error IS NOT NULL ORDER BY j.run_at, c.name LIMIT 500",
        )
        .bind(vendor.to_string())
        .bind(self.now().as_second());
        let rows = self.rows("looking for waiting orders", query).await?;
        rows.iter()
            .map(|row| {
                Ok(WaitingOrder {
                    certificate: row.text("name")?,
                    until: row.time("run_at")?,
                    reason: row.text("last_error")?,
                })
            })
            .collect()
    }

    /// When a CA last issued for a set of names.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn issued_at(
        &self,
        directory_url: &str,
        digest: &str,
    ) -> Result<Option<Timestamp>, DbError> {
        let query = sqlx::query(
            "SELECT issued_at FROM issued_sets WHERE directory_url = $1 AND names_digest = $2",
        )
        .bind(directory_url.to_owned())
        .bind(digest.to_owned());
        let row = self.one("looking for an issuance", query).await?;
        row.map(|row| row.time("issued_at")).transpose()
    }

    /// Removes buckets that are full, and issuances before `oldest`; answers how many rows went.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn prune_ledger(&self, oldest: Timestamp) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM limit_buckets WHERE full_at_ms <= $1 AND (held_until IS NULL OR held_until <= $2)",
        )
        .bind(self.now().as_millisecond())
        .bind(self.now().as_second());
        let full = self.execute("tidying up rate limits", query).await?;
        let query =
            sqlx::query("DELETE FROM issued_sets WHERE issued_at < $1").bind(oldest.as_second());
        Ok(full + self.execute("tidying up issuances", query).await?)
    }
}

fn burst(tokens: u32) -> i32 {
    i32::try_from(tokens.max(1)).unwrap_or(i32::MAX)
}

fn count_under_way(vendor: VendorId) -> Query<'static> {
    sqlx::query(
        "SELECT count(*) AS n FROM orders WHERE vendor_id = $1 AND finished_at IS NULL \
         AND drawn IS NOT NULL AND certificate_url IS NULL",
    )
    .bind(vendor.to_string())
}

fn one_bucket(key: &BucketKey) -> Query<'static> {
    sqlx::query(select!("WHERE scope = $1 AND kind = $2 AND subject = $3"))
        .bind(key.scope.clone())
        .bind(key.kind.clone())
        .bind(key.subject.clone())
}

fn read(row: &AnyRow) -> Result<Bucket, DbError> {
    Ok(Bucket {
        key: BucketKey {
            scope: row.text("scope")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
        },
        full_at: row.time_ms("full_at_ms")?,
        held_until: row.opt_time("held_until")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw() -> Draw {
        let key = BucketKey {
            scope: "s".to_owned(),
            kind: "k".to_owned(),
            subject: String::new(),
        };
        Draw {
            key,
            burst: 3,
            refill_secs: 10,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn bucket(full_at: i64, held: Option<i64>) -> Bucket {
        Bucket {
            key: draw().key,
            full_at: at(full_at),
            held_until: held.map(at),
        }
    }

    #[test]
    fn a_bucket_says_what_is_left_and_when_the_next_comes() {
        let draw = draw();

        assert_eq!(draw.left(None, at(100)), 3);
        assert_eq!(draw.left(Some(&bucket(110, None)), at(100)), 2);
        assert_eq!(draw.left(Some(&bucket(130, None)), at(100)), 0);
        assert_eq!(draw.left(Some(&bucket(150, None)), at(100)), 0);
        assert_eq!(draw.left(Some(&bucket(90, None)), at(100)), 3);
        assert!(draw.ready_at(Some(&bucket(120, None)), at(100)) <= at(100));
        assert_eq!(draw.ready_at(Some(&bucket(130, None)), at(100)), at(110));
        assert_eq!(
            draw.ready_at(Some(&bucket(90, Some(200))), at(100)),
            at(200)
        );
    }
}
