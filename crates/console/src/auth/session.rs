//! Log-ins by browser: a random secret in a cookie, found by its hash.

use evercert_api::users::{Role, Session};
use evercert_api::{Problem, ProblemCode};
use evercert_db::{Db, DbError, users::User};
use evercert_types::Secret;
use http::HeaderMap;
use http::header::COOKIE;
use jiff::{SignedDuration, Timestamp};

use super::secret;
use crate::problem::ApiError;

/// The cookie; the prefix makes browsers insist on TLS, this host, and the whole path (RFC 6265bis §4.1.3.2).
pub(crate) const COOKIE_NAME: &str = "__Host-evercert";
/// Must accompany every change made by cookie.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
/// A session ends when it was not used for so long.
pub(crate) const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// It ends then in any case.
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Its use is written down at most so often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// A session begun.
pub(crate) struct Begun {
    /// What the client is told.
    pub(crate) session: Session,
    /// The `Set-Cookie` header.
    pub(crate) cookie: Secret<String>,
}

/// Begins a session of a user who proved to be one.
///
/// # Errors
/// When the database fails.
pub(crate) async fn begin(db: &Db, user: &User, role: Role) -> Result<Begun, DbError> {
    let (text, csrf) = (secret::random_text(), secret::random_text());
    let ends = db.now().checked_add(LIFE).unwrap_or(Timestamp::MAX);
    db.insert_session(&secret::hash(&text), user.id, &csrf, ends)
        .await?;
    let cookie = format!(
        "{COOKIE_NAME}={text}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Strict",
        LIFE.as_secs()
    );
    let session = Session {
        user_id: user.id,
        name: user.name.clone(),
        role,
        csrf_token: Some(csrf),
    };
    Ok(Begun {
        session,
        cookie: Secret::new(cookie),
    })
}

/// The `Set-Cookie` header that makes a browser forget.
pub(crate) fn forgotten_cookie() -> String {
    format!("{COOKIE_NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

/// The secret in the request's cookie.
pub(crate) fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, text)| text)
}

/// The session of a cookie's secret, unless it is over.
///
/// # Errors
/// When the database fails.
pub(crate) async fn find(db: &Db, text: &str) -> Result<Option<Session>, ApiError> {
    let hash = secret::hash(text);
    let Some(found) = db.session(&hash).await? else {
        return Ok(None);
    };
    let now = db.now();
    if now >= found.expires_at || now.duration_since(found.last_seen_at) >= IDLE {
        return Ok(None);
    }
    if now.duration_since(found.last_seen_at) >= NOTED_EVERY {
        db.touch_session(&hash).await?;
    }
    Ok(Some(Session {
        user_id: found.user_id,
        name: found.user_name,
        role: role_of(&found.role)?,
        csrf_token: Some(found.csrf),
    }))
}

/// The role that a row holds.
///
/// # Errors
/// When the row was not written by this program.
pub(crate) fn role_of(text: &str) -> Result<Role, ApiError> {
    let broken = || Problem::new(ProblemCode::Internal, "a role in the database is none");
    Ok(text.parse().map_err(|_| broken())?)
}
