//! The agent: enrols, asks, takes over, reports; and goes on serving whatever the Console does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evercert_api::sync::{
    Agent as AgentInfo, Applied, ChallengesHeld, Cursor, DEFAULT_POLL_SECS, ItemProblem,
    MAX_WAIT_SECS, StatusReport, SyncRequest, SyncResponse,
};
use evercert_types::{ItemState, SharedClock};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client::{Answer, CallError, ConsoleClient};
use super::diff::{Last, Paging, Refused, check_history, guard, take_page};
use super::enroll::{EnrollError, Identity, enroll};
use super::random::{random_fraction, random_hex};
use super::repair::repair;
use super::report::Batch;
use super::store::{BATCH, Store};
use crate::challenges::Challenges;
use crate::config::{ConsoleLink, Polling};
use crate::error::Causes;
use crate::metrics::{Metrics, ResultLabel};
use crate::status::{AgentState, IdentityStatus};

/// How many exceptions and counts one report names.
const REPORTED: usize = 5000;
/// How long first handshakes are collected before they are reported.
const DEBOUNCE: Duration = Duration::from_millis(40);
/// A waiting call that comes back empty sooner than this did not wait.
const HARDLY_WAITED: Duration = Duration::from_secs(1);

/// The agent of one instance.
#[derive(Debug)]
pub(crate) struct Agent {
    link: ConsoleLink,
    name: String,
    state_dir: PathBuf,
    clock: SharedClock,
    store: Arc<Store>,
    challenges: Arc<Challenges>,
    metrics: Arc<Metrics>,
    info: AgentInfo,
    /// A report is wanted before the next regular call.
    report: Notify,
    progress: Mutex<Progress>,
}

/// What the agent says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) state: AgentState,
    pub(crate) detail: Option<String>,
    pub(crate) remedy: Option<String>,
    pub(crate) identity: Option<IdentityStatus>,
    pub(crate) last_poll_at: Option<Timestamp>,
    pub(crate) last_success_at: Option<Timestamp>,
    pub(crate) next_poll_at: Option<Timestamp>,
    pub(crate) http_status: Option<u16>,
    pub(crate) request: Option<&'static str>,
    client: Option<Arc<ConsoleClient>>,
    guarded: Vec<ItemProblem>,
}

/// A round did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("this instance is not enrolled, and no enrolment token was given")]
    NoToken,
    #[error("the identity of this instance ended at {0}")]
    IdentityExpired(Timestamp),
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the set held differs from the Console's, and could not be repaired")]
    Diverged,
}

/// When to ask next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    AtOnce,
    After(Duration),
}

/// What lasts from call to call.
#[derive(Default)]
struct Session {
    identity: Option<Identity>,
    /// The identity was refused, and nothing but another token helps.
    discarded: bool,
    paging: Option<Paging>,
    /// How many items were held when the pages began.
    held_before: usize,
    /// The next call asks for the whole set.
    ask_anew: bool,
    /// The Console answered once: from now on calls may wait there.
    answered: bool,
}

