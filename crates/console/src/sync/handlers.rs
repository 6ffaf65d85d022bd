//! The calls of ZTS/1.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evercert_api::digest::BUCKETS;
use evercert_api::sync::{
    BucketsRequest, BucketsResponse, ChallengeSet, DEFAULT_POLL_SECS, EnrollRequest,
    EnrollResponse, ItemsRequest, ItemsResponse, MAX_WAIT_SECS, POLL_AFTER_HEADER,
    RenewIdentityRequest, RenewIdentityResponse, StatusReport, SyncRequest,
};
use evercert_api::{Problem, ProblemCode};
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;
use tokio::time::Instant;

use super::enroll;
use super::index::{Page, Plan};
use super::peer::{Instance, Peer};
use super::registry::Member;
use crate::api::app::App;
use crate::api::body::JsonBody;
use crate::auth::limit::Attempt;
use crate::auth::secret;
use crate::metrics::SyncResult;
use crate::problem::ApiError;

/// How many items are sent in one answer where the instance does not say, and at most.
const ITEMS: usize = 500;
const MAX_ITEMS: usize = 2000;
/// How many items may be asked for by id.
const MAX_IDS: usize = 1000;
/// How often a page is planned anew because items vanished while it was read.
const PLANS: u32 = 5;
/// After how many answers to the very same cursor an instance is slowed down.
const PATIENCE: u32 = 3;
/// The longest that it is.
const SLOWEST: Duration = Duration::from_secs(10);

type Sync = axum::Router<App>;

/// The routes under `/zts/v1`.
pub(crate) fn routes() -> Sync {
    use axum::routing::post;
    axum::Router::new()
        .route("/zts/v1/enroll", post(enroll_instance))
        .route("/zts/v1/renew-identity", post(renew_identity))
        .route("/zts/v1/sync", post(sync))
        .route("/zts/v1/status", post(status))
        .route("/zts/v1/buckets", post(buckets))
        .route("/zts/v1/items", post(items))
}

async fn enroll_instance(
    State(app): State<App>,
    peer: axum::Extension<Peer>,
    JsonBody(request): JsonBody<EnrollRequest>,
) -> Result<Json<EnrollResponse>, ApiError> {
    let attempt = Attempt::begin(&app.auth.enrollments, &peer.addr.ip().to_string())?;
    let response = enroll::enroll(&app, request).await?;
    attempt.succeeded();
    Ok(Json(response))
}

async fn renew_identity(
    State(app): State<App>,
    Instance(member): Instance,
    JsonBody(request): JsonBody<RenewIdentityRequest>,
) -> Result<Json<RenewIdentityResponse>, ApiError> {
    Ok(Json(enroll::renew_identity(&app, &member, request).await?))
}

async fn status(
    State(app): State<App>,
    Instance(member): Instance,
    JsonBody(report): JsonBody<StatusReport>,
) -> Result<StatusCode, ApiError> {
    app.reports
        .record(
            &app.store,
            &member,
            &report.agent,
            &report.have,
            report.applied,
            report.challenges,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn buckets(
    State(app): State<App>,
    Instance(member): Instance,
    JsonBody(request): JsonBody<BucketsRequest>,
) -> Result<Json<BucketsResponse>, ApiError> {
    if request.buckets.len() != BUCKETS {
        let detail = format!(
            "{} bucket digests were sent, and there are {BUCKETS} buckets",
            request.buckets.len()
        );
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/buckets")
            .into());
    }
    let response = app.store.buckets(&member, &request.buckets);
    app.metrics.sync(SyncResult::Buckets);
    response
        .map(Json)
        .ok_or_else(|| Problem::new(ProblemCode::NotFound, "the scope is not known").into())
}

async fn items(
    State(app): State<App>,
    Instance(member): Instance,
    JsonBody(request): JsonBody<ItemsRequest>,
) -> Result<Json<ItemsResponse>, ApiError> {
    if request.ids.len() > MAX_IDS {
        let detail = format!(
            "{} items were asked for, and at most {MAX_IDS} are sent at once",
            request.ids.len()
        );
        return Err(Problem::new(ProblemCode::Invalid, detail).at("/ids").into());
    }
    app.metrics.sync(SyncResult::Items);
    Ok(Json(app.store.items(&member, &request.ids).await?))
}

async fn sync(
    State(app): State<App>,
    Instance(member): Instance,
    JsonBody(mut request): JsonBody<SyncRequest>,
) -> Result<Response, ApiError> {
    let applied = std::mem::take(&mut request.applied);
    app.reports
        .record(
            &app.store,
            &member,
            &request.agent,
            &request.have,
            applied,
            request.challenges,
        )
        .await?;
    let deadline =
        Instant::now() + Duration::from_secs(request.wait_secs.min(MAX_WAIT_SECS).into());
    Call {
        app: &app,
        member,
        request,
        deadline,
    }
    .answer()
    .await
}

/// One sync call.
struct Call<'a> {
    app: &'a App,
    member: Arc<Member>,
    request: SyncRequest,
    deadline: Instant,
}

