//! Plans: when which slot is to be renewed, what hours are taken, and what people see of it in a calendar.

use std::collections::BTreeMap;

use evercert_types::{CertificateId, DomainName, KeyAlgorithm, OrderId, VendorId, VersionId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::slots::{Due, Slot, read_slot, slot_columns};
use crate::terms::Terms;

/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// What the planner decided about a slot.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// When it is due; none: the operator decides.
    pub due: Option<&'a Due>,
    /// Where the order will go.
    pub vendor: Option<VendorId>,
    /// The time from one renewal to the next.
    pub every: Option<SignedDuration>,
    /// Why, as JSON of the planner.
    pub detail: &'a Value,
}

/// What an order was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedAs {
    /// For which certificate.
    pub certificate_id: CertificateId,
    /// The names.
    pub names: Vec<DomainName>,
    /// The terms.
    pub terms: Terms,
}

/// Which planned renewals; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenewalFilter<'a> {
    /// Those due at this time or later.
    pub from: Option<Timestamp>,
    /// Those due before this time.
    pub to: Option<Timestamp>,
    /// Those of this vendor.
    pub vendor: Option<VendorId>,
    /// Those after this place in the list.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: u32,
}

/// A planned renewal.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRenewal {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its name.
    pub certificate: String,
    /// The key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Where the order will go, by name.
    pub vendor: Option<String>,
    /// When.
    pub due: Due,
    /// No order before this time.
    pub retry_at: Option<Timestamp>,
    /// When the version in force expires.
    pub not_after: Option<Timestamp>,
    /// Its place in the list, for the next page.
    pub place: String,
}

impl Tx {
    /// Writes down what was decided about a slot.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_plan(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        plan: &Plan<'_>,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET due_at = $3, due_reason = $4, due_vendor_id = $5, due_every = $6, \
             plan = $7, to_plan = 0 WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(plan.due.map(|due| due.at.as_second()))
        .bind(plan.due.map(|due| due.reason.clone()))
        .bind(plan.vendor.map(|id| id.to_string()))
        .bind(plan.every.map(|every| every.as_secs().max(1)))
        .bind(to_json(plan.detail)?);
        self.execute("planning a renewal", query).await.map(drop)
    }

    /// As [`Self::hold_slot`], where its plan was made from what has changed since; none when it was planned meanwhile.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn hold_slot_to_plan(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Slot>, DbError> {
        let query = sqlx::query(concat!(
            "UPDATE certificate_slots SET position = position WHERE certificate_id = $1 AND algorithm = $2 \
             AND to_plan = 1 RETURNING ",
            slot_columns!()
        ))
        .bind(id.to_string())
        .bind(algorithm.as_str());
        let row = self.one("holding a key slot to plan", query).await?;
        row.as_ref().map(read_slot).transpose()
    }

    /// Lets the planner look at every slot again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn plan_all_anew(&mut self) -> Result<u64, DbError> {
        let query = sqlx::query("UPDATE certificate_slots SET to_plan = 1 WHERE to_plan = 0");
        self.execute("planning all renewals anew", query).await
    }

    /// Lets the planner look at a certificate's slots again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn plan_certificate_anew(&mut self, id: CertificateId) -> Result<u64, DbError> {
        let query =
            sqlx::query("UPDATE certificate_slots SET to_plan = 1 WHERE certificate_id = $1")
                .bind(id.to_string());
        self.execute("planning a certificate anew", query).await
    }

    /// Lets the planner look at the slots of a vendor's certificates again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn plan_vendor_anew(&mut self, id: VendorId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET to_plan = 1 WHERE certificate_id IN \
             (SELECT id FROM certificates WHERE vendor_id = $1)",
        )
        .bind(id.to_string());
        self.execute("planning a vendor's renewals anew", query)
            .await
    }

    /// Lets the planner look again at the slot in which a version is in force.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn plan_version_anew(&mut self, id: VersionId) -> Result<u64, DbError> {
        let query =
            sqlx::query("UPDATE certificate_slots SET to_plan = 1 WHERE active_version_id = $1")
                .bind(id.to_string());
        self.execute("planning the renewal of a version anew", query)
            .await
    }

    /// How many orders are planned for a vendor in each hour (counted from 1970) from `from` until `to`, but for one
    /// slot.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_by_hour(
        &mut self,
        vendor: VendorId,
        span: (Timestamp, Timestamp),
        except: (CertificateId, KeyAlgorithm),
    ) -> Result<BTreeMap<i64, u32>, DbError> {
        let query = sqlx::query(
            "SELECT due_at / 3600 AS hour, count(*) AS n FROM certificate_slots \
             WHERE due_vendor_id = $1 AND due_at >= $2 AND due_at < $3 \
             AND NOT (certificate_id = $4 AND algorithm = $5) GROUP BY due_at / 3600",
        )
        .bind(vendor.to_string())
        .bind(span.0.as_second().div_euclid(HOUR) * HOUR)
        .bind((span.1.as_second().div_euclid(HOUR) + 1) * HOUR)
        .bind(except.0.to_string())
        .bind(except.1.as_str());
        let rows = self.rows("counting planned orders", query).await?;
        rows.iter()
            .map(|row| {
                let count = u32::try_from(row.count("n")?).unwrap_or(u32::MAX);
                Ok((row.int("hour")?, count))
            })
            .collect()
    }

    /// Orders an hour that all plans of a vendor come to in the long run, in millionths, and how many plans these are.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_load(&mut self, vendor: VendorId) -> Result<(u64, u64), DbError> {
        let query = sqlx::query(
            "SELECT CAST(coalesce(sum(3600000000 / due_every), 0) AS BIGINT) AS load, count(*) AS n \
             FROM certificate_slots WHERE due_vendor_id = $1 AND due_every > 0",
        )
        .bind(vendor.to_string());
        let row = self.one("adding up planned orders", query).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.count("load")?, row.count("n")?)))
    }

    /// Leaf and intermediates of a version in PEM, as this unit of work sees them.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn chain_of_version(&mut self, id: VersionId) -> Result<Option<String>, DbError> {
        let query =
            sqlx::query("SELECT chain_pem FROM versions WHERE id = $1").bind(id.to_string());
        let row = self.one("reading the chain of a version", query).await?;
        row.map(|row| row.text("chain_pem")).transpose()
    }

    /// What an order was made with.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn ordered_as(&mut self, id: OrderId) -> Result<Option<OrderedAs>, DbError> {
        let query = sqlx::query("SELECT certificate_id, names, terms FROM orders WHERE id = $1")
            .bind(id.to_string());
        let row = self.one("reading what was ordered", query).await?;
        row.map(|row| {
            Ok(OrderedAs {
                certificate_id: row.parse("certificate_id")?,
                names: row.json("names")?,
                terms: row.json("terms")?,
            })
        })
        .transpose()
    }

    /// A setting, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, DbError> {
        let query = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name.to_owned());
        let row = self.one("reading a setting", query).await?;
        row.map(|row| row.text("value")).transpose()
    }
}

