//! Reading what a log-in by OAuth 2 answered (RFC 6749 §5): an access token, or why there is none.

use evercert_types::Secret;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::api::Api;
use crate::error::{DnsError, Fault, Step};
use crate::http::Reply;

/// Seconds before its end from which a token is not used any more.
const SPARE: i64 = 300;
/// Seconds that a token is taken to last when the service does not say.
const UNSAID: i64 = 600;

/// What Google and Entra ID say of a claim whose time is wrong.
const OUT_OF_TIME: [&str; 2] = ["in a reasonable timeframe", "AADSTS700024"];

/// The token, and until when it may be used.
///
/// # Errors
/// What the service said against the log-in.
pub(super) fn token(
    api: &Api,
    step: Step,
    reply: &Reply,
    now: Timestamp,
) -> Result<(Secret<String>, Timestamp), DnsError> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if !reply.status.is_success() {
        let words = body["error_description"]
            .as_str()
            .or(body["error"].as_str());
        let words = words.map_or_else(|| reply.text(), str::to_owned);
        let what = "the log-in is not accepted";
        let clock = "the time of the log-in is not accepted";
        return Err(match reply.status.as_u16() {
            400 | 401 if OUT_OF_TIME.iter().any(|part| words.contains(part)) => {
                api.error(step, Fault::Clock, clock, reply, &words)
            }
            400 | 401 | 403 => api.error(step, Fault::Credentials, what, reply, &words),
            _ => api.refused(step, reply, &words),
        });
    }
    let token = body["access_token"]
        .as_str()
        .ok_or_else(|| api.strange(step, reply))?;
    // Azure's metadata service writes the number as text.
    let seconds = body["expires_in"]
        .as_i64()
        .or_else(|| body["expires_in"].as_str()?.parse().ok());
    let usable = seconds.unwrap_or(UNSAID).saturating_sub(SPARE);
    let until = now + SignedDuration::from_secs(usable.clamp(60, 86_400));
    Ok((Secret::new(token.to_owned()), until))
}
