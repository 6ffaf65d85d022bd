//! Certificates and their slots: one slot for each key algorithm, with its pointer to the active version and its plan.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use evercert_types::{
    CertificateId, DomainName, KeyAlgorithm, Labels, RenewalMode, Selector, StoreKind, VendorId,
    VersionId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Query, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

/// The named thing that lives for years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// Its unique name.
    pub name: String,
    /// Its store, for good.
    pub store: StoreKind,
    /// The names it is for.
    pub names: Vec<DomainName>,
    /// Who issues it; imported ones may have none.
    pub vendor_id: Option<VendorId>,
    /// Who starts its renewals.
    pub renewal_mode: RenewalMode,
    /// What happens to the key at a renewal.
    pub key_policy: KeyPolicy,
    /// ACME profile; `None`: the vendor's.
    pub profile: Option<String>,
    /// Which instances it goes to.
    pub selector: Selector,
    /// Free labels.
    pub labels: Labels,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What happens to the key at a renewal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPolicy {
    /// A new key each time.
    #[default]
    Rotate,
    /// The active version's key is used again.
    Reuse,
}

/// One key algorithm of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Whose it is.
    pub certificate_id: CertificateId,
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// The version in force.
    pub active_version_id: Option<VersionId>,
    /// When it is to be renewed, and why then.
    pub due: Option<Due>,
    /// What the CA's renewal information said last.
    pub ari: Option<Ari>,
    /// When the CA is to be asked for renewal information again.
    pub ari_poll_at: Option<Timestamp>,
    /// Failed orders since the last success.
    pub failures: u32,
    /// No order before this time.
    pub retry_at: Option<Timestamp>,
    /// What the last order failed with, as JSON of the API.
    pub last_error: Option<Value>,
}

/// When a slot is due, with the name of the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// Why then.
    pub reason: String,
}

/// A renewal window (RFC 9773 §4.2) and the instant chosen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ari {
    /// The window begins.
    pub start: Timestamp,
    /// The window ends.
    pub end: Timestamp,
    /// The random instant in it, chosen once.
    pub chosen: Timestamp,
    /// Where the CA explains it.
    pub explanation: Option<String>,
}

/// Which certificates a list is to hold; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateFilter<'a> {
    /// Those of this store.
    pub store: Option<StoreKind>,
    /// Those of this vendor.
    pub vendor_id: Option<VendorId>,
    /// Those whose own name, or one of whose DNS names, contains this text (any case).
    pub search: Option<&'a str>,
    /// Those whose name sorts after this one.
    pub after: Option<&'a str>,
    /// How many at most; 0: all.
    pub limit: u32,
}

/// A slot that an order is to be made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSlot {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// The key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Why it is due.
    pub reason: String,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, store, names, vendor_id, renewal_mode, key_policy, profile, selector, \
             labels, created_at, updated_at FROM certificates ",
            $tail
        )
    };
}

macro_rules! select_slot {
    ($tail:literal) => {
        concat!(
            "SELECT certificate_id, algorithm, active_version_id, due_at, due_reason, ari_start, \
             ari_end, ari_chosen, ari_explanation, ari_poll_at, failures, retry_at, last_error \
             FROM certificate_slots ",
            $tail
        )
    };
}

