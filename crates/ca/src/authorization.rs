//! Authorizations and their challenges (RFC 8555 §7.5): read, deactivate, respond.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::account::{append, append_link, own};
use crate::identifier::Subject;
use crate::nonce::random;
use crate::post::Post;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::store::{
    Account, Authorization, AuthorizationStatus, Challenge, ChallengeKind, ChallengeStatus, Record,
    Store,
};
use crate::validate;

#[derive(Deserialize)]
struct Update {
    status: Option<String>,
}

/// `POST /authz/{id}`: POST-as-GET (held while a challenge is in processing) or deactivation.
pub(crate) async fn read_or_deactivate(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    find(&shared.store(), &id, &signed.account)?;
    if signed.payload.is_empty() {
        hold(&shared, &id).await;
        let store = shared.store();
        let found = find(&store, &id, &signed.account)?;
        return Ok(respond(&shared, found));
    }
    let update: Update = signed.payload.json()?;
    if update.status.as_deref() != Some("deactivated") {
        return Err(Problem::malformed(
            "an authorization can only be read, or its status set to deactivated",
        ));
    }
    let mut store = shared.store();
    let mut found = find(&store, &id, &signed.account)?.clone();
    match found.status_at(shared.now()) {
        AuthorizationStatus::Pending | AuthorizationStatus::Valid => {
            found.status = AuthorizationStatus::Deactivated;
            let answer = respond(&shared, &found);
            shared.commit(&mut store, vec![Record::Authorization(found)])?;
            Ok(answer)
        }
        AuthorizationStatus::Deactivated => Ok(respond(&shared, &found)),
        AuthorizationStatus::Invalid | AuthorizationStatus::Expired => Err(Problem::malformed(
            "the authorization has ended and cannot be deactivated",
        )),
    }
}

/// `POST /chall/{authorization}/{index}`: POST-as-GET, or "the response is in place".
pub(crate) async fn read_or_respond(
    State(shared): State<Arc<Shared>>,
    Path((id, index)): Path<(String, usize)>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    if signed.payload.is_empty() {
        find(&shared.store(), &id, &signed.account)?;
        hold(&shared, &id).await;
    } else {
        signed.payload.json::<Map<String, Value>>()?;
        begin(&shared, &id, index, &signed.account)?;
    }
    let store = shared.store();
    let found = find(&store, &id, &signed.account)?;
    let challenge = found
        .challenges
        .get(index)
        .ok_or_else(|| Problem::not_found("challenge"))?;
    let mut headers = HeaderMap::new();
    append_link(&mut headers, &shared.url(&format!("/authz/{id}")), "up");
    if signed.payload.is_empty() && challenge.status == ChallengeStatus::Processing {
        append(&mut headers, header::RETRY_AFTER, "1");
    }
    let object = challenge_document(&shared, found, index, challenge);
    Ok((headers, Json(object)).into_response())
}

/// The challenges an identifier can be validated by.
pub(crate) fn challenges_for(subject: &Subject) -> Vec<Challenge> {
    let kinds: &[ChallengeKind] = match subject {
        Subject::Dns(name) if name.is_wildcard() => &[ChallengeKind::Dns01],
        Subject::Dns(_) => &[
            ChallengeKind::Dns01,
            ChallengeKind::Http01,
            ChallengeKind::TlsAlpn01,
        ],
        Subject::Ip(_) => &[ChallengeKind::Http01, ChallengeKind::TlsAlpn01],
    };
    kinds
        .iter()
        .map(|kind| Challenge {
            kind: *kind,
            token: URL_SAFE_NO_PAD.encode(random::<32>()),
            status: ChallengeStatus::Pending,
            validated: None,
            error: None,
        })
        .collect()
}

/// Whether a validation is under way.
pub(crate) fn is_busy(authorization: &Authorization) -> bool {
    authorization.status == AuthorizationStatus::Pending
        && authorization
            .challenges
            .iter()
            .any(|challenge| challenge.status == ChallengeStatus::Processing)
}

async fn hold(shared: &Shared, id: &str) {
    shared
        .hold_while(|store| store.authorization(id).is_some_and(is_busy))
        .await;
}

fn find<'a>(store: &'a Store, id: &str, account: &Account) -> Result<&'a Authorization, Problem> {
    let found = store
        .authorization(id)
        .ok_or_else(|| Problem::not_found("authorization"))?;
    own(account, &found.account)?;
    Ok(found)
}

/// Starts the validation, unless one was started or the authorization has ended.
fn begin(shared: &Arc<Shared>, id: &str, index: usize, account: &Account) -> Result<(), Problem> {
    let mut store = shared.store();
    let mut found = find(&store, id, account)?.clone();
    let pending = found.status_at(shared.now()) == AuthorizationStatus::Pending;
    let Some(challenge) = found.challenges.get_mut(index) else {
        return Err(Problem::not_found("challenge"));
    };
    if !pending || challenge.status != ChallengeStatus::Pending {
        return Ok(());
    }
    challenge.status = ChallengeStatus::Processing;
    shared.commit(&mut store, vec![Record::Authorization(found)])?;
    validate::spawn(shared, id.to_owned(), index);
    Ok(())
}

fn respond(shared: &Shared, found: &Authorization) -> Response {
    let mut headers = HeaderMap::new();
    if is_busy(found) {
        append(&mut headers, header::RETRY_AFTER, "1");
    }
    (headers, Json(document(shared, found, shared.now()))).into_response()
}

fn document(shared: &Shared, found: &Authorization, now: Timestamp) -> Value {
    let status = found.status_at(now);
    let challenges: Vec<Value> = found
        .challenges
        .iter()
        .enumerate()
        // Once valid, only the challenge that was met is told (RFC 8555 §7.1.4).
        .filter(|(_, c)| status != AuthorizationStatus::Valid || c.status == ChallengeStatus::Valid)
        .map(|(index, challenge)| challenge_document(shared, found, index, challenge))
        .collect();
    let mut object = json!({
        "identifier": found.identifier,
        "status": status,
        "expires": found.expires,
        "challenges": challenges,
    });
    if found.wildcard {
        object["wildcard"] = json!(true);
    }
    object
}

fn challenge_document(
    shared: &Shared,
    found: &Authorization,
    index: usize,
    challenge: &Challenge,
) -> Value {
    let mut object = json!({
        "type": challenge.kind.as_str(),
        "url": shared.url(&format!("/chall/{}/{index}", found.id)),
        "status": challenge.status,
        "token": challenge.token,
    });
    if let Some(at) = challenge.validated {
        object["validated"] = json!(at);
    }
    if let Some(error) = &challenge.error {
        object["error"] = json!(error);
    }
    object
}
