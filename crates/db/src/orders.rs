//! Orders, persisted after every step: each step is a compare-and-set on the state, so that of two
//! workers at one order only one goes on.

use evercert_types::{
    CertificateId, DomainName, KeyAlgorithm, OperationId, OrderId, OrderState, Secret, VendorId,
};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::terms::Terms;

/// One order, as the Console drives it; its key is read by [`Db::order_key`].
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The operation it belongs to.
    pub operation_id: OperationId,
    /// The certificate it is for.
    pub certificate_id: CertificateId,
    /// The key algorithm it is for.
    pub algorithm: KeyAlgorithm,
    /// Who issues.
    pub vendor_id: VendorId,
    /// Why it was made: the renewal policy's reason.
    pub reason: String,
    /// The last persisted step.
    pub state: OrderState,
    /// The names ordered.
    pub names: Vec<DomainName>,
    /// ACME profile asked for.
    pub profile: Option<String>,
    /// ARI id of the certificate it replaces (RFC 9773 §5).
    pub replaces: Option<String>,
    /// The certificate's terms when it was made.
    pub terms: Terms,
    /// URL at the CA.
    pub order_url: Option<String>,
    /// Where to finalize.
    pub finalize_url: Option<String>,
    /// Where the certificate is.
    pub certificate_url: Option<String>,
    /// When the CA gives it up.
    pub expires_at: Option<Timestamp>,
    /// The CSR, base64 DER.
    pub csr: Option<String>,
    /// The chain, in PEM.
    pub chain_pem: Option<String>,
    /// Attempts at the present step that failed.
    pub attempt: u32,
    /// What the last attempt failed with, as JSON of the API.
    pub error: Option<Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// What a step leaves behind beside the state.
#[derive(Clone, Debug)]
pub enum OrderChange<'a> {
    /// Nothing.
    Nothing,
    /// The CA's answer to newOrder.
    Ordered {
        /// The order's URL.
        url: &'a str,
        /// Where to finalize.
        finalize_url: &'a str,
        /// When the CA gives it up.
        expires_at: Option<Timestamp>,
    },
    /// Key and CSR.
    Keyed {
        /// The private key, PKCS#8 DER; none when it is elsewhere.
        key: Option<&'a Secret<Vec<u8>>>,
        /// The CSR, base64 DER.
        csr: &'a str,
    },
    /// The certificate's URL.
    Issued {
        /// Where to download it.
        certificate_url: &'a str,
    },
    /// The chain.
    Downloaded {
        /// Leaf and intermediates in PEM.
        chain_pem: &'a str,
    },
}

macro_rules! columns {
    () => {
        "id, operation_id, certificate_id, algorithm, vendor_id, reason, state, names, profile, replaces, \
         terms, order_url, finalize_url, certificate_url, expires_at, csr, chain_pem, attempt, error, \
         created_at, updated_at, finished_at"
    };
}

/// What [`read`] needs of a row.
pub(crate) const COLUMNS: &str = columns!();

macro_rules! select {
    ($tail:literal) => {
        concat!("SELECT ", columns!(), " FROM orders ", $tail)
    };
}