impl Tx {
    /// Adds a certificate with a slot for each algorithm, in that order.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_certificate(
        &mut self,
        certificate: &Certificate,
        algorithms: &[KeyAlgorithm],
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO certificates (id, name, store, names, vendor_id, renewal_mode, key_policy, \
             profile, selector, labels, created_at, updated_at, names_digest) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        );
        let query = bind_certificate(query, certificate)?;
        self.execute("saving a certificate", query).await?;
        for (position, algorithm) in (0i64..).zip(algorithms) {
            self.insert_slot(certificate.id, *algorithm, position)
                .await?;
        }
        Ok(())
    }

    /// Adds a slot, as an import of another algorithm does; nothing happens when it is there.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn insert_slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        position: i64,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO certificate_slots (certificate_id, algorithm, position) VALUES ($1, $2, $3) \
             ON CONFLICT (certificate_id, algorithm) DO NOTHING",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(position);
        self.execute("saving a key slot", query).await.map(drop)
    }

    /// Writes back what may change of a certificate: names, vendor, renewal mode, profile, scope, labels.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn update_certificate(&mut self, certificate: &Certificate) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificates SET names = $2, vendor_id = $3, renewal_mode = $4, profile = $5, \
             selector = $6, labels = $7, updated_at = $8, names_digest = $9 WHERE id = $1",
        )
        .bind(certificate.id.to_string())
        .bind(to_json(&certificate.names)?)
        .bind(certificate.vendor_id.map(|id| id.to_string()))
        .bind(certificate.renewal_mode.as_str())
        .bind(&certificate.profile)
        .bind(to_json(&certificate.selector)?)
        .bind(to_json(&certificate.labels)?)
        .bind(self.now().as_second())
        .bind(names_digest(&certificate.names));
        self.execute("changing a certificate", query)
            .await
            .map(drop)
    }

    /// Deletes a certificate with its slots, versions and orders; journal rows of TXT values stay.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn delete_certificate(&mut self, id: CertificateId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM certificates WHERE id = $1").bind(id.to_string());
        Ok(self.execute("deleting a certificate", query).await? == 1)
    }

    /// The certificate of an id, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate(&mut self, id: CertificateId) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// A slot, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Slot>, DbError> {
        let query = one_slot(id, algorithm);
        let row = self.one("reading a key slot", query).await?;
        row.as_ref().map(read_slot).transpose()
    }

    /// Puts a version into force: points the slot at it, forgets failures and what the CA said of the one before.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn activate_version(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        version: VersionId,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET active_version_id = $3, failures = 0, retry_at = NULL, \
             last_error = NULL, ari_start = NULL, ari_end = NULL, ari_chosen = NULL, \
             ari_explanation = NULL, ari_poll_at = NULL WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(version.to_string());
        self.execute("putting a version into force", query)
            .await
            .map(drop)
    }

    /// Writes down when a slot is due.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_due(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        due: Option<&Due>,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET due_at = $3, due_reason = $4 \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(due.map(|due| due.at.as_second()))
        .bind(due.map(|due| due.reason.clone()));
        self.execute("planning a renewal", query).await.map(drop)
    }

    /// Writes down what the CA's renewal information says, and when to ask again (`None`: never).
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_ari(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        ari: Option<&Ari>,
        poll_at: Option<Timestamp>,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET ari_start = $3, ari_end = $4, ari_chosen = $5, \
             ari_explanation = $6, ari_poll_at = $7 WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(ari.map(|ari| ari.start.as_second()))
        .bind(ari.map(|ari| ari.end.as_second()))
        .bind(ari.map(|ari| ari.chosen.as_second()))
        .bind(ari.and_then(|ari| ari.explanation.clone()))
        .bind(poll_at.map(Timestamp::as_second));
        self.execute("saving renewal information", query)
            .await
            .map(drop)
    }

    /// Writes down that an order of a slot failed, and when the next may be made.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_slot_failure(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        retry_at: Timestamp,
        error: &Value,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET failures = failures + 1, retry_at = $3, last_error = $4 \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(retry_at.as_second())
        .bind(to_json(error)?);
        self.execute("saving a failure", query).await.map(drop)
    }

    /// Lets slots that failed for their configuration be tried again at once, because it was changed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn clear_configuration_failures(&mut self) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET retry_at = NULL WHERE retry_at IS NOT NULL \
             AND last_error LIKE '%\"class\":\"configuration\"%'",
        );
        self.execute("letting failed certificates be tried again", query)
            .await
    }
}

