//! An operator for who holds the process: the demo, which must not use up the one-time set-up.

use evercert_api::users::{ApiToken, Role};
use evercert_db::{Db, DbError};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::audit::{self, Entry};
use super::token;

/// How long such a token is good for: a demo's day.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
/// No password has this hash, so nobody logs in as such a user.
const NO_PASSWORD: &str = "!";

/// Makes a token with an operator's rights, and a user without password to own it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn operator_token(db: &Db, name: &str) -> Result<ApiToken, DbError> {
    let role = Role::Operator;
    let mut tx = db.begin_write().await?;
    let user = match db.user_by_name(name).await? {
        Some(user) => user.id,
        None => tx.insert_user(name, NO_PASSWORD, role.as_str()).await?,
    };
    let ends = db.now().checked_add(LIFE).unwrap_or(Timestamp::MAX);
    let made = token::create(&mut tx, user, name, role, ends).await?;
    let entry = Entry {
        action: "token.create",
        subject: name,
        detail: json!({ "role": role.as_str(), "id": made.id }),
    };
    audit::append(&mut tx, "console", &entry).await?;
    tx.commit().await?;
    Ok(made)
}