impl Tx {
    /// Adds an order.
    ///
    /// # Errors
    /// A conflict when an order of the same slot is running.
    pub async fn insert_order(&mut self, order: &Order) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO orders (id, operation_id, certificate_id, algorithm, vendor_id, reason, state, \
             names, profile, replaces, attempt, created_at, updated_at, terms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $11, $12)",
        )
        .bind(order.id.to_string())
        .bind(order.operation_id.to_string())
        .bind(order.certificate_id.to_string())
        .bind(order.algorithm.as_str())
        .bind(order.vendor_id.to_string())
        .bind(&order.reason)
        .bind(order.state.as_str())
        .bind(to_json(&order.names)?)
        .bind(&order.profile)
        .bind(&order.replaces)
        .bind(order.created_at.as_second())
        .bind(to_json(&order.terms)?);
        self.execute("saving an order", query).await.map(drop)
    }

    /// Moves an order one step on, if it is still at `from`; `false` when another worker was faster.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn advance_order(
        &mut self,
        id: OrderId,
        from: OrderState,
        to: OrderState,
        change: &OrderChange<'_>,
    ) -> Result<bool, DbError> {
        let mut urls = [None, None, None];
        let (mut expires_at, mut key, mut csr, mut chain) = (None, None, None, None);
        match change {
            OrderChange::Nothing => {}
            OrderChange::Ordered {
                url,
                finalize_url,
                expires_at: expires,
            } => {
                urls = [Some(*url), Some(*finalize_url), None];
                expires_at = expires.map(Timestamp::as_second);
            }
            OrderChange::Keyed {
                key: plain,
                csr: text,
            } => {
                let context = key_context(id);
                key = plain
                    .map(|plain| self.seal(&context, plain.expose()))
                    .transpose()?;
                csr = Some(*text);
            }
            OrderChange::Issued { certificate_url } => urls[2] = Some(*certificate_url),
            OrderChange::Downloaded { chain_pem } => chain = Some(*chain_pem),
        }
        let query = sqlx::query(
            "UPDATE orders SET state = $3, order_url = coalesce($4, order_url), \
             finalize_url = coalesce($5, finalize_url), certificate_url = coalesce($6, certificate_url), \
             expires_at = coalesce($7, expires_at), key_sealed = coalesce($8, key_sealed), \
             csr = coalesce($9, csr), chain_pem = coalesce($10, chain_pem), attempt = 0, error = NULL, \
             updated_at = $11 WHERE id = $1 AND state = $2 AND finished_at IS NULL",
        )
        .bind(id.to_string())
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(urls[0])
        .bind(urls[1])
        .bind(urls[2])
        .bind(expires_at)
        .bind(key)
        .bind(csr)
        .bind(chain)
        .bind(self.now().as_second());
        Ok(self.execute("moving an order on", query).await? == 1)
    }

    /// Ends an order as `done` or `failed`, if it is still at `from`; its key is forgotten: a version has it, or nothing.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn finish_order(
        &mut self,
        id: OrderId,
        from: OrderState,
        to: OrderState,
        error: Option<&Value>,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE orders SET state = $3, error = $4, updated_at = $5, finished_at = $5, \
             key_sealed = NULL WHERE id = $1 AND state = $2 AND finished_at IS NULL",
        )
        .bind(id.to_string())
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(error.map(to_json).transpose()?)
        .bind(self.now().as_second());
        Ok(self.execute("finishing an order", query).await? == 1)
    }

    /// Forgets the CA's order, once, and goes back to `ordering`: the CA gave one that cannot be used.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn order_anew(&mut self, id: OrderId, from: OrderState) -> Result<bool, DbError> {
        let query = sqlx::query(
            "UPDATE orders SET state = $3, order_url = NULL, finalize_url = NULL, expires_at = NULL, \
             placed_anew = 1, updated_at = $4 \
             WHERE id = $1 AND state = $2 AND placed_anew = 0 AND finished_at IS NULL",
        )
        .bind(id.to_string())
        .bind(from.as_str())
        .bind(OrderState::Ordering.as_str())
        .bind(self.now().as_second());
        Ok(self.execute("ordering anew", query).await? == 1)
    }

    /// Counts a failed attempt at the present step.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_order_failure(&mut self, id: OrderId, error: &Value) -> Result<(), DbError> {
        let query = sqlx::query(
            "UPDATE orders SET attempt = attempt + 1, error = $2 WHERE id = $1 AND finished_at IS NULL",
        )
        .bind(id.to_string())
        .bind(to_json(error)?);
        self.execute("saving a failed attempt", query)
            .await
            .map(drop)
    }

    /// Notes what an order waits for; no attempt is counted.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn note_order_wait(&mut self, id: OrderId, why: &Value) -> Result<(), DbError> {
        let query =
            sqlx::query("UPDATE orders SET error = $2 WHERE id = $1 AND finished_at IS NULL")
                .bind(id.to_string())
                .bind(to_json(why)?);
        self.execute("saving what an order waits for", query)
            .await
            .map(drop)
    }

    /// Ids of the unfinished orders of a certificate.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn running_orders(&mut self, id: CertificateId) -> Result<Vec<OrderId>, DbError> {
        let query =
            sqlx::query("SELECT id FROM orders WHERE certificate_id = $1 AND finished_at IS NULL")
                .bind(id.to_string());
        let rows = self.rows("looking for running orders", query).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }
}

