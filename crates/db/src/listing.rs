//! Certificates as lists show them: filtered, sorted, a page at a time, each with its keys.

use std::collections::HashMap;

use evercert_types::{CertificateId, RenewalMode, Selector, StoreKind, VendorId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::certificates::{COLUMNS, Certificate, containing, read};
use crate::conditions::Conditions;
use crate::db::{Db, Query};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::slots::{Slot, read_slot};
use crate::versions::Version;

/// Certificates whose keys are read by one statement.
const BATCH: usize = 400;
/// Sorts after every time.
const LAST: &str = "9000000000000";

/// Which certificates a list is to hold, and in which order; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing<'a> {
    /// Those of these names.
    pub names: Option<&'a [String]>,
    /// Those of this store.
    pub store: Option<StoreKind>,
    /// Those of this vendor.
    pub vendor_id: Option<VendorId>,
    /// Those renewed so.
    pub mode: Option<RenewalMode>,
    /// Those whose own name, or one of whose DNS names, contains this text (any case).
    pub search: Option<&'a str>,
    /// Those of whose versions in force one has an issuer that contains this text (any case).
    pub issuer: Option<&'a str>,
    /// Those that carry all these labels.
    pub labels: Option<&'a Selector>,
    /// Those of whose versions in force one ends before this.
    pub expires_before: Option<Timestamp>,
    /// Those of which a key is due before this.
    pub due_before: Option<Timestamp>,
    /// In which order.
    pub order: ListOrder,
    /// Those after this place.
    pub after: Option<Place<'a>>,
    /// How many at most; 0: all.
    pub limit: u32,
}

/// The order of a list; the name, compared by bytes, breaks ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListOrder {
    /// By name.
    #[default]
    Name,
    /// What expires first comes first; what has no version comes last.
    NotAfter,
    /// What expires last comes first; what has no version comes last.
    NotAfterDescending,
    /// What is due first comes first; what is not planned comes last.
    DueAt,
    /// What is due last comes first; what is not planned comes last.
    DueAtDescending,
}

/// A place in a list: where its last entry stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The entry's [`Listed::sort_key`].
    pub sort_key: i64,
    /// Its name.
    pub name: &'a str,
}

/// A certificate with everything a list shows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The certificate.
    pub certificate: Certificate,
    /// Its keys in order.
    pub keys: Vec<ListedKey>,
    /// Whether another certificate has the very same names.
    pub is_duplicate: bool,
    /// Where it stands in the list's order.
    pub sort_key: i64,
}

/// One key of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedKey {
    /// The slot.
    pub slot: Slot,
    /// The version in force.
    pub active: Option<Version>,
    /// Failed attempts at the present step of the order that is running for it; none when there is no such order.
    pub running: Option<u32>,
}

/// Certificates that have the very same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicates {
    /// Their digest: the same for the same set of names.
    pub digest: String,
    /// The certificates, by name.
    pub certificates: Vec<Certificate>,
}

impl ListOrder {
    /// What is sorted by, smallest first, in terms of the certificate `c`.
    fn key(self) -> String {
        let sort = |aggregate: &str, sign: &str| {
            format!(
                "coalesce({sign}(SELECT {aggregate} FROM certificate_slots s LEFT JOIN versions v \
                 ON v.id = s.active_version_id WHERE s.certificate_id = c.id), {LAST})"
            )
        };
        match self {
            Self::Name => "CAST(0 AS BIGINT)".to_owned(),
            Self::NotAfter => sort("min(v.not_after)", ""),
            Self::NotAfterDescending => sort("min(v.not_after)", "-"),
            Self::DueAt => sort("min(s.due_at)", ""),
            Self::DueAtDescending => sort("min(s.due_at)", "-"),
        }
    }
}

/// Adds a condition on the slots and versions in force of the certificate `c`.
fn and_some_key(conditions: &mut Conditions, condition: &str) {
    conditions.and(&format!(
        "EXISTS (SELECT 1 FROM certificate_slots s LEFT JOIN versions v ON v.id = s.active_version_id \
         WHERE s.certificate_id = c.id AND {condition})"
    ));
}