impl Call<'_> {
    async fn answer(mut self) -> Result<Response, ApiError> {
        let mut changed = self.app.store.subscribe();
        let mut asked_ahead = false;
        let mut times = None;
        loop {
            match self.plan() {
                Plan::Unchanged if let Some(page) = self.challenge_page() => {
                    if let Some(pause) = pause(self.count_challenges()) {
                        self.wait(&mut changed, Instant::now() + pause).await;
                        self.still_enrolled()?;
                    }
                    return self.send(page).await;
                }
                Plan::Unchanged => {
                    if !self.wait(&mut changed, self.deadline).await {
                        return Ok(self.unchanged());
                    }
                    self.still_enrolled()?;
                }
                Plan::Ahead if !asked_ahead => {
                    asked_ahead = true;
                    let (name, theirs) = (&self.member.name, self.request.have.revision);
                    self.app.store.resolve_ahead(name, theirs).await?;
                }
                Plan::Ahead => return self.send(self.snapshot()?).await,
                Plan::Send(page) => {
                    let first_time = times.is_none();
                    let times =
                        *times.get_or_insert_with(|| self.member.count_served(&self.request.have));
                    let Some(pause) = pause(times).filter(|_| first_time) else {
                        return self.send(self.or_snapshot(page, times)?).await;
                    };
                    self.wait(&mut changed, Instant::now() + pause).await;
                    self.still_enrolled()?;
                }
            }
        }
    }

    fn plan(&self) -> Plan {
        self.app
            .store
            .plan(&self.member, &self.request.have, self.limit())
    }

    /// The responses to challenges, if the instance answers CAs and shows others.
    fn new_challenges(&self) -> Option<ChallengeSet> {
        let held = self.request.challenges?;
        self.app.store.challenges_for(&self.member, held)
    }

    /// A page without changes, to carry the responses to challenges.
    fn challenge_page(&self) -> Option<Page> {
        self.new_challenges()?;
        let manifest = self.app.store.manifest(&self.member)?;
        Some(Page {
            to: manifest.revision,
            manifest,
            snapshot: false,
            more: false,
            changes: Vec::new(),
        })
    }

    /// How often in a row the instance was sent responses though it said that it shows the same as now.
    fn count_challenges(&self) -> u32 {
        let held = self.request.challenges.unwrap_or_default();
        self.member.said(|said| {
            let times = match said.challenges_served {
                Some((before, times)) if before == held => times.saturating_add(1),
                _ => 1,
            };
            said.challenges_served = Some((held, times));
            times
        })
    }

    fn snapshot(&self) -> Result<Page, ApiError> {
        Ok(self
            .app
            .store
            .snapshot(&self.member, self.limit())
            .ok_or_else(vanished)?)
    }

    /// An instance whose set differs though it has every change was told so by an empty page; when that did
    /// not help, it gets the whole set.
    fn or_snapshot(&self, page: Page, times: u32) -> Result<Page, ApiError> {
        if page.changes.is_empty() && !page.snapshot && times > 1 {
            return self.snapshot();
        }
        Ok(page)
    }

    fn limit(&self) -> usize {
        match usize::try_from(self.request.max_items).unwrap_or(MAX_ITEMS) {
            0 => ITEMS,
            wanted => wanted.min(MAX_ITEMS),
        }
    }

    /// Waits for a change; false when the time is over, or the Console stops.
    async fn wait(&self, changed: &mut watch::Receiver<u64>, until: Instant) -> bool {
        if until <= Instant::now() {
            return false;
        }
        let _waiting = self.app.metrics.waiting();
        tokio::select! {
            changed = changed.changed() => changed.is_ok(),
            () = self.member.gone.cancelled() => true,
            () = tokio::time::sleep_until(until) => false,
            () = self.app.stop.cancelled() => false,
        }
    }

    /// What changed may be the instance itself.
    fn still_enrolled(&mut self) -> Result<(), ApiError> {
        let member = self.app.store.registry.member(self.member.id);
        self.member = member
            .ok_or_else(|| Problem::new(ProblemCode::Unauthorized, "this instance was removed"))?;
        Ok(())
    }

    /// Reads the content of a page; when some is gone, what changed is taken in and the page planned anew.
    async fn send(&self, mut page: Page) -> Result<Response, ApiError> {
        let poll_after = self.poll_after();
        for _ in 0..PLANS {
            let snapshot = page.snapshot;
            if let Some(mut response) = self.app.store.deliver(page.clone(), poll_after).await? {
                response.challenges = self.new_challenges();
                self.app.metrics.sync(if snapshot {
                    SyncResult::Snapshot
                } else {
                    SyncResult::Delta
                });
                return Ok(with_poll_after(Json(response).into_response(), poll_after));
            }
            page = if self.app.store.refresh().await? {
                match self.plan() {
                    Plan::Send(page) => page,
                    Plan::Unchanged | Plan::Ahead => return Ok(self.unchanged()),
                }
            } else {
                self.app.store.without_lost(page).await?
            };
        }
        Err(vanished().into())
    }

    fn unchanged(&self) -> Response {
        self.app.metrics.sync(SyncResult::Unchanged);
        with_poll_after(StatusCode::NOT_MODIFIED.into_response(), self.poll_after())
    }

    /// The plain poll's interval, give or take a fifth, so that instances do not come all at once; longer
    /// when there are many connections.
    fn poll_after(&self) -> u32 {
        let jitter = 0.8 + 0.4 * secret::random_fraction();
        let seconds = f64::from(DEFAULT_POLL_SECS) * jitter * self.app.load.stretch();
        seconds as u32
    }
}

/// An instance that asks with the same cursor again and again does not get on: it is slowed down, so that it
/// does not keep us busy.
fn pause(times: u32) -> Option<Duration> {
    let beyond = times.checked_sub(PATIENCE + 1)?;
    Some(Duration::from_secs(1 << beyond.min(5)).min(SLOWEST))
}

fn with_poll_after(mut response: Response, seconds: u32) -> Response {
    response
        .headers_mut()
        .insert(POLL_AFTER_HEADER, HeaderValue::from(seconds));
    response
}

fn vanished() -> Problem {
    Problem::new(
        ProblemCode::DatabaseUnavailable,
        "the store changes faster than it can be read",
    )
    .with_remedy("Ask again.")
}
