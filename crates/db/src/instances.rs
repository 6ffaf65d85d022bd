//! Enrolled instances: who they are, what they carry, how far they have come.
//!
//! Every change of the register takes a revision of its own counter, so that other Consoles notice.

use evercert_types::{Fingerprint, InstanceId, Labels};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::{Fields as _, to_json};
use crate::store_items::INSTANCES;
use crate::{Db, DbError, Tx};

/// An enrolled instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// Its unique name.
    pub name: String,
    /// `adc` or `netscaler`.
    pub kind: String,
    /// Its labels.
    pub labels: Labels,
    /// Its program's version.
    pub agent_version: String,
    /// Random id of its last start.
    pub boot: Option<String>,
    /// SHA-256 of its newest identity certificate.
    pub identity_fingerprint: Fingerprint,
    /// When that ends.
    pub identity_not_after: Timestamp,
    /// What it has applied, as it reported.
    pub watermark: Watermark,
    /// When it was last heard of, to half a minute.
    pub last_seen_at: Option<Timestamp>,
    /// When it was enrolled.
    pub enrolled_at: Timestamp,
}

/// How far an instance has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// Epoch of the store.
    pub epoch: i64,
    /// Revision up to which everything is active, exceptions apart.
    pub revision: i64,
    /// Digest over the set it holds.
    pub digest: Option<String>,
    /// Up to which revision it shows the responses to challenges; none when its program does not know of them.
    pub challenge_revision: Option<i64>,
    /// After how many seconds it is heard of again at the latest, as it says.
    pub contact_secs: Option<i64>,
}

/// What an instance says of itself in a report.
#[derive(Clone, Debug)]
pub struct InstanceReport<'a> {
    /// Its program's version.
    pub agent_version: &'a str,
    /// Random id of its last start.
    pub boot: &'a str,
    /// What it has applied.
    pub watermark: &'a Watermark,
}

/// An instance to be enrolled.
#[derive(Clone, Debug)]
pub struct NewInstance<'a> {
    /// Its id, which its certificate carries already.
    pub id: InstanceId,
    /// Its name; must be unique.
    pub name: &'a str,
    /// `adc` or `netscaler`.
    pub kind: &'a str,
    /// Its labels.
    pub labels: &'a Labels,
    /// Its program's version.
    pub agent_version: &'a str,
    /// SHA-256 of its identity certificate.
    pub identity_fingerprint: Fingerprint,
    /// When that ends.
    pub identity_not_after: Timestamp,
}

impl Tx {
    /// The wanted name if no instance has it, else the first free of `name-2`, `name-3`, ….
    ///
    /// # Errors
    /// When the database fails.
    pub async fn free_instance_name(&mut self, wanted: &str) -> Result<String, DbError> {
        let mut name = wanted.to_owned();
        for number in 2u32.. {
            let query =
                sqlx::query("SELECT count(*) AS taken FROM instances WHERE name = $1").bind(&name);
            let row = self.one("looking for a free instance name", query).await?;
            if row.map_or(Ok(0), |row| row.int("taken"))? == 0 {
                break;
            }
            name = format!("{wanted}-{number}");
        }
        Ok(name)
    }

