//! An order's authorizations, with the challenge chosen for each.

use evercert_types::{DnsProviderId, OrderId};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// One authorization and its challenge (RFC 8555 §7.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Its URL at the CA.
    pub url: String,
    /// The DNS name it authorizes, without a wildcard label, or the IP address.
    pub identifier: String,
    /// Whether it is for `*.` and the identifier.
    pub wildcard: bool,
    /// The CA's word for how it stands: `pending`, `valid`, …
    pub status: String,
    /// How it is proved: `dns-01`, `dns-01-manual`, `http-01` or `tls-alpn-01`.
    pub challenge_type: String,
    /// URL of the chosen challenge.
    pub challenge_url: String,
    /// Token of the chosen challenge.
    pub token: String,
    /// Who publishes the response.
    pub provider_id: Option<DnsProviderId>,
    /// Where: the challenge name after following CNAMEs.
    pub effective_name: Option<String>,
    /// What: the TXT value.
    pub txt_value: Option<String>,
    /// When the operator said that the record of a manual challenge is there.
    pub confirmed_at: Option<Timestamp>,
}

impl Tx {
    /// Saves an authorization of an order, replacing what was known of it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn put_authorization(
        &mut self,
        order_id: OrderId,
        authorization: &Authorization,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO authorizations (order_id, url, domain, wildcard, status, challenge_type, \
             challenge_url, token, provider_id, effective_name, txt_value) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (order_id, url) DO UPDATE SET status = excluded.status, \
             challenge_type = excluded.challenge_type, challenge_url = excluded.challenge_url, \
             token = excluded.token, provider_id = excluded.provider_id, \
             effective_name = excluded.effective_name, txt_value = excluded.txt_value",
        )
        .bind(order_id.to_string())
        .bind(&authorization.url)
        .bind(&authorization.identifier)
        .bind(i64::from(authorization.wildcard))
        .bind(&authorization.status)
        .bind(&authorization.challenge_type)
        .bind(&authorization.challenge_url)
        .bind(&authorization.token)
        .bind(authorization.provider_id.map(|id| id.to_string()))
        .bind(&authorization.effective_name)
        .bind(&authorization.txt_value);
        self.execute("saving an authorization", query)
            .await
            .map(drop)
    }

    /// Forgets an order's authorizations, because it is ordered anew.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn remove_authorizations(&mut self, order_id: OrderId) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM authorizations WHERE order_id = $1")
            .bind(order_id.to_string());
        self.execute("removing authorizations", query)
            .await
            .map(drop)
    }

    /// Writes down that the operator says the records of an order's manual challenges are there; how many wait for that.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn confirm_manual_challenges(&mut self, order_id: OrderId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "UPDATE authorizations SET confirmed_at = $2 WHERE order_id = $1 AND status = 'pending' \
             AND challenge_type = 'dns-01-manual'",
        )
        .bind(order_id.to_string())
        .bind(self.now().as_second());
        self.execute("confirming manual challenges", query).await
    }

    /// Writes down how every authorization of an order stands.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_authorization_status(
        &mut self,
        order_id: OrderId,
        url: &str,
        status: &str,
    ) -> Result<(), DbError> {
        let query =
            sqlx::query("UPDATE authorizations SET status = $3 WHERE order_id = $1 AND url = $2")
                .bind(order_id.to_string())
                .bind(url)
                .bind(status);
        self.execute("saving the status of an authorization", query)
            .await
            .map(drop)
    }
}

impl Db {
    /// Whether another running order has this authorization, too: CAs hand out the same pending one again.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn is_authorization_shared(
        &self,
        url: &str,
        order_id: OrderId,
    ) -> Result<bool, DbError> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM authorizations a JOIN orders o ON o.id = a.order_id \
             WHERE a.url = $1 AND o.id <> $2 AND o.finished_at IS NULL",
        )
        .bind(url)
        .bind(order_id.to_string());
        let row = self
            .one("looking for a shared authorization", query)
            .await?;
        row.map_or(Ok(false), |row| Ok(row.int("n")? > 0))
    }

    /// An order's authorizations.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn authorizations(&self, order_id: OrderId) -> Result<Vec<Authorization>, DbError> {
        let query = sqlx::query(
            "SELECT url, domain, wildcard, status, challenge_type, challenge_url, token, provider_id, \
             effective_name, txt_value, confirmed_at FROM authorizations WHERE order_id = $1 ORDER BY domain, wildcard",
        )
        .bind(order_id.to_string());
        let rows = self.rows("reading authorizations", query).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<Authorization, DbError> {
    Ok(Authorization {
        url: row.text("url")?,
        identifier: row.text("domain")?,
        wildcard: row.flag("wildcard")?,
        status: row.text("status")?,
        challenge_type: row.text("challenge_type")?,
        challenge_url: row.text("challenge_url")?,
        token: row.text("token")?,
        provider_id: row.opt_parse("provider_id")?,
        effective_name: row.opt_text("effective_name")?,
        txt_value: row.opt_text("txt_value")?,
        confirmed_at: row.opt_time("confirmed_at")?,
    })
}
