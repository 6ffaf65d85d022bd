//! The audit log: append-only, each entry holding the hash of the one before.

use aws_lc_rs::digest::{Context, SHA256};
use evercert_types::AuditId;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::row::Fields as _;
use crate::{Db, DbError, Tx};

/// Name of the counter that numbers the entries.
const COUNTER: &str = "audit";
/// What stands as the hash before the first entry.
const GENESIS: &str = "";
/// How many entries are verified at a time.
const VERIFIED_AT_ONCE: i64 = 1000;

/// Something that somebody did.
#[derive(Clone, Debug)]
pub struct NewAuditEntry<'a> {
    /// `user:NAME`, `token:NAME`, `instance:NAME` or `console`.
    pub actor: &'a str,
    /// Such as `certificate.issue`.
    pub action: &'a str,
    /// What it was done to.
    pub subject: &'a str,
    /// Details without secrets.
    pub detail: &'a Value,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its number; the first is 1, and there are no gaps.
    pub seq: i64,
    /// Its id.
    pub id: AuditId,
    /// When it was done, to the second.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// Details.
    pub detail: Value,
    /// The hash of the entry before.
    pub previous_hash: String,
    /// SHA-256 over the entry and the hash before, hexadecimal.
    pub hash: String,
}

/// Whether the log is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerification {
    /// How many entries were found good, from the first on.
    pub verified: i64,
    /// The first that is not, and why.
    pub broken: Option<AuditBreak>,
}

/// Where the log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// Number of the entry.
    pub seq: i64,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Tx {
    /// Appends an entry, in the transaction of what it tells; returns its number.
    ///
    /// The counter's row stays locked until the transaction ends, so that entries follow one another.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn append_audit(&mut self, entry: &NewAuditEntry<'_>) -> Result<i64, DbError> {
        let seq = self.next_revision(COUNTER).await?;
        let query = sqlx::query("SELECT hash FROM audit WHERE seq = $1").bind(seq - 1);
        let row = self.one("reading the audit log", query).await?;
        let previous_hash = match row {
            Some(row) => row.text("hash")?,
            None => GENESIS.to_owned(),
        };
        let mut raw = RawEntry {
            seq,
            id: AuditId::new().to_string(),
            at: self.now().as_second(),
            actor: entry.actor.to_owned(),
            action: entry.action.to_owned(),
            subject: entry.subject.to_owned(),
            detail: entry.detail.to_string(),
            previous_hash,
            hash: String::new(),
        };
        raw.hash = raw.computed_hash();
        self.insert_audit(raw).await?;
        Ok(seq)
    }

    async fn insert_audit(&mut self, raw: RawEntry) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO audit (seq, id, at, actor, action, subject, detail, previous_hash, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(raw.seq)
        .bind(raw.id)
        .bind(raw.at)
        .bind(raw.actor)
        .bind(raw.action)
        .bind(raw.subject)
        .bind(raw.detail)
        .bind(raw.previous_hash)
        .bind(raw.hash);
        self.execute("writing to the audit log", query).await?;
        Ok(())
    }
}

impl Db {
    /// The entries before a number, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn audit_before(
        &self,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, DbError> {
        let query = sqlx::query(
            "SELECT seq, id, at, actor, action, subject, detail, previous_hash, hash FROM audit \
             WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit);
        let rows = self.rows("reading the audit log", query).await?;
        rows.iter().map(read_entry).collect()
    }

    /// Reads the whole log and computes every hash anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self) -> Result<AuditVerification, DbError> {
        let counted = self.audit_counter().await?;
        let (mut verified, mut hash) = (0, GENESIS.to_owned());
        loop {
            let page = self.raw_audit_after(verified).await?;
            let Some(last) = page.last().map(|raw| raw.seq) else {
                break;
            };
            for raw in page {
                if let Some(reason) = raw.fault(verified + 1, &hash) {
                    let broken = Some(AuditBreak {
                        seq: verified + 1,
                        reason,
                    });
                    return Ok(AuditVerification { verified, broken });
                }
                verified = raw.seq;
                hash = raw.hash;
            }
            if last < verified {
                break;
            }
        }
        let broken = (verified < counted).then_some(AuditBreak {
            seq: verified + 1,
            reason: "the entry is missing, and so are those after it",
        });
        Ok(AuditVerification { verified, broken })
    }

    async fn audit_counter(&self) -> Result<i64, DbError> {
        let query = sqlx::query("SELECT revision FROM store_state WHERE store = $1").bind(COUNTER);
        let row = self
            .one("reading the counter of the audit log", query)
            .await?;
        row.map_or(Ok(0), |row| row.int("revision"))
    }

    async fn raw_audit_after(&self, seq: i64) -> Result<Vec<RawEntry>, DbError> {
        let query = sqlx::query(
            "SELECT seq, id, at, actor, action, subject, detail, previous_hash, hash FROM audit \
             WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(seq)
        .bind(VERIFIED_AT_ONCE);
        let rows = self.rows("reading the audit log", query).await?;
        rows.iter().map(RawEntry::read).collect()
    }
}

/// An entry as it stands in the table: what the hash is computed over.
struct RawEntry {
    seq: i64,
    id: String,
    at: i64,
    actor: String,
    action: String,
    subject: String,
    detail: String,
    previous_hash: String,
    hash: String,
}

impl RawEntry {
    fn read(row: &AnyRow) -> Result<Self, DbError> {
        Ok(Self {
            seq: row.int("seq")?,
            id: row.text("id")?,
            at: row.int("at")?,
            actor: row.text("actor")?,
            action: row.text("action")?,
            subject: row.text("subject")?,
            detail: row.text("detail")?,
            previous_hash: row.text("previous_hash")?,
            hash: row.text("hash")?,
        })
    }

    fn fault(&self, seq: i64, previous_hash: &str) -> Option<&'static str> {
        if self.seq != seq {
            return Some("the entry is missing");
        }
        if self.previous_hash != previous_hash {
            return Some("the entry does not follow from the one before");
        }
        (self.hash != self.computed_hash()).then_some("the entry was changed")
    }

    /// SHA-256 over every field, each with its length in front: no two entries give the same octets.
    fn computed_hash(&self) -> String {
        let mut context = Context::new(&SHA256);
        for number in [self.seq, self.at] {
            context.update(&number.to_be_bytes());
        }
        for text in [
            &self.previous_hash,
            &self.id,
            &self.actor,
            &self.action,
            &self.subject,
            &self.detail,
        ] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        context
            .finish()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn read_entry(row: &AnyRow) -> Result<AuditEntry, DbError> {
    Ok(AuditEntry {
        seq: row.int("seq")?,
        id: row.parse("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json("detail")?,
        previous_hash: row.text("previous_hash")?,
        hash: row.text("hash")?,
    })
}