impl Agent {
    /// An agent that has done nothing yet.
    pub(crate) fn new(
        link: ConsoleLink,
        name: String,
        state_dir: PathBuf,
        clock: SharedClock,
        store: Arc<Store>,
        challenges: Arc<Challenges>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            link,
            name,
            state_dir,
            clock,
            store,
            challenges,
            metrics,
            info: AgentInfo {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                boot: random_hex(),
                caps: Vec::new(),
            },
            report: Notify::new(),
            progress: Mutex::new(Progress {
                state: AgentState::Connecting,
                detail: None,
                remedy: None,
                identity: None,
                last_poll_at: None,
                last_success_at: None,
                next_poll_at: None,
                http_status: None,
                request: None,
                client: None,
                guarded: Vec::new(),
            }),
        }
    }

    /// Works until it is stopped.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = self.follow() => {}
            () = self.report_first_handshakes() => {}
            () = stop.cancelled() => {}
        }
    }

    /// What the agent says of itself.
    pub(crate) fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// Something changed that the Console should hear of soon.
    pub(crate) fn report_soon(&self) {
        self.report.notify_one();
    }

    /// The Console's URL.
    pub(crate) fn url(&self) -> &str {
        &self.link.url
    }

    async fn follow(&self) {
        let mut session = Session::default();
        let mut failures = 0;
        loop {
            let pause = match self.round(&mut session).await {
                Ok(next) => {
                    failures = 0;
                    self.count("ok");
                    match next {
                        Next::AtOnce => Duration::ZERO,
                        Next::After(pause) => pause,
                    }
                }
                Err(error) => {
                    failures += 1;
                    session.answered = false;
                    self.failed(&error, &mut session);
                    self.back_off(failures, &error)
                }
            };
            if !pause.is_zero() {
                let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                self.lock().next_poll_at = self.clock.now().checked_add(pause).ok();
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One call, with everything it needs before and after.
    async fn round(&self, session: &mut Session) -> Result<Next, AgentError> {
        let client = self.client(session).await?;
        let have = self.store.cursor();
        let request = self.request(session, &have);
        let wait = Duration::from_secs(request.wait_secs.into());
        let batch = self.store.observations.take(REPORTED);
        let request = SyncRequest {
            applied: self.applied(&have, &batch),
            ..request
        };
        self.polled(&request);
        let began = Instant::now();
        let answer: Answer<SyncResponse> = client.post("/zts/v1/sync", &request, wait).await?;
        self.lock().http_status = Some(answer.status.as_u16());
        batch.acknowledged();
        (session.ask_anew, session.answered) = (false, true);
        let Some(response) = answer.body else {
            self.in_sync();
            let came_early = !wait.is_zero() && began.elapsed() < HARDLY_WAITED;
            return Ok(match (self.link.polling, came_early) {
                (Polling::Long, false) => Next::AtOnce,
                (Polling::Long, true) => Next::After(HARDLY_WAITED),
                (Polling::Plain, _) => Next::After(self.interval(answer.poll_after)),
            });
        };
        let poll_after = answer.poll_after;
        if self.take_over(session, &client, &have, response).await? {
            return Ok(Next::AtOnce);
        }
        self.in_sync();
        Ok(match self.link.polling {
            Polling::Long => Next::AtOnce,
            Polling::Plain => {
                self.report_soon();
                Next::After(self.interval(poll_after))
            }
        })
    }

    fn request(&self, session: &Session, have: &Cursor) -> SyncRequest {
        let cursor = match (&session.paging, session.ask_anew) {
            (_, true) => Cursor::default(),
            (Some(paging), false) => paging.cursor(have),
            (None, false) => have.clone(),
        };
        let may_wait = session.answered && !cursor.scope.is_empty() && session.paging.is_none();
        let wait_secs = match self.link.polling {
            Polling::Long if may_wait => MAX_WAIT_SECS,
            _ => 0,
        };
        SyncRequest {
            agent: self.info.clone(),
            have: cursor,
            wait_secs,
            challenges: Some(self.challenges_held()),
            ..SyncRequest::default()
        }
    }

    fn challenges_held(&self) -> ChallengesHeld {
        let (revision, count) = self.challenges.held();
        let contact = match self.link.polling {
            Polling::Long => Duration::from_secs(MAX_WAIT_SECS.into()) + self.link.request_timeout,
            // The Console stretches it by a fifth at most.
            Polling::Plain => self.link.poll_interval.mul_f64(1.2),
        };
        ChallengesHeld {
            revision,
            count,
            contact_secs: u32::try_from(contact.as_secs()).unwrap_or(u32::MAX),
        }
    }

    fn applied(&self, have: &Cursor, batch: &Batch) -> Applied {
        let mut problems = self.store.problems(REPORTED);
        problems.extend(self.lock().guarded.iter().cloned());
        Applied {
            revision: have.revision,
            problems,
            observed: batch.observed(),
        }
    }

    /// Acts on an answer; whether another page is to be fetched at once.
    async fn take_over(
        &self,
        session: &mut Session,
        client: &ConsoleClient,
        have: &Cursor,
        response: SyncResponse,
    ) -> Result<bool, AgentError> {
        let mut response = response;
        if let Some(set) = response.challenges.take() {
            self.challenges.replace(set);
        }
        let at = session.paging.as_ref().map(|paging| paging.cursor(have));
        check_history(have, at.as_ref().unwrap_or(have), &response)?;
        if session.paging.is_none() || response.snapshot {
            session.held_before = self.store.len();
        }
        let chains = std::mem::take(&mut response.chains);
        let page = take_page(&mut session.paging, response)?;
        if !page.puts.is_empty() {
            self.lock().state = AgentState::Syncing;
        }
        for some in page.puts.chunks(BATCH) {
            self.store.put(some, &chains);
            tokio::task::yield_now().await;
        }
        let Some(Last { leaving, manifest }) = page.last else {
            return Ok(true);
        };
        let removes = self.store.look(|ledger| leaving.of(ledger));
        if let Err(refused) = guard(removes.len(), session.held_before, &manifest) {
            self.note_guarded(&removes);
            return Err(refused.into());
        }
        self.remove(&removes).await;
        if self.store.cursor().digest != manifest.digest {
            tracing::warn!("the set held differs from the Console's; it is repaired");
            let repaired = repair(&self.store, client, self.store.cursor()).await;
            session.ask_anew = !matches!(repaired, Ok(true));
            if !repaired? {
                return Err(AgentError::Diverged);
            }
            return Ok(false);
        }
        self.store
            .advance_to(&manifest.scope, manifest.epoch, manifest.revision);
        Ok(false)
    }

    async fn remove(&self, ids: &[evercert_api::sync::ItemId]) {
        for some in ids.chunks(1024) {
            self.store.remove(some);
            tokio::task::yield_now().await;
        }
    }

    /// The client of the present identity: enrolled, renewed and rebuilt as needed.
    async fn client(&self, session: &mut Session) -> Result<Arc<ConsoleClient>, AgentError> {
        let now = self.clock.now();
        let token = self.link.enroll_token.as_ref();
        if session.identity.is_none() {
            session.identity = Identity::load(&self.state_dir)?;
        }
        let fresh_token = token.filter(|token| {
            session
                .identity
                .as_ref()
                .is_none_or(|identity| !identity.is_from(token))
        });
        let is_unusable =
            (session.identity.as_ref()).is_none_or(|identity| identity.is_expired(now));
        // A refused identity is tried again unless there is a token for another: the Console may take it back.
        if is_unusable || (session.discarded && fresh_token.is_some()) {
            let Some(token) = fresh_token else {
                return Err(match &session.identity {
                    Some(identity) if identity.is_expired(now) => {
                        AgentError::IdentityExpired(identity.certificate.not_after())
                    }
                    _ => AgentError::NoToken,
                });
            };
            self.lock().state = AgentState::Enrolling;
            let identity = enroll(&self.link, token, &self.name, &self.clock).await?;
            identity.save(&self.state_dir)?;
            tracing::info!(instance.name = identity.name, instance.id = %identity.id, "enrolled");
            session.discarded = false;
            self.take_identity(session, identity)?;
        }
        self.renew_if_due(session, now).await?;
        if let Some(client) = &self.lock().client {
            return Ok(client.clone());
        }
        let identity = session.identity.clone().ok_or(AgentError::NoToken)?;
        self.take_identity(session, identity)
    }

    async fn renew_if_due(&self, session: &mut Session, now: Timestamp) -> Result<(), AgentError> {
        let Some(identity) = session
            .identity
            .clone()
            .filter(|identity| identity.is_due(now))
        else {
            return Ok(());
        };
        let client = identity.client(&self.link, &self.clock)?;
        match identity.renew(&client).await {
            Ok(next) => {
                next.save(&self.state_dir)?;
                tracing::info!(not_after = %next.certificate.not_after(), "identity renewed");
                self.take_identity(session, next)?;
            }
            // The present one is still good for half its life.
            Err(error) => {
                tracing::warn!(error = %Causes(&error), "the identity could not be renewed");
            }
        }
        Ok(())
    }

    fn take_identity(
        &self,
        session: &mut Session,
        identity: Identity,
    ) -> Result<Arc<ConsoleClient>, AgentError> {
        let client = Arc::new(identity.client(&self.link, &self.clock)?);
        let mut progress = self.lock();
        progress.identity = Some(IdentityStatus {
            instance_id: identity.id,
            name: identity.name.clone(),
            labels: identity.labels.clone(),
            not_after: identity.certificate.not_after(),
        });
        progress.client = Some(client.clone());
        session.identity = Some(identity);
        Ok(client)
    }

    /// Reports the first handshake of a generation within a few hundredths of a second.
    async fn report_first_handshakes(&self) {
        loop {
            tokio::select! {
                () = self.store.observations.first() => {}
                () = self.report.notified() => {}
            }
            tokio::time::sleep(DEBOUNCE).await;
            if let Err(error) = self.report_now().await {
                // The counts go with the next call instead.
                tracing::debug!(error = %Causes(&error), "a report did not arrive");
            }
        }
    }

    async fn report_now(&self) -> Result<(), CallError> {
        let Some(client) = self.lock().client.clone() else {
            return Ok(());
        };
        let batch = self.store.observations.take(REPORTED);
        let have = self.store.cursor();
        let report = StatusReport {
            agent: self.info.clone(),
            applied: self.applied(&have, &batch),
            have,
            challenges: Some(self.challenges_held()),
        };
        let _: Answer<serde_json::Value> = client
            .post("/zts/v1/status", &report, Duration::ZERO)
            .await?;
        batch.acknowledged();
        Ok(())
    }

    fn polled(&self, request: &SyncRequest) {
        let mut progress = self.lock();
        progress.request = Some(match (request.wait_secs, request.have.scope.is_empty()) {
            (0, true) => "Full",
            (0, false) => "Poll",
            _ => "Long poll",
        });
        progress.last_poll_at = Some(self.clock.now());
        progress.next_poll_at = None;
    }

    fn in_sync(&self) {
        let mut progress = self.lock();
        progress.last_success_at = Some(self.clock.now());
        progress.state = AgentState::InSync;
        progress.guarded.clear();
        (progress.detail, progress.remedy) = (None, None);
    }

    fn failed(&self, error: &AgentError, session: &mut Session) {
        session.paging = None;
        let detail = Causes(error).to_string();
        let state = self.state_after(error, session);
        let mut progress = self.lock();
        if progress.detail.as_ref() != Some(&detail) {
            tracing::warn!(
                error = detail,
                remedy = error.remedy(),
                "no sync with the Console"
            );
        }
        progress.state = state;
        if let AgentError::Call(call) | AgentError::Enroll(EnrollError::Call(call)) = error {
            progress.http_status = call.status().map(|status| status.as_u16());
        }
        progress.detail = Some(detail);
        progress.remedy = Some(error.remedy());
        drop(progress);
        if state == AgentState::Guarded {
            self.report_soon();
        }
        self.count("failed");
    }

    fn state_after(&self, error: &AgentError, session: &mut Session) -> AgentState {
        match error {
            AgentError::Call(call) if call.is_unknown_identity() => {
                session.discarded = true;
                self.lock().client = None;
                AgentState::Refused
            }
            AgentError::NoToken | AgentError::IdentityExpired(_) => AgentState::Refused,
            AgentError::Enroll(EnrollError::Call(CallError::Transport { .. }))
            | AgentError::Call(_)
            | AgentError::Diverged => AgentState::Unreachable,
            AgentError::Enroll(_) => AgentState::Refused,
            AgentError::Refused(refused) => {
                session.ask_anew = matches!(
                    refused,
                    Refused::OtherHistory { .. } | Refused::NoProgress(_)
                );
                AgentState::Guarded
            }
        }
    }

    /// The items that a refused deletion named are reported, so that the Console can show why they stay.
    fn note_guarded(&self, ids: &[evercert_api::sync::ItemId]) {
        let problems = self.store.look(|ledger| {
            let held = ids
                .iter()
                .take(100)
                .filter_map(|id| Some((id, ledger.get(id)?)));
            held.map(|(id, held)| ItemProblem {
                id: *id,
                generation: held.generation,
                state: ItemState::Rejected,
                code: "mass_deletion".to_owned(),
                detail: format!(
                    "{} of {} items would be removed at once; if that is meant, run `evercert zero-touch-store intend-purge`",
                    ids.len(),
                    ledger.len()
                ),
            })
            .collect()
        });
        self.lock().guarded = problems;
    }

    /// The poll interval, stretched or jittered as the Console wants it.
    fn interval(&self, poll_after: Option<Duration>) -> Duration {
        let default = Duration::from_secs(DEFAULT_POLL_SECS.into());
        let factor = poll_after.map_or_else(
            || 0.8 + 0.4 * random_fraction(),
            |wanted| (wanted.as_secs_f64() / default.as_secs_f64()).clamp(0.1, 10.0),
        );
        self.link.poll_interval.mul_f64(factor)
    }

    /// Full jitter: anything up to a limit that doubles from one second to the interval.
    fn back_off(&self, failures: u32, error: &AgentError) -> Duration {
        let doubled = Duration::from_secs(1) * 2u32.saturating_pow(failures.min(16) - 1);
        let limit = doubled.min(self.link.poll_interval.max(Duration::from_secs(1)));
        let pause = limit
            .mul_f64(random_fraction())
            .max(Duration::from_millis(50));
        let wanted = match error {
            AgentError::Call(call) | AgentError::Enroll(EnrollError::Call(call)) => {
                call.retry_after()
            }
            _ => None,
        };
        pause.max(wanted.unwrap_or_default().min(Duration::from_secs(3600)))
    }

    fn count(&self, result: &'static str) {
        let label = ResultLabel { result };
        self.metrics.sync_calls.get_or_create(&label).inc();
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AgentError {
    fn remedy(&self) -> String {
        match self {
            Self::NoToken | Self::IdentityExpired(_) => {
                "Make a token with `evercert instance token create`, and start with --enroll-token; what is held is served meanwhile."
                    .to_owned()
            }
            Self::Enroll(error) => error.remedy(),
            Self::Call(error) if error.is_unknown_identity() => {
                "This instance was removed on the Console: make a token with `evercert instance token create`, and start with --enroll-token."
                    .to_owned()
            }
            Self::Call(error) => error.remedy(),
            Self::Refused(refused) => refused.remedy().to_owned(),
            Self::Diverged => {
                "The whole set is fetched again; if it persists, look at the Console's log.".to_owned()
            }
        }
    }
}
