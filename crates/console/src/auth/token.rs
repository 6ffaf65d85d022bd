//! API tokens: `evc_` and 256 random bits; only the hash is kept.

use evercert_api::users::{ApiToken, NewApiToken, Role};
use evercert_api::{Problem, ProblemCode};
use evercert_db::{DbError, Tx, api_tokens};
use evercert_types::{Secret, UserId, format_span, parse_span};
use jiff::{SignedDuration, Timestamp};

use super::secret;
use crate::problem::ApiError;

/// What a token begins with, so that one found in the wrong place is recognised.
pub(crate) const PREFIX: &str = "evc_";
/// How long a token is good for, where nothing is said.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// The longest it may be.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3653);
/// How long a token's name may be.
const MAX_NAME: usize = 128;

/// Makes a token; its text is in the answer, and nowhere else.
///
/// # Errors
/// When the database fails.
pub(crate) async fn create(
    tx: &mut Tx,
    user_id: UserId,
    name: &str,
    role: Role,
    expires_at: Timestamp,
) -> Result<ApiToken, DbError> {
    let text = Secret::new(format!("{PREFIX}{}", secret::random_text()));
    let made = tx
        .insert_api_token(&api_tokens::NewApiToken {
            name,
            secret_hash: &secret::hash(text.expose()),
            role: role.as_str(),
            user_id,
            expires_at: Some(expires_at),
        })
        .await?;
    let shown = ApiToken {
        token: Some(text.expose().clone()),
        ..shape(made, role)
    };
    Ok(shown)
}

/// The token as the API shows it, without its text.
pub(crate) fn shape(token: api_tokens::ApiToken, role: Role) -> ApiToken {
    ApiToken {
        id: token.id,
        name: token.name,
        role,
        token: None,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}

/// Reads a wanted token's name and end.
///
/// # Errors
/// When the name is empty or long, or the lifetime is none.
pub(crate) fn check(new: &NewApiToken, now: Timestamp) -> Result<Timestamp, ApiError> {
    if new.name.trim().is_empty()
        || new.name.chars().count() > MAX_NAME
        || new.name.chars().any(char::is_control)
    {
        let detail = "a token's name has 1 to 128 characters";
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/name")
            .into());
    }
    expiry(new.expires_in.as_deref(), DEFAULT_LIFE, LONGEST_LIFE, now)
}

/// When something ends that was asked for with `expires_in`.
///
/// # Errors
/// When the text is no duration, or the duration is not between a second and the longest.
pub(crate) fn expiry(
    text: Option<&str>,
    default: SignedDuration,
    longest: SignedDuration,
    now: Timestamp,
) -> Result<Timestamp, ApiError> {
    let invalid = |detail: String| Problem::new(ProblemCode::Invalid, detail).at("/expires_in");
    let life = match text {
        None => default,
        Some(text) => parse_span(text).map_err(|error| invalid(error.to_string()))?,
    };
    if life < SignedDuration::from_secs(1) || life > longest {
        let longest = format_span(longest);
        return Err(invalid(format!("the lifetime must be between 1s and {longest}")).into());
    }
    Ok(now.checked_add(life).unwrap_or(Timestamp::MAX))
}
