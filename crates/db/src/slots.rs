//! Slots: one for each key algorithm of a certificate, with its pointer to the version in force and its plan.

use evercert_types::{CertificateId, KeyAlgorithm, Secret, VendorId, VersionId};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Query, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};

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
    /// Questions for renewal information in a row that were not answered usefully.
    pub ari_failures: u32,
    /// Why it is due when it is, as JSON of the planner; none until it was planned.
    pub plan: Option<Value>,
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

/// How many slots of a vendor an order is to be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The vendor.
    pub vendor_id: VendorId,
    /// All of them.
    pub due: u64,
    /// Those of them that cannot wait.
    pub urgent: u64,
}

/// What is due and may be ordered at `$1`.
macro_rules! from_due {
    () => {
        "FROM certificate_slots s JOIN certificates c ON c.id = s.certificate_id \
         LEFT JOIN versions v ON v.id = s.active_version_id \
         WHERE s.due_at <= $1 AND (s.retry_at IS NULL OR s.retry_at <= $1) \
         AND c.vendor_id IS NOT NULL AND c.paused = 0 AND NOT EXISTS (SELECT 1 FROM orders o \
         WHERE o.certificate_id = s.certificate_id AND o.algorithm = s.algorithm \
         AND o.finished_at IS NULL) "
    };
}

/// The columns that [`read_slot`] reads.
macro_rules! slot_columns {
    () => {
        "certificate_id, algorithm, active_version_id, due_at, due_reason, ari_start, ari_end, ari_chosen, \
         ari_explanation, ari_poll_at, failures, retry_at, last_error, ari_failures, plan "
    };
}
pub(crate) use slot_columns;

macro_rules! select_slot {
    ($tail:literal) => {
        concat!("SELECT ", slot_columns!(), "FROM certificate_slots ", $tail)
    };
}

impl Tx {
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

    /// A slot as it is now, locked until the end of the unit of work: what is decided by it stays true.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn hold_slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Slot>, DbError> {
        let query = sqlx::query(concat!(
            "UPDATE certificate_slots SET position = position WHERE certificate_id = $1 AND algorithm = $2 \
             RETURNING ",
            slot_columns!()
        ))
        .bind(id.to_string())
        .bind(algorithm.as_str());
        let row = self.one("holding a key slot", query).await?;
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
             ari_explanation = NULL, ari_poll_at = NULL, ari_failures = 0, due_at = NULL, \
             due_reason = NULL, plan = NULL, to_plan = 1 WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(version.to_string());
        self.execute("putting a version into force", query)
            .await
            .map(drop)
    }

    /// Points a slot at another version with the same leaf: its plan, and what the CA said of it, stay.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn repoint_slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        version: VersionId,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET active_version_id = $3 \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(version.to_string());
        self.execute("pointing a key slot at a version", query)
            .await
            .map(drop)
    }

    /// Writes down when a slot is due, before the planner says why: it plans the slot at its next run.
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
            "UPDATE certificate_slots SET due_at = $3, due_reason = $4, to_plan = 1 \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(due.map(|due| due.at.as_second()))
        .bind(due.map(|due| due.reason.clone()));
        self.execute("planning a renewal", query).await.map(drop)
    }

    /// Makes a slot due at once, because somebody asked for it: no wait after a failure holds it back.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn force_due(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        reason: &str,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET due_at = $3, due_reason = $4, retry_at = NULL \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(self.now().as_second())
        .bind(reason);
        self.execute("asking for a renewal", query).await.map(drop)
    }

    /// The reason why a slot is still due and not waiting after a failure, with the slot locked until the end of the
    /// unit of work; none when that was dealt with meanwhile.
    ///
    /// Whoever finishes an order changes the slot first: an order inserted under this lock meets the order that is
    /// running, or no order is needed.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn hold_due_slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<String>, DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET due_at = due_at WHERE certificate_id = $1 AND algorithm = $2 \
             AND due_at <= $3 AND (retry_at IS NULL OR retry_at <= $3) AND NOT EXISTS \
             (SELECT 1 FROM certificates c WHERE c.id = $1 AND c.paused = 1) RETURNING due_reason",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(self.now().as_second());
        let row = self.one("holding a due key slot", query).await?;
        row.map(|row| Ok(row.opt_text("due_reason")?.unwrap_or_default()))
            .transpose()
    }

    /// Writes down what the CA's renewal information says, and when to ask again (`None`: never); the slot's
    /// count of useless answers begins anew.
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
             ari_explanation = $6, ari_poll_at = $7, ari_failures = 0 WHERE certificate_id = $1 AND algorithm = $2",
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

    /// Counts a question for renewal information that was not answered usefully, and says when to ask again; what
    /// was known stays.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_ari_failure(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        poll_at: Timestamp,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET ari_failures = ari_failures + 1, ari_poll_at = $3 \
             WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(poll_at.as_second());
        self.execute("saving a failed question for renewal information", query)
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

    /// Takes back a failure that was foreseen and has not come.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn clear_foreseen_failure(&mut self, id: CertificateId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE certificate_slots SET failures = 0, retry_at = NULL, last_error = NULL \
             WHERE certificate_id = $1 AND last_error LIKE '%\"foreseen\":true%'",
        )
        .bind(id.to_string());
        self.execute("taking back a foreseen failure", query).await
    }
}

