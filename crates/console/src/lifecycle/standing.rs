//! How a certificate stands, in one word: a pure function of what is known of it.

use evercert_db::certificates::Certificate;
use evercert_db::listing::ListedKey;
use evercert_types::{CertificateState, RenewalMode, VersionState};
use jiff::{SignedDuration, Timestamp};

/// Orders that fail in a row before it is called failing.
const FAILING: u32 = 3;
/// Nothing is called expiring earlier than this, however long it lives.
const WATCH: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Everything that decides how one key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyFacts {
    pub(crate) now: Timestamp,
    pub(crate) mode: RenewalMode,
    pub(crate) paused: bool,
    /// The version in force: its validity and state.
    pub(crate) active: Option<(Timestamp, Timestamp, VersionState)>,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) failures: u32,
    /// Whether the last failure stays until somebody changes something.
    pub(crate) needs_change: bool,
    /// Failed attempts at the running order's present step; none when no order runs.
    pub(crate) running: Option<u32>,
}

/// How a certificate stands: as the gravest of its keys.
pub(crate) fn standing(
    certificate: &Certificate,
    keys: &[ListedKey],
    now: Timestamp,
) -> CertificateState {
    let states = keys
        .iter()
        .map(|key| key_standing(&facts(certificate, key, now)));
    states.min().unwrap_or(CertificateState::Missing)
}

/// What is known of one key.
pub(crate) fn facts(certificate: &Certificate, key: &ListedKey, now: Timestamp) -> KeyFacts {
    let error = key.slot.last_error.as_ref();
    KeyFacts {
        now,
        mode: certificate.renewal_mode,
        paused: certificate.paused,
        active: key
            .active
            .as_ref()
            .map(|version| (version.not_before, version.not_after, version.state)),
        due_at: key.slot.due.as_ref().map(|due| due.at),
        failures: key.slot.failures,
        needs_change: error.is_some_and(|error| error["class"] == "configuration"),
        running: key.running,
    }
}

/// How one key stands; the first rule that applies.
pub(crate) fn key_standing(facts: &KeyFacts) -> CertificateState {
    let over = facts.active.and_then(|(_, not_after, state)| match state {
        VersionState::Revoked => Some(CertificateState::Revoked),
        VersionState::Expired => Some(CertificateState::Expired),
        VersionState::Good if not_after <= facts.now => Some(CertificateState::Expired),
        VersionState::Good => None,
    });
    if let Some(over) = over {
        return over;
    }
    if facts.paused {
        return match is_expiring(facts) {
            true => CertificateState::Expiring,
            false => CertificateState::Paused,
        };
    }
    match (facts.failures, facts.running) {
        (1.., None) if facts.needs_change => CertificateState::Blocked,
        (FAILING.., _) => CertificateState::Failing,
        _ if is_expiring(facts) => CertificateState::Expiring,
        (1.., _) | (0, Some(1..)) => CertificateState::Retrying,
        (0, Some(0)) => CertificateState::Renewing,
        (0, None) if facts.due_at.is_some_and(|at| at <= facts.now) => CertificateState::Due,
        (0, None) if facts.active.is_none() => CertificateState::Missing,
        (0, None) => CertificateState::Ok,
    }
}

