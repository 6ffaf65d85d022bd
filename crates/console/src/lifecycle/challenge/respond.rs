//! Showing responses to http-01 and tls-alpn-01: written for all to show, waited for, withdrawn.

use evercert_db::Tx;
use evercert_db::authorizations::Authorization;
use evercert_db::challenge_responses::NewChallengeResponse;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::responders::{Standing, standing};
use crate::lifecycle::failure::{Class, Failure, Stage};
use crate::lifecycle::issue::{Drive, Halt};

/// How long the worker stays with an order whose instances have not answered yet.
const STAY: Duration = Duration::from_secs(15);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(100);
/// How long a response is shown at most, for CAs that never come.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Whether an authorization is proved by something that instances or Consoles show.
pub(super) fn is_shown(one: &Authorization) -> bool {
    matches!(one.challenge_type.as_str(), "http-01" | "tls-alpn-01")
}

impl Drive<'_> {
    /// Writes the responses of the pending authorizations that are proved so.
    pub(crate) async fn publish_responses(
        &self,
        tx: &mut Tx,
        pending: &[&Authorization],
    ) -> Result<usize, Halt> {
        let mut count = 0;
        for one in pending.iter().filter(|one| is_shown(one)) {
            if one.challenge_type == "tls-alpn-01" {
                self.wait_for_its_turn(one).await?;
            }
            tx.publish_challenge(&NewChallengeResponse {
                order_id: self.order.id,
                kind: &one.challenge_type,
                identifier: &one.identifier,
                token: &one.token,
                key_authorization: one.txt_value.as_deref().unwrap_or_default(),
                selector: &self.certificate.selector,
                expires_at: self.shown_until(),
            })
            .await?;
            count += 1;
        }
        Ok(count)
    }

    /// A handshake says no more than the name: two orders cannot prove it by different tokens at a time.
    async fn wait_for_its_turn(&self, one: &Authorization) -> Result<(), Halt> {
        let db = &self.console.db;
        let others = db.challenges_for_handshake(&one.identifier).await?;
        let is_taken = others
            .iter()
            .any(|other| other.order_id != self.order.id && other.token != one.token);
        match is_taken {
            true => Err(Halt::Wait(
                "another order proves the same name by tls-alpn-01",
            )),
            false => Ok(()),
        }
    }

    fn shown_until(&self) -> Timestamp {
        let longest = self.console.now() + LIFE;
        self.order
            .expires_at
            .map_or(longest, |expires| expires.min(longest))
    }

    /// Published: waits until every instance in scope that is there shows the order's responses; what was found.
    pub(crate) async fn await_responders(&self) -> Result<Option<Value>, Halt> {
        let db = &self.console.db;
        let responses = db.challenges_of(self.order.id).await?;
        let Some(needed) = responses.iter().map(|one| one.revision).max() else {
            return Ok(None);
        };
        let listens = self.listens_for(responses.iter().map(|one| one.kind.as_str()));
        let deadline = Instant::now() + STAY;
        loop {
            let (instances, now) = (db.instances().await?, self.console.now());
            let found = standing(&instances, &self.certificate.selector, needed, now);
            if found.waiting.is_empty() {
                return self.all_there(found, listens).map(Some);
            }
            let waited = self.order.updated_at.duration_until(now);
            if waited > found.patience {
                return match listens {
                    true => Ok(Some(self.told(&found, listens))),
                    false => Err(not_shown(&found, waited).into()),
                };
            }
            if Instant::now() >= deadline {
                return Err(Halt::Wait(
                    "instances do not show the challenges' responses yet",
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn all_there(&self, found: Standing, listens: bool) -> Result<Value, Halt> {
        for (name, why) in &found.skipped {
            tracing::info!(
                instance.name = name,
                order.id = %self.order.id,
                "an instance in scope does not answer the challenge: {why}"
            );
        }
        if found.serving.is_empty() && !listens {
            return Err(nobody(&found).into());
        }
        Ok(self.told(&found, listens))
    }

    fn told(&self, found: &Standing, listens: bool) -> Value {
        let mut told = found.to_json();
        told["console"] = json!(listens);
        told
    }

    fn listens_for<'a>(&self, mut kinds: impl Iterator<Item = &'a str>) -> bool {
        let config = &self.console.config;
        kinds.all(|kind| match kind {
            "http-01" => config.challenge_http_listen.is_some(),
            _ => config.challenge_tls_listen.is_some(),
        })
    }

    /// Withdraws what is shown for the order; what cannot be withdrawn now is left to the sweep.
    pub(crate) async fn withdraw_responses(&self) {
        let withdrawn = async {
            if self
                .console
                .db
                .challenges_of(self.order.id)
                .await?
                .is_empty()
            {
                return Ok(0);
            }
            let mut tx = self.console.db.begin_write().await?;
            let gone = tx.withdraw_challenges(self.order.id).await?;
            tx.commit().await?;
            Ok::<_, evercert_db::DbError>(gone)
        };
        match withdrawn.await {
            Ok(0) => {}
            Ok(_) => self.console.bells.challenges.notify_one(),
            Err(error) => {
                tracing::warn!(order.id = %self.order.id, %error, "responses to challenges are left to the sweep");
            }
        }
    }
}

fn not_shown(found: &Standing, waited: SignedDuration) -> Failure {
    Failure::new(
        Stage::Propagation,
        Class::Transient,
        "challenge.not_shown",
        format!(
            "after {} s {} not said that {} the response to the challenge",
            waited.as_secs(),
            match found.waiting.as_slice() {
                [one] => format!("the instance {one} has"),
                many => format!("the instances {} have", many.join(", ")),
            },
            match found.waiting.len() {
                1 => "it shows",
                _ => "they show",
            }
        ),
    )
    .with_remedy(
        "See `evercert instance list`; remove instances that are gone, or look at their logs.",
    )
}

fn nobody(found: &Standing) -> Failure {
    let skipped = found.skipped.iter();
    let skipped: Vec<_> = skipped
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    let detail = match skipped.is_empty() {
        true => "no instance is in the certificate's scope".to_owned(),
        false => skipped.join("; "),
    };
    Failure::new(
        Stage::Propagation,
        Class::Transient,
        "challenge.no_responder",
        format!("nobody shows the response to the challenge ({detail})"),
    )
    .with_remedy(
        "Bring an ADC in the scope back, or start the Console with --challenge-http-listen or --challenge-tls-listen.",
    )
}