impl Tx {
    /// The unfinished order of a slot and how far it is; there is at most one.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn running_order(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<(OrderId, OrderState)>, DbError> {
        let query = sqlx::query(
            "SELECT id, state FROM orders WHERE certificate_id = $1 AND algorithm = $2 \
             AND finished_at IS NULL",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str());
        let row = self
            .one("looking for the running order of a key", query)
            .await?;
        row.map(|row| Ok((row.parse("id")?, row.parse("state")?)))
            .transpose()
    }
}

impl Db {
    /// The order of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn order(&self, id: OrderId) -> Result<Option<Order>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading an order", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// An operation's orders in the order they were made.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn orders_of_operation(&self, id: OperationId) -> Result<Vec<Order>, DbError> {
        let query =
            sqlx::query(select!("WHERE operation_id = $1 ORDER BY id")).bind(id.to_string());
        let rows = self
            .rows("reading the orders of an operation", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// A certificate's orders, newest first, at most `limit`.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn orders_of_certificate(
        &self,
        id: CertificateId,
        limit: u32,
    ) -> Result<Vec<Order>, DbError> {
        let query = sqlx::query(select!(
            "WHERE certificate_id = $1 ORDER BY id DESC LIMIT $2"
        ))
        .bind(id.to_string())
        .bind(i64::from(limit));
        let rows = self
            .rows("reading the orders of a certificate", query)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Whether an order of ours, running or finished, has this URL.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn is_order_url_known(&self, url: &str) -> Result<bool, DbError> {
        let query = sqlx::query("SELECT count(*) AS n FROM orders WHERE order_url = $1").bind(url);
        let row = self.one("looking for an order by its URL", query).await?;
        row.map_or(Ok(false), |row| Ok(row.int("n")? > 0))
    }

    /// Ids of unfinished orders that no job drives: what a repair plans again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn orders_without_job(&self, kind: &str) -> Result<Vec<OrderId>, DbError> {
        let query = sqlx::query(
            "SELECT o.id FROM orders o WHERE o.finished_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM jobs j WHERE j.kind = $1 AND j.subject = o.id)",
        )
        .bind(kind);
        let rows = self.rows("looking for orders without a job", query).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// The private key of an unfinished order, PKCS#8 DER.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn order_key(&self, id: OrderId) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let query = sqlx::query("SELECT key_sealed FROM orders WHERE id = $1").bind(id.to_string());
        let row = self.one("reading the key of an order", query).await?;
        let sealed = row.map_or(Ok(None), |row| row.opt_text("key_sealed"))?;
        sealed
            .map(|text| self.open_sealed(&key_context(id), &text))
            .transpose()
    }
}

fn key_context(id: OrderId) -> String {
    format!("orders.key/{id}")
}

pub(crate) fn read(row: &AnyRow) -> Result<Order, DbError> {
    let attempt = row.count("attempt")?;
    Ok(Order {
        id: row.parse("id")?,
        operation_id: row.parse("operation_id")?,
        certificate_id: row.parse("certificate_id")?,
        algorithm: row.parse("algorithm")?,
        vendor_id: row.parse("vendor_id")?,
        reason: row.text("reason")?,
        state: row.parse("state")?,
        names: row.json("names")?,
        profile: row.opt_text("profile")?,
        replaces: row.opt_text("replaces")?,
        terms: row.json("terms")?,
        order_url: row.opt_text("order_url")?,
        finalize_url: row.opt_text("finalize_url")?,
        certificate_url: row.opt_text("certificate_url")?,
        expires_at: row.opt_time("expires_at")?,
        csr: row.opt_text("csr")?,
        chain_pem: row.opt_text("chain_pem")?,
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        error: row.opt_json("error")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        finished_at: row.opt_time("finished_at")?,
    })
}
