//! Which instances show the responses to challenges: pure, from what they said and when.

use evercert_db::instances::Instance;
use evercert_types::Selector;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How much later than it promised an instance may be heard of, before it counts as away.
const GRACE: SignedDuration = SignedDuration::from_secs(45);
/// What an instance promises that does not say.
const CONTACT: i64 = 720;

/// How the instances in scope stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// They show everything up to the revision.
    pub(crate) serving: Vec<String>,
    /// They are there, and have not said so yet.
    pub(crate) waiting: Vec<String>,
    /// They are not waited for, with the reason.
    pub(crate) skipped: Vec<(String, &'static str)>,
    /// How long at most it takes those that are waited for.
    pub(crate) patience: SignedDuration,
}

/// How the instances that a selector picks stand towards a revision of the responses.
pub(crate) fn standing(
    instances: &[Instance],
    selector: &Selector,
    revision: i64,
    now: Timestamp,
) -> Standing {
    let mut standing = Standing::default();
    for instance in instances.iter().filter(|one| selector.matches(&one.labels)) {
        let name = instance.name.clone();
        match (
            instance.watermark.challenge_revision,
            is_away(instance, now),
        ) {
            (_, true) => standing.skipped.push((name, "it was not heard of lately")),
            (None, false) => {
                let why = "its program does not answer challenges";
                standing.skipped.push((name, why));
            }
            (Some(has), false) if has >= revision => standing.serving.push(name),
            (Some(_), false) => {
                standing.patience = standing.patience.max(promised(instance) + GRACE);
                standing.waiting.push(name);
            }
        }
    }
    standing
}

/// Whether an instance that a selector picks can answer a challenge soon.
pub(crate) fn any_can(instances: &[Instance], selector: &Selector, now: Timestamp) -> bool {
    let standing = standing(instances, selector, i64::MIN, now);
    !standing.serving.is_empty()
}

/// Whether an instance that a selector picks has answered challenges, whether it is there now or not.
pub(crate) fn any_knows(instances: &[Instance], selector: &Selector) -> bool {
    let mut mine = instances.iter().filter(|one| selector.matches(&one.labels));
    mine.any(|one| one.watermark.challenge_revision.is_some())
}

fn promised(instance: &Instance) -> SignedDuration {
    let seconds = instance.watermark.contact_secs.unwrap_or(CONTACT);
    SignedDuration::from_secs(seconds.clamp(30, 86_400))
}

fn is_away(instance: &Instance, now: Timestamp) -> bool {
    instance
        .last_seen_at
        .is_none_or(|seen| seen.duration_until(now) > promised(instance) + GRACE)
}

impl Standing {
    /// As the log shows it.
    pub(crate) fn to_json(&self) -> Value {
        let skipped = self
            .skipped
            .iter()
            .map(|(name, why)| json!({"instance": name, "why": why}));
        json!({
            "instances": self.serving,
            "waiting": self.waiting,
            "skipped": skipped.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use evercert_db::instances::Watermark;
    use evercert_types::{Fingerprint, InstanceId, Labels};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    fn instance(name: &str, has: Option<i64>, seen_ago: i64) -> Instance {
        Instance {
            id: InstanceId::new(),
            name: name.to_owned(),
            kind: "adc".to_owned(),
            labels: Labels::from([("site".to_owned(), "fra".to_owned())]),
            agent_version: "1".to_owned(),
            boot: None,
            identity_fingerprint: Fingerprint([0; 32]),
            identity_not_after: Timestamp::MAX,
            watermark: Watermark {
                challenge_revision: has,
                contact_secs: Some(60),
                ..Watermark::default()
            },
            last_seen_at: Some(now() - SignedDuration::from_secs(seen_ago)),
            enrolled_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn those_that_are_there_are_waited_for_and_the_others_named() {
        let all = [
            instance("serves", Some(9), 10),
            instance("waits", Some(8), 10),
            instance("old", None, 10),
            instance("away", Some(8), 106),
        ];

        let standing = standing(&all, &Selector::default(), 9, now());

        assert_eq!(standing.serving, ["serves"]);
        assert_eq!(standing.waiting, ["waits"]);
        let skipped: Vec<_> = standing.skipped.iter().map(|(name, _)| name).collect();
        assert_eq!(skipped, ["old", "away"]);
        assert_eq!(standing.patience, SignedDuration::from_secs(105));
    }

    #[test]
    fn instances_out_of_scope_are_nobody() {
        let elsewhere = Selector(Labels::from([("site".to_owned(), "ber".to_owned())]));

        let all = [instance("serves", Some(9), 10)];

        assert_eq!(standing(&all, &elsewhere, 9, now()), Standing::default());
        assert!(any_can(&all, &Selector::default(), now()));
        assert!(!any_can(&all, &elsewhere, now()));
        assert!(!any_can(
            &[instance("old", None, 0)],
            &Selector::default(),
            now()
        ));
    }
}