impl Db {
    /// The certificate of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// The certificate of a name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate_by_name(&self, name: &str) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE name = $1")).bind(name);
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// Certificates by name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificates(
        &self,
        filter: CertificateFilter<'_>,
    ) -> Result<Vec<Certificate>, DbError> {
        let limit = match filter.limit {
            0 => i64::MAX,
            limit => i64::from(limit),
        };
        // Names are compared by bytes, whatever the database's locale: pages must fit together.
        let query = sqlx::query(self.engine().choose(
            select!(
                "WHERE ($1 IS NULL OR store = $1) AND ($2 IS NULL OR vendor_id = $2) \
                 AND ($3 IS NULL OR lower(name) LIKE $3 ESCAPE '!' OR names LIKE $3 ESCAPE '!') \
                 AND ($4 IS NULL OR name > $4) ORDER BY name LIMIT $5"
            ),
            select!(
                "WHERE ($1 IS NULL OR store = $1) AND ($2 IS NULL OR vendor_id = $2) \
                 AND ($3 IS NULL OR lower(name) LIKE $3 ESCAPE '!' OR names LIKE $3 ESCAPE '!') \
                 AND ($4 IS NULL OR name COLLATE \"C\" > $4) ORDER BY name COLLATE \"C\" LIMIT $5"
            ),
        ))
        .bind(filter.store.map(StoreKind::as_str))
        .bind(filter.vendor_id.map(|id| id.to_string()))
        .bind(filter.search.map(containing))
        .bind(filter.after.map(str::to_owned))
        .bind(limit);
        let rows = self.rows("reading certificates", query).await?;
        rows.iter().map(read).collect()
    }

    /// Names of the other certificates with the very same DNS names.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn duplicates_of(&self, certificate: &Certificate) -> Result<Vec<String>, DbError> {
        let query = sqlx::query(
            "SELECT name FROM certificates WHERE names_digest = $1 AND id <> $2 ORDER BY id",
        )
        .bind(names_digest(&certificate.names))
        .bind(certificate.id.to_string());
        let rows = self.rows("looking for duplicates", query).await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// A certificate's slots in order.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slots(&self, id: CertificateId) -> Result<Vec<Slot>, DbError> {
        let query = sqlx::query(select_slot!(
            "WHERE certificate_id = $1 ORDER BY position, algorithm"
        ))
        .bind(id.to_string());
        let rows = self.rows("reading key slots", query).await?;
        rows.iter().map(read_slot).collect()
    }

    /// One slot.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slot(
        &self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Slot>, DbError> {
        let row = self
            .one("reading a key slot", one_slot(id, algorithm))
            .await?;
        row.as_ref().map(read_slot).transpose()
    }

    /// Slots that an order is to be made for: due, not waiting after a failure, no order running; longest due first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn due_slots(&self, limit: u32) -> Result<Vec<DueSlot>, DbError> {
        let query = sqlx::query(
            "SELECT s.certificate_id, s.algorithm, s.due_reason FROM certificate_slots s \
             JOIN certificates c ON c.id = s.certificate_id \
             WHERE s.due_at <= $1 AND (s.retry_at IS NULL OR s.retry_at <= $1) \
             AND c.vendor_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM orders o \
             WHERE o.certificate_id = s.certificate_id AND o.algorithm = s.algorithm \
             AND o.finished_at IS NULL) ORDER BY s.due_at LIMIT $2",
        )
        .bind(self.now().as_second())
        .bind(i64::from(limit));
        let rows = self.rows("looking for due certificates", query).await?;
        rows.iter()
            .map(|row| {
                Ok(DueSlot {
                    certificate_id: row.parse("certificate_id")?,
                    algorithm: row.parse("algorithm")?,
                    reason: row.opt_text("due_reason")?.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Slots whose renewal information is to be asked for.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slots_to_poll(&self, limit: u32) -> Result<Vec<Slot>, DbError> {
        let query = sqlx::query(select_slot!(
            "WHERE ari_poll_at <= $1 AND active_version_id IS NOT NULL ORDER BY ari_poll_at LIMIT $2"
        ))
        .bind(self.now().as_second())
        .bind(i64::from(limit));
        let rows = self
            .rows("looking for renewal information to ask for", query)
            .await?;
        rows.iter().map(read_slot).collect()
    }
}

fn one_slot(id: CertificateId, algorithm: KeyAlgorithm) -> Query<'static> {
    sqlx::query(select_slot!("WHERE certificate_id = $1 AND algorithm = $2"))
        .bind(id.to_string())
        .bind(algorithm.as_str())
}

/// The same for the same set of names, whatever their order: SHA-256, hexadecimal.
fn names_digest(names: &[DomainName]) -> String {
    let sorted: BTreeSet<&str> = names.iter().map(DomainName::as_str).collect();
    let mut context = Context::new(&SHA256);
    for name in sorted {
        context.update(name.as_bytes());
        context.update(b"\n");
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// A LIKE pattern, with `!` as its escape character.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn bind_certificate<'q>(query: Query<'q>, certificate: &Certificate) -> Result<Query<'q>, DbError> {
    Ok(query
        .bind(certificate.id.to_string())
        .bind(certificate.name.clone())
        .bind(certificate.store.as_str())
        .bind(to_json(&certificate.names)?)
        .bind(certificate.vendor_id.map(|id| id.to_string()))
        .bind(certificate.renewal_mode.as_str())
        .bind(to_json(&certificate.key_policy)?)
        .bind(certificate.profile.clone())
        .bind(to_json(&certificate.selector)?)
        .bind(to_json(&certificate.labels)?)
        .bind(certificate.created_at.as_second())
        .bind(certificate.updated_at.as_second())
        .bind(names_digest(&certificate.names)))
}

fn read(row: &AnyRow) -> Result<Certificate, DbError> {
    Ok(Certificate {
        id: row.parse("id")?,
        name: row.text("name")?,
        store: row.parse("store")?,
        names: row.json("names")?,
        vendor_id: row.opt_parse("vendor_id")?,
        renewal_mode: row.parse("renewal_mode")?,
        key_policy: row.json("key_policy")?,
        profile: row.opt_text("profile")?,
        selector: row.json("selector")?,
        labels: row.json("labels")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_slot(row: &AnyRow) -> Result<Slot, DbError> {
    let failures = row.count("failures")?;
    Ok(Slot {
        certificate_id: row.parse("certificate_id")?,
        algorithm: row.parse("algorithm")?,
        active_version_id: row.opt_parse("active_version_id")?,
        due: read_due(row)?,
        ari: read_ari(row)?,
        ari_poll_at: row.opt_time("ari_poll_at")?,
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        retry_at: row.opt_time("retry_at")?,
        last_error: row.opt_json("last_error")?,
    })
}

fn read_due(row: &AnyRow) -> Result<Option<Due>, DbError> {
    let at = row.opt_time("due_at")?;
    let reason = row.opt_text("due_reason")?.unwrap_or_default();
    Ok(at.map(|at| Due { at, reason }))
}

fn read_ari(row: &AnyRow) -> Result<Option<Ari>, DbError> {
    let (start, end) = (row.opt_time("ari_start")?, row.opt_time("ari_end")?);
    let (Some(start), Some(end), Some(chosen)) = (start, end, row.opt_time("ari_chosen")?) else {
        return Ok(None);
    };
    Ok(Some(Ari {
        start,
        end,
        chosen,
        explanation: row.opt_text("ari_explanation")?,
    }))
}
