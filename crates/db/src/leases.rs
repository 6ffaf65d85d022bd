//! Named leases: one holder at a time among all Consoles of a database.

use jiff::SignedDuration;

use crate::db::Db;
use crate::error::DbError;

impl Db {
    /// Takes or keeps the lease `name` until `ttl` from now; `false` while another owner has it.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: SignedDuration,
    ) -> Result<bool, DbError> {
        let now = self.now().as_second();
        let query = sqlx::query(
            "INSERT INTO leases (name, owner, until) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until \
             WHERE leases.owner = excluded.owner OR leases.until < $4",
        )
        .bind(name.to_owned())
        .bind(owner.to_owned())
        .bind(now.saturating_add(ttl.as_secs()))
        .bind(now);
        Ok(self.execute("taking a lease", query).await? == 1)
    }

    /// Gives a lease up; nothing happens when it is another owner's.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn release_lease(&self, name: &str, owner: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM leases WHERE name = $1 AND owner = $2")
            .bind(name.to_owned())
            .bind(owner.to_owned());
        self.execute("giving a lease up", query).await.map(drop)
    }

    /// Gives up every lease whose owner begins with `prefix`: what a node does first when it starts again.
    ///
    /// # Errors
    /// [`DbErrorKind::Unavailable`](crate::DbErrorKind).
    pub async fn release_own_leases(&self, prefix: &str) -> Result<u64, DbError> {
        let query = sqlx::query("DELETE FROM leases WHERE substr(owner, 1, length($1)) = $1")
            .bind(prefix.to_owned());
        self.execute("releasing the leases of this node", query)
            .await
    }
}