/// A third of the life, at most 30 days, when nothing is planned before its end; else a tenth, once the plan is overdue.
fn is_expiring(facts: &KeyFacts) -> bool {
    let Some((not_before, not_after, _)) = facts.active else {
        return false;
    };
    let life = not_before.duration_until(not_after);
    let left = facts.now.duration_until(not_after);
    let is_planned = facts.mode == RenewalMode::Automatic
        && !facts.paused
        && facts.due_at.is_some_and(|at| at < not_after);
    let is_overdue = facts.due_at.is_some_and(|at| at <= facts.now);
    match is_planned {
        false => left < (life / 3).min(WATCH),
        true => is_overdue && left < (life / 10).min(WATCH),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// 90 days long, on day 10, due on day 60.
    fn good() -> KeyFacts {
        KeyFacts {
            now: at(10 * DAY),
            mode: RenewalMode::Automatic,
            paused: false,
            active: Some((at(0), at(90 * DAY), VersionState::Good)),
            due_at: Some(at(60 * DAY)),
            failures: 0,
            needs_change: false,
            running: None,
        }
    }

    #[test]
    fn each_state_has_its_situation() {
        use CertificateState as S;
        let good = good();
        let revoked = Some((at(0), at(90 * DAY), VersionState::Revoked));
        let manual = RenewalMode::Manual;
        for (facts, expected) in [
            (good, S::Ok),
            (
                KeyFacts {
                    active: revoked,
                    running: Some(0),
                    ..good
                },
                S::Revoked,
            ),
            (
                KeyFacts {
                    now: at(90 * DAY),
                    paused: true,
                    ..good
                },
                S::Expired,
            ),
            (
                KeyFacts {
                    failures: 1,
                    needs_change: true,
                    ..good
                },
                S::Blocked,
            ),
            (
                KeyFacts {
                    failures: 1,
                    needs_change: true,
                    running: Some(0),
                    ..good
                },
                S::Retrying,
            ),
            (
                KeyFacts {
                    failures: 3,
                    ..good
                },
                S::Failing,
            ),
            (
                KeyFacts {
                    failures: 2,
                    ..good
                },
                S::Retrying,
            ),
            (
                KeyFacts {
                    running: Some(2),
                    ..good
                },
                S::Retrying,
            ),
            (
                KeyFacts {
                    running: Some(0),
                    ..good
                },
                S::Renewing,
            ),
            (
                KeyFacts {
                    now: at(60 * DAY),
                    ..good
                },
                S::Due,
            ),
            (
                KeyFacts {
                    now: at(82 * DAY),
                    ..good
                },
                S::Expiring,
            ),
            (
                KeyFacts {
                    now: at(70 * DAY),
                    mode: manual,
                    due_at: None,
                    ..good
                },
                S::Expiring,
            ),
            (
                KeyFacts {
                    now: at(50 * DAY),
                    mode: manual,
                    due_at: None,
                    ..good
                },
                S::Ok,
            ),
            (
                KeyFacts {
                    paused: true,
                    failures: 9,
                    ..good
                },
                S::Paused,
            ),
            (
                KeyFacts {
                    now: at(70 * DAY),
                    paused: true,
                    ..good
                },
                S::Expiring,
            ),
            (
                KeyFacts {
                    active: None,
                    due_at: None,
                    ..good
                },
                S::Missing,
            ),
            (
                KeyFacts {
                    active: None,
                    running: Some(0),
                    ..good
                },
                S::Renewing,
            ),
        ] {
            assert_eq!(key_standing(&facts), expected, "{facts:?}");
        }
    }

    fn any_facts() -> impl Strategy<Value = KeyFacts> {
        let state = prop::sample::select(VersionState::ALL);
        let active = prop::option::of((0..100 * DAY, 1..100 * DAY, state));
        let due = prop::option::of(0..200 * DAY);
        (
            active,
            due,
            0..5u32,
            prop::option::of(0..3u32),
            any::<[bool; 3]>(),
        )
            .prop_map(
                |(active, due, failures, running, [paused, manual, needs_change])| KeyFacts {
                    now: at(100 * DAY),
                    mode: RenewalMode::ALL[usize::from(manual)],
                    paused,
                    active: active
                        .map(|(from, length, state)| (at(from), at(from + length), state)),
                    due_at: due.map(at),
                    failures,
                    needs_change,
                    running,
                },
            )
    }

    proptest! {
        #[test]
        fn what_cannot_be_served_is_never_called_better(facts in any_facts()) {
            let state = key_standing(&facts);
            let can_serve = facts.active.is_some_and(|(_, end, state)| state == VersionState::Good && end > facts.now);
            if facts.active.is_some() {
                prop_assert_eq!(!can_serve, state <= CertificateState::Expired);
            }
        }

        #[test]
        fn a_failure_never_makes_it_better(facts in any_facts()) {
            let worse = KeyFacts { failures: facts.failures + 1, ..facts };
            prop_assert!(key_standing(&worse) <= key_standing(&facts));
        }

        #[test]
        fn less_life_never_makes_it_better(facts in any_facts(), gone in 0..50 * DAY) {
            prop_assume!(facts.active.is_some());
            let later = KeyFacts { now: facts.now + SignedDuration::from_secs(gone), ..facts };
            let (then, now) = (key_standing(&later), key_standing(&facts));
            // What is good may become due; everything else only gets worse.
            prop_assert!(then <= now || now == CertificateState::Ok, "{now} became {then}");
        }

        #[test]
        fn ok_means_that_nothing_is_wrong_or_going_on(facts in any_facts()) {
            if key_standing(&facts) == CertificateState::Ok {
                prop_assert!(facts.failures == 0 && facts.running.is_none() && !facts.paused);
                prop_assert!(facts.active.is_some());
            }
        }
    }
}