impl Db {
    /// Certificates with their keys, as `listing` says.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn list_certificates(&self, listing: &Listing<'_>) -> Result<Vec<Listed>, DbError> {
        let query = self.page_query(listing)?;
        let rows = self.rows("listing certificates", query).await?;
        let mut listed = Vec::with_capacity(rows.len());
        for row in &rows {
            listed.push(Listed {
                certificate: read(row)?,
                keys: Vec::new(),
                is_duplicate: row.int("same_names")? > 1,
                sort_key: row.int("sort_key")?,
            });
        }
        for batch in listed.chunks_mut(BATCH) {
            self.read_keys(batch).await?;
        }
        Ok(listed)
    }

    fn page_query(&self, listing: &Listing<'_>) -> Result<Query<'static>, DbError> {
        // Names are compared by bytes, whatever the database's locale: pages must fit together.
        let name = self.engine().choose("name", "name COLLATE \"C\"");
        let mut conditions = self.conditions(listing)?;
        let inner = format!(
            "SELECT c.{columns}, {key} AS sort_key, (SELECT count(*) FROM certificates d \
             WHERE d.names_digest = c.names_digest) AS same_names FROM certificates c{conditions}",
            columns = COLUMNS.replace(", ", ", c."),
            key = listing.order.key(),
            conditions = conditions.sql(),
        );
        let mut sql = format!("SELECT * FROM ({inner}) f");
        if let Some(place) = listing.after {
            let key = conditions.number(place.sort_key);
            let last = conditions.text(place.name);
            sql += &format!(" WHERE sort_key > {key} OR (sort_key = {key} AND {name} > {last})");
        }
        sql += &format!(" ORDER BY sort_key, {name}");
        if listing.limit > 0 {
            sql += &format!(" LIMIT {}", listing.limit);
        }
        Ok(conditions.query(sql))
    }

    fn conditions(&self, listing: &Listing<'_>) -> Result<Conditions, DbError> {
        let mut all = Conditions::default();
        if let Some(names) = listing.names {
            all.and_in("c.name", names.iter().cloned());
        }
        if let Some(store) = listing.store {
            all.and_is("c.store", store.as_str());
        }
        if let Some(id) = listing.vendor_id {
            all.and_is("c.vendor_id", id.to_string());
        }
        if let Some(mode) = listing.mode {
            all.and_is("c.renewal_mode", mode.as_str());
        }
        if let Some(text) = listing.search {
            let like = all.text(containing(text));
            all.and(&format!(
                "(lower(c.name) LIKE {like} ESCAPE '!' OR c.names LIKE {like} ESCAPE '!')"
            ));
        }
        if let Some(text) = listing.issuer {
            let like = all.text(containing(text));
            and_some_key(&mut all, &format!("lower(v.issuer) LIKE {like} ESCAPE '!'"));
        }
        if let Some(at) = listing.expires_before {
            let value = all.time(at);
            and_some_key(&mut all, &format!("v.not_after < {value}"));
        }
        if let Some(at) = listing.due_before {
            let value = all.time(at);
            and_some_key(&mut all, &format!("s.due_at < {value}"));
        }
        for (key, value) in listing.labels.iter().flat_map(|labels| &labels.0) {
            // As the JSON of the column has it; a quotation mark inside of a value would stand escaped.
            let pair = all.text(format!("{}:{}", to_json(key)?, to_json(value)?));
            let position = self.engine().choose("instr", "strpos");
            all.and(&format!("{position}(c.labels, {pair}) > 0"));
        }
        Ok(all)
    }

    async fn read_keys(&self, listed: &mut [Listed]) -> Result<(), DbError> {
        let mut conditions = Conditions::default();
        let ids = listed.iter().map(|one| one.certificate.id.to_string());
        conditions.and_in("s.certificate_id", ids);
        let sql = format!(
            "SELECT s.certificate_id, s.algorithm, s.active_version_id, s.due_at, s.due_reason, s.ari_start, \
             s.ari_end, s.ari_chosen, s.ari_explanation, s.ari_poll_at, s.failures, s.retry_at, s.last_error, \
             s.ari_failures, CAST(NULL AS TEXT) AS plan, \
             v.id AS version_id, v.generation, v.fingerprint, v.serial, v.issuer, v.not_before, v.not_after, \
             v.vendor_id, v.order_id, v.state, v.committed_at_ms, \
             (SELECT max(o.attempt) FROM orders o WHERE o.certificate_id = s.certificate_id \
             AND o.algorithm = s.algorithm AND o.finished_at IS NULL) AS running \
             FROM certificate_slots s LEFT JOIN versions v ON v.id = s.active_version_id{} \
             ORDER BY s.position, s.algorithm",
            conditions.sql()
        );
        let rows = self
            .rows("reading the keys of certificates", conditions.query(sql))
            .await?;
        let mut keys: HashMap<CertificateId, Vec<ListedKey>> = HashMap::new();
        for row in &rows {
            let key = read_key(row)?;
            keys.entry(key.slot.certificate_id).or_default().push(key);
        }
        for one in listed {
            one.keys = keys.remove(&one.certificate.id).unwrap_or_default();
        }
        Ok(())
    }

    /// Every group of certificates with the very same names.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn duplicates(&self) -> Result<Vec<Duplicates>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS}, names_digest FROM certificates WHERE names_digest IN \
             (SELECT names_digest FROM certificates GROUP BY names_digest HAVING count(*) > 1) \
             ORDER BY names_digest, {}",
            self.engine().choose("name", "name COLLATE \"C\"")
        );
        let rows = self
            .rows("looking for duplicates", sqlx::query(AssertSqlSafe(sql)))
            .await?;
        let mut groups: Vec<Duplicates> = Vec::new();
        for row in &rows {
            let (digest, certificate) = (row.text("names_digest")?, read(row)?);
            match groups.last_mut().filter(|group| group.digest == digest) {
                Some(group) => group.certificates.push(certificate),
                None => groups.push(Duplicates {
                    digest,
                    certificates: vec![certificate],
                }),
            }
        }
        Ok(groups)
    }
}

fn read_key(row: &AnyRow) -> Result<ListedKey, DbError> {
    let slot = read_slot(row)?;
    let running = row.opt_int("running")?;
    Ok(ListedKey {
        active: read_active(row, &slot)?,
        running: running.map(|attempt| u32::try_from(attempt).unwrap_or(u32::MAX)),
        slot,
    })
}

fn read_active(row: &AnyRow, slot: &Slot) -> Result<Option<Version>, DbError> {
    let Some(id) = row.opt_parse("version_id")? else {
        return Ok(None);
    };
    Ok(Some(Version {
        id,
        certificate_id: slot.certificate_id,
        algorithm: slot.algorithm,
        generation: row.int("generation")?,
        fingerprint: row.parse("fingerprint")?,
        serial: row.text("serial")?,
        issuer: row.text("issuer")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        vendor_id: row.opt_parse("vendor_id")?,
        order_id: row.opt_parse("order_id")?,
        state: row.parse("state")?,
        committed_at: row.time_ms("committed_at_ms")?,
    }))
}