impl Db {
    /// Slots whose plan was made from what has changed since; of those, any.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slots_to_plan(
        &self,
        limit: u32,
    ) -> Result<Vec<(CertificateId, KeyAlgorithm)>, DbError> {
        let query = sqlx::query(
            "SELECT certificate_id, algorithm FROM certificate_slots WHERE to_plan = 1 LIMIT $1",
        )
        .bind(i64::from(limit));
        let rows = self.rows("looking for renewals to plan", query).await?;
        rows.iter()
            .map(|row| Ok((row.parse("certificate_id")?, row.parse("algorithm")?)))
            .collect()
    }

    /// How many renewals of a vendor were ordered since a time.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn renewals_ordered_since(
        &self,
        vendor: VendorId,
        since: Timestamp,
    ) -> Result<u64, DbError> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM orders WHERE vendor_id = $1 AND created_at > $2 \
             AND reason <> 'missing'",
        )
        .bind(vendor.to_string())
        .bind(since.as_second());
        let row = self.one("counting recent orders", query).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// Planned renewals, the next first, a page at a time.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_renewals(
        &self,
        filter: &RenewalFilter<'_>,
    ) -> Result<Vec<PlannedRenewal>, DbError> {
        let (after_at, after_slot) = match filter.after.and_then(|place| place.split_once('.')) {
            Some((at, slot)) => (at.parse::<i64>().ok(), Some(slot.to_owned())),
            None => (None, None),
        };
        let query = sqlx::query(
            "SELECT s.certificate_id, s.algorithm, s.due_at, s.due_reason, s.retry_at, c.name, \
             a.name AS vendor, v.not_after FROM certificate_slots s \
             JOIN certificates c ON c.id = s.certificate_id LEFT JOIN ca_vendors a ON a.id = c.vendor_id \
             LEFT JOIN versions v ON v.id = s.active_version_id \
             WHERE s.due_at >= $1 AND s.due_at < $2 AND ($3 IS NULL OR c.vendor_id = $3) \
             AND ($4 IS NULL OR s.due_at > $4 \
             OR (s.due_at = $4 AND s.certificate_id || '.' || s.algorithm > $5)) \
             ORDER BY s.due_at, s.certificate_id || '.' || s.algorithm LIMIT $6",
        )
        .bind(filter.from.map_or(i64::MIN, Timestamp::as_second))
        .bind(filter.to.map_or(i64::MAX, Timestamp::as_second))
        .bind(filter.vendor.map(|id| id.to_string()))
        .bind(after_at)
        .bind(after_slot)
        .bind(i64::from(filter.limit));
        let rows = self.rows("reading planned renewals", query).await?;
        rows.iter().map(read).collect()
    }

    /// How many renewals are planned in each span of `every`, counted from 1970; spans without any are left out.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_by(
        &self,
        filter: &RenewalFilter<'_>,
        every: SignedDuration,
    ) -> Result<BTreeMap<Timestamp, u64>, DbError> {
        let every = every.as_secs().max(1);
        let query = sqlx::query(
            "SELECT s.due_at / $4 AS span, count(*) AS n FROM certificate_slots s \
             JOIN certificates c ON c.id = s.certificate_id \
             WHERE s.due_at >= $1 AND s.due_at < $2 AND ($3 IS NULL OR c.vendor_id = $3) GROUP BY 1",
        )
        .bind(filter.from.map_or(0, Timestamp::as_second))
        .bind(filter.to.map_or(i64::MAX, Timestamp::as_second))
        .bind(filter.vendor.map(|id| id.to_string()))
        .bind(every);
        let rows = self.rows("counting planned renewals", query).await?;
        rows.iter()
            .map(|row| {
                let start = span_start(row.int("span")?, every)?;
                Ok((start, row.count("n")?))
            })
            .collect()
    }

    /// Names of the first `most` certificates that are to be renewed in each span of `every`, counted from 1970.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_names(
        &self,
        filter: &RenewalFilter<'_>,
        every: SignedDuration,
        most: u32,
    ) -> Result<BTreeMap<Timestamp, Vec<String>>, DbError> {
        let every = every.as_secs().max(1);
        let query = sqlx::query(
            "SELECT e.span, e.name FROM (SELECT s.due_at / $4 AS span, c.name, row_number() OVER \
             (PARTITION BY s.due_at / $4 ORDER BY s.due_at, c.name) AS place FROM certificate_slots s \
             JOIN certificates c ON c.id = s.certificate_id WHERE s.due_at >= $1 AND s.due_at < $2 \
             AND ($3 IS NULL OR c.vendor_id = $3)) e WHERE e.place <= $5 ORDER BY e.span, e.place",
        )
        .bind(filter.from.map_or(0, Timestamp::as_second))
        .bind(filter.to.map_or(i64::MAX, Timestamp::as_second))
        .bind(filter.vendor.map(|id| id.to_string()))
        .bind(every)
        .bind(i64::from(most));
        let mut names: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
        for row in self.rows("reading planned renewals", query).await? {
            let start = span_start(row.int("span")?, every)?;
            names.entry(start).or_default().push(row.text("name")?);
        }
        Ok(names)
    }

    /// Orders an hour that all plans, or those of a vendor, come to in the long run, in millionths.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn planned_load(&self, vendor: Option<VendorId>) -> Result<u64, DbError> {
        let query = sqlx::query(
            "SELECT CAST(coalesce(sum(3600000000 / due_every), 0) AS BIGINT) AS load FROM certificate_slots \
             WHERE due_every > 0 AND due_vendor_id IS NOT NULL AND ($1 IS NULL OR due_vendor_id = $1)",
        )
        .bind(vendor.map(|id| id.to_string()));
        let row = self.one("adding up planned orders", query).await?;
        row.map_or(Ok(0), |row| row.count("load"))
    }

    /// The earliest instant at which a task will have something to do: a renewal, a job, a question to a CA.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn next_event(&self) -> Result<Option<Timestamp>, DbError> {
        let query = sqlx::query(
            "SELECT min(at) AS at FROM (SELECT min(CASE WHEN coalesce(retry_at, 0) > due_at THEN retry_at \
             ELSE due_at END) AS at FROM certificate_slots WHERE due_at IS NOT NULL UNION ALL \
             SELECT min(ari_poll_at) AS at FROM certificate_slots UNION ALL SELECT min(run_at) AS at FROM jobs) e",
        );
        let row = self.one("looking for what comes next", query).await?;
        row.map_or(Ok(None), |row| row.opt_time("at"))
    }
}

fn span_start(number: i64, every: i64) -> Result<Timestamp, DbError> {
    Timestamp::from_second(number.saturating_mul(every))
        .map_err(|e| DbError::inconsistent("reading column span", e.to_string()))
}

fn read(row: &AnyRow) -> Result<PlannedRenewal, DbError> {
    let (id, algorithm): (CertificateId, KeyAlgorithm) =
        (row.parse("certificate_id")?, row.parse("algorithm")?);
    let at = row.time("due_at")?;
    Ok(PlannedRenewal {
        certificate_id: id,
        certificate: row.text("name")?,
        algorithm,
        vendor: row.opt_text("vendor")?,
        due: Due {
            at,
            reason: row.opt_text("due_reason")?.unwrap_or_default(),
        },
        retry_at: row.opt_time("retry_at")?,
        not_after: row.opt_time("not_after")?,
        place: format!("{}.{id}.{algorithm}", at.as_second()),
    })
}