    /// Adds an instance.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_instance(&mut self, instance: &NewInstance<'_>) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO instances (id, name, kind, labels, agent_version, identity_fingerprint, \
               identity_not_after, enrolled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(instance.id.to_string())
        .bind(instance.name)
        .bind(instance.kind)
        .bind(to_json(instance.labels)?)
        .bind(instance.agent_version)
        .bind(instance.identity_fingerprint.to_string())
        .bind(instance.identity_not_after.as_second())
        .bind(self.now().as_second());
        self.execute("adding an instance", query).await?;
        self.next_revision(INSTANCES).await?;
        Ok(())
    }

    /// Removes an instance and what it reported; false when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_instance(&mut self, id: InstanceId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM instances WHERE id = $1").bind(id.to_string());
        let done = self.execute("removing an instance", query).await?;
        if done == 0 {
            return Ok(false);
        }
        self.next_revision(INSTANCES).await?;
        Ok(true)
    }

    /// Writes down an instance's next identity certificate; false when there is no such instance.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_instance_identity(
        &mut self,
        id: InstanceId,
        fingerprint: Fingerprint,
        not_after: Timestamp,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE instances SET identity_fingerprint = $2, identity_not_after = $3 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(fingerprint.to_string())
        .bind(not_after.as_second());
        let done = self.execute("saving an instance's identity", query).await?;
        Ok(done == 1)
    }

    /// Counts the register up, so that every Console looks at it and its settings again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn announce_instances(&mut self) -> Result<(), DbError> {
        self.next_revision(INSTANCES).await.map(drop)
    }

    /// Writes down how far an instance has come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_instance(
        &mut self,
        id: InstanceId,
        report: &InstanceReport<'_>,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE instances SET agent_version = $2, boot = $3, epoch = $4, revision = $5, digest = $6, \
               last_seen_at = $7, challenge_revision = $8, contact_secs = $9 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(report.agent_version)
        .bind(report.boot)
        .bind(report.watermark.epoch)
        .bind(report.watermark.revision)
        .bind(report.watermark.digest.as_deref())
        .bind(self.now().as_second())
        .bind(report.watermark.challenge_revision)
        .bind(report.watermark.contact_secs);
        let done = self
            .execute("saving how far an instance has come", query)
            .await?;
        Ok(done == 1)
    }

    /// Writes down when an instance was last heard of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_instance(&mut self, id: InstanceId, at: Timestamp) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE instances SET last_seen_at = $2 WHERE id = $1 AND (last_seen_at IS NULL OR last_seen_at < $2)")
            .bind(id.to_string())
            .bind(at.as_second());
        self.execute("saving when an instance was heard of", query)
            .await?;
        Ok(())
    }
}

impl Db {
    /// All instances, in the order of their enrolment.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn instances(&self) -> Result<Vec<Instance>, DbError> {
        let query = sqlx::query(
            "SELECT id, name, kind, labels, agent_version, boot, identity_fingerprint, identity_not_after, epoch, \
               revision, digest, challenge_revision, contact_secs, last_seen_at, enrolled_at FROM instances ORDER BY id",
        );
        let rows = self.rows("reading the instances", query).await?;
        rows.iter().map(read_instance).collect()
    }

    /// The instance of a name.
    ///
    /// # Errors
    /// When the database fails, or the row cannot be read.
    pub async fn instance_by_name(&self, name: &str) -> Result<Option<Instance>, DbError> {
        let query = sqlx::query(
            "SELECT id, name, kind, labels, agent_version, boot, identity_fingerprint, identity_not_after, epoch, \
               revision, digest, challenge_revision, contact_secs, last_seen_at, enrolled_at FROM instances WHERE name = $1",
        )
        .bind(name);
        let row = self.one("reading an instance", query).await?;
        row.as_ref().map(read_instance).transpose()
    }
}

fn read_instance(row: &AnyRow) -> Result<Instance, DbError> {
    Ok(Instance {
        id: row.parse("id")?,
        name: row.text("name")?,
        kind: row.text("kind")?,
        labels: row.json("labels")?,
        agent_version: row.text("agent_version")?,
        boot: row.opt_text("boot")?,
        identity_fingerprint: row.parse("identity_fingerprint")?,
        identity_not_after: row.time("identity_not_after")?,
        watermark: Watermark {
            epoch: row.int("epoch")?,
            revision: row.int("revision")?,
            digest: row.opt_text("digest")?,
            challenge_revision: row.opt_int("challenge_revision")?,
            contact_secs: row.opt_int("contact_secs")?,
        },
        last_seen_at: row.opt_time("last_seen_at")?,
        enrolled_at: row.time("enrolled_at")?,
    })
}
