//! Who may log in.

use evercert_types::UserId;
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::Fields as _;
use crate::{Db, DbError, Tx};

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its unique name.
    pub name: String,
    /// The password's hash as a PHC string.
    pub password_hash: String,
    /// What it may do.
    pub role: String,
    /// Whether it may not log in.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl Tx {
    /// Adds a user.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_user(
        &mut self,
        name: &str,
        password_hash: &str,
        role: &str,
    ) -> Result<UserId, DbError> {
        let id = UserId::new();
        let query = sqlx::query(
            "INSERT INTO users (id, name, password_hash, role, disabled, created_at) VALUES ($1, $2, $3, $4, 0, $5)",
        )
        .bind(id.to_string())
        .bind(name)
        .bind(password_hash)
        .bind(role)
        .bind(self.now().as_second());
        self.execute("adding a user", query).await?;
        Ok(id)
    }

    /// How many users have a role.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_users(&mut self, role: &str) -> Result<i64, DbError> {
        let query = sqlx::query("SELECT count(*) AS users FROM users WHERE role = $1").bind(role);
        let row = self.one("counting users", query).await?;
        row.map_or(Ok(0), |row| row.int("users"))
    }
}

impl Db {
    /// The user of a name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>, DbError> {
        let query = sqlx::query(
            "SELECT id, name, password_hash, role, disabled, created_at FROM users WHERE name = $1",
        )
        .bind(name);
        let row = self.one("reading a user", query).await?;
        row.as_ref().map(read_user).transpose()
    }

    /// How many users have a role.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_users(&self, role: &str) -> Result<i64, DbError> {
        let query = sqlx::query("SELECT count(*) AS users FROM users WHERE role = $1").bind(role);
        let row = self.one("counting users", query).await?;
        row.map_or(Ok(0), |row| row.int("users"))
    }
}

fn read_user(row: &AnyRow) -> Result<User, DbError> {
    Ok(User {
        id: row.parse("id")?,
        name: row.text("name")?,
        password_hash: row.text("password_hash")?,
        role: row.text("role")?,
        disabled: row.int("disabled")? != 0,
        created_at: row.time("created_at")?,
    })
}