impl Tx {
    /// Lays down a private key (PKCS#8 DER) for the next order of a slot, sealed; none takes it away.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_slot_key(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
        key: Option<&Secret<Vec<u8>>>,
    ) -> Result<(), DbError> {
        let context = slot_key_context(id, algorithm);
        let sealed = key
            .map(|key| self.seal(&context, key.expose()))
            .transpose()?;
        let query = sqlx::query(
            "UPDATE certificate_slots SET key_sealed = $3 WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str())
        .bind(sealed);
        self.execute("laying down a private key", query)
            .await
            .map(drop)
    }

    /// Removes a slot; its versions stay in the history, its item in the zero-touch store is the caller's business.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn remove_slot(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "DELETE FROM certificate_slots WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str());
        self.execute("removing a key slot", query).await.map(drop)
    }
}

fn slot_key_context(id: CertificateId, algorithm: KeyAlgorithm) -> String {
    format!("certificate_slots.key/{id}/{algorithm}")
}

impl Db {
    /// The certificates whose last failure was foreseen (`"foreseen": true`), not met.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn foreseen_failures(&self) -> Result<Vec<CertificateId>, DbError> {
        let query = sqlx::query(
            "SELECT DISTINCT certificate_id FROM certificate_slots \
             WHERE last_error LIKE '%\"foreseen\":true%'",
        );
        let rows = self.rows("looking for foreseen failures", query).await?;
        rows.iter().map(|row| row.parse("certificate_id")).collect()
    }

    /// The private key (PKCS#8 DER) that was laid down for the next order of a slot.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn slot_key(
        &self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let query = sqlx::query(
            "SELECT key_sealed FROM certificate_slots WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str());
        let row = self.one("reading a private key laid down", query).await?;
        let sealed = row.map_or(Ok(None), |row| row.opt_text("key_sealed"))?;
        let context = slot_key_context(id, algorithm);
        sealed
            .map(|text| self.open_sealed(&context, &text))
            .transpose()
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

    /// Slots of a vendor that an order is to be made for: due, not waiting after a failure, no order running; those
    /// that expire first come first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn due_slots(&self, vendor: VendorId, limit: u32) -> Result<Vec<DueSlot>, DbError> {
        let query = sqlx::query(concat!(
            "SELECT s.certificate_id, s.algorithm, s.due_reason ",
            from_due!(),
            "AND c.vendor_id = $2 ORDER BY coalesce(v.not_after, 0), s.due_at, s.certificate_id LIMIT $3"
        ))
        .bind(self.now().as_second())
        .bind(vendor.to_string())
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

    /// How many slots an order is to be made for, by vendor.
    ///
    /// `urgent_before`: those that expire earlier, or have nothing in force, are counted as urgent.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn backlogs(&self, urgent_before: Timestamp) -> Result<Vec<Backlog>, DbError> {
        let query = sqlx::query(concat!(
            "SELECT c.vendor_id, count(*) AS due, \
             CAST(sum(CASE WHEN coalesce(v.not_after, 0) < $2 THEN 1 ELSE 0 END) AS BIGINT) AS urgent ",
            from_due!(),
            "GROUP BY c.vendor_id ORDER BY c.vendor_id"
        ))
        .bind(self.now().as_second())
        .bind(urgent_before.as_second());
        let rows = self.rows("counting due certificates", query).await?;
        rows.iter()
            .map(|row| {
                Ok(Backlog {
                    vendor_id: row.parse("vendor_id")?,
                    due: row.count("due")?,
                    urgent: row.count("urgent")?,
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

pub(crate) fn read_slot(row: &AnyRow) -> Result<Slot, DbError> {
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
        ari_failures: u32::try_from(row.count("ari_failures")?).unwrap_or(u32::MAX),
        plan: row.opt_json("plan")?,
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
