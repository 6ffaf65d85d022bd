//! Renewal information, ARI (RFC 9773).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::account::append;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::store::Issued;

/// Certificates that live shorter are renewed at half of their life, others at two thirds.
const SHORT_LIFE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// `GET /renewal-info/{id}`: anybody may ask.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (start, end) = {
        let store = shared.store();
        let issued = store
            .certificate_of_ari(&id)
            .ok_or_else(|| Problem::not_found("certificate"))?;
        window(issued)
    };
    let mut headers = HeaderMap::new();
    append(
        &mut headers,
        header::RETRY_AFTER,
        &shared.config.renewal_info_retry.as_secs().to_string(),
    );
    let object = json!({ "suggestedWindow": { "start": start, "end": end } });
    Ok((headers, Json(object)).into_response())
}

/// When to renew: around two thirds of the life, a fiftieth of it wide; at once when revoked.
fn window(issued: &Issued) -> (Timestamp, Timestamp) {
    if let Some(revocation) = issued.revoked {
        let hour = SignedDuration::from_hours(1);
        let end = revocation.at;
        return (end.checked_sub(hour).unwrap_or(Timestamp::MIN), end);
    }
    if let Some(window) = issued.window {
        return window;
    }
    let life = issued.not_after.as_second() - issued.not_before.as_second();
    let middle = if life < SHORT_LIFE.as_secs() {
        life / 2
    } else {
        life / 3 * 2
    };
    let from_start = |seconds: i64| {
        Timestamp::from_second(issued.not_before.as_second() + seconds).unwrap_or(issued.not_after)
    };
    let margin = (life / 100).max(1);
    (from_start(middle - margin), from_start(middle + margin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Revocation;

    fn issued(days: i64) -> Issued {
        Issued {
            id: "1".into(),
            account: "a".into(),
            pem: String::new(),
            fingerprint: String::new(),
            ari: String::new(),
            identifiers: Vec::new(),
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::from_second(days * 86_400).unwrap(),
            revoked: None,
            replaced_by: None,
            window: None,
        }
    }

    #[test]
    fn the_window_lies_around_two_thirds_or_half_of_the_life() {
        let (start, end) = window(&issued(90));
        assert!(start.as_second() < 60 * 86_400 && end.as_second() > 60 * 86_400);

        let (start, end) = window(&issued(6));
        assert!(start.as_second() < 3 * 86_400 && end.as_second() > 3 * 86_400);
        assert!(start < end);
    }

    #[test]
    fn a_revoked_certificate_is_due_at_once() {
        let at = Timestamp::from_second(1000).unwrap();
        let revoked = Issued {
            revoked: Some(Revocation { at, reason: 1 }),
            ..issued(90)
        };

        let (start, end) = window(&revoked);

        assert!(start < end && end <= at);
    }
}
