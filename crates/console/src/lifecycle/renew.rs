//! When a version is due, and why: a chain of pure rules, each with a name that people see.

use evercert_db::slots::{Ari, Due};
use evercert_types::{RenewalMode, VersionState};
use jiff::{SignedDuration, Timestamp};

use super::failure::Life;

/// Everything the rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    pub(crate) mode: RenewalMode,
    /// The version in force; none before the first.
    pub(crate) active: Option<(Life, VersionState)>,
    /// What the CA's renewal information says.
    pub(crate) ari: Option<&'a Ari>,
    /// The vendor's "days before expiry".
    pub(crate) renew_before: Option<SignedDuration>,
    /// Between 0 and 1, always the same for a certificate: spreads those issued together.
    pub(crate) jitter: f64,
}

/// A rule's answer is a time, or nothing.
type Rule = fn(&Facts<'_>) -> Option<Timestamp>;

/// The rules with their names; of those that answer, the earliest time wins, and the first at the same time.
const RULES: [(&str, Rule); 5] = [
    ("missing", missing),
    ("revoked", revoked),
    ("renewal_info", renewal_info),
    ("renew_before", renew_before),
    ("lifetime_fraction", lifetime_fraction),
];

/// Certificates that live shorter than this are renewed at half their life, others with a third left.
const SHORT_LIVED: SignedDuration = SignedDuration::from_hours(240);

/// When it is due and by which rule; none: the operator decides.
pub(crate) fn due(facts: &Facts<'_>) -> Option<Due> {
    let answers = RULES
        .iter()
        .filter_map(|(name, rule)| Some((rule(facts)?, *name)));
    let (at, reason) = answers.min_by_key(|(at, _)| *at)?;
    Some(Due {
        at,
        reason: reason.to_owned(),
    })
}

/// Why an order was made, after "because"; what is not known is said as it is.
pub(crate) fn in_words(reason: &str) -> &str {
    match reason {
        "missing" => "there is no version yet",
        "failover" => "the certificate's own CA vendor does not deliver",
        "forced" => "it was asked for",
        "replaced" => "the version in force is to be revoked",
        "revoked" => "the version in force was revoked",
        "renewal_info" => "the CA's renewal information says that it is time",
        "renew_before" => "the vendor's time before expiry has begun",
        "lifetime_fraction" => "enough of its lifetime has passed",
        other => other,
    }
}

/// There is no version yet: asked for, whoever renews it later.
fn missing(facts: &Facts<'_>) -> Option<Timestamp> {
    facts.active.is_none().then_some(facts.now)
}

fn revoked(facts: &Facts<'_>) -> Option<Timestamp> {
    let (_, state) = automatic(facts)?;
    (state == VersionState::Revoked).then_some(facts.now)
}

/// The instant chosen in the CA's window; an instant in the past means now.
fn renewal_info(facts: &Facts<'_>) -> Option<Timestamp> {
    automatic(facts)?;
    facts.ari.map(|ari| ari.chosen)
}

/// The vendor's setting, unless it is more than half the lifetime: that would renew in a loop.
fn renew_before(facts: &Facts<'_>) -> Option<Timestamp> {
    let (life, _) = automatic(facts)?;
    let before = usable_renew_before(facts, life)?;
    life.not_after.checked_sub(before).ok()
}

fn lifetime_fraction(facts: &Facts<'_>) -> Option<Timestamp> {
    let (life, _) = automatic(facts)?;
    let length = life.length();
    let is_short = length < SHORT_LIVED;
    if usable_renew_before(facts, life).is_some() && !is_short {
        return None;
    }
    let left = if is_short { length / 2 } else { length / 3 };
    let early = SignedDuration::from_secs(
        (length.as_secs_f64() / 50.0 * facts.jitter.clamp(0.0, 1.0)) as i64,
    );
    life.not_after.checked_sub(left + early).ok()
}

fn usable_renew_before(facts: &Facts<'_>, life: Life) -> Option<SignedDuration> {
    facts
        .renew_before
        .filter(|before| *before <= life.length() / 2)
}

fn automatic(facts: &Facts<'_>) -> Option<(Life, VersionState)> {
    facts
        .active
        .filter(|_| facts.mode == RenewalMode::Automatic)
}

/// The instant in a window at which to renew (RFC 9773 §4.2): kept while the window stays, else chosen at random.
///
/// `chance` lies between 0 and 1.
pub(crate) fn choose_instant(
    start: Timestamp,
    end: Timestamp,
    known: Option<&Ari>,
    chance: f64,
) -> Timestamp {
    if let Some(known) = known.filter(|known| known.start == start && known.end == end) {
        return known.chosen;
    }
    let window = start.duration_until(end).max(SignedDuration::ZERO);
    let offset = (window.as_secs() as f64 * chance.clamp(0.0, 1.0)) as i64;
    start
        .checked_add(SignedDuration::from_secs(offset))
        .unwrap_or(end)
}

/// A number between 0 and 1 that is always the same for the same text.
pub(crate) fn jitter_of(text: &str) -> f64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_reason_has_words() {
        for reason in RULES.map(|(name, _)| name).into_iter().chain(["forced"]) {
            assert!(in_words(reason).contains(' '), "{reason}");
        }
    }

    const DAY: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn facts(days: i64) -> Facts<'static> {
        let life = Life {
            not_before: at(0),
            not_after: at(days * DAY),
        };
        Facts {
            now: at(DAY / 2),
            mode: RenewalMode::Automatic,
            active: Some((life, VersionState::Good)),
            ari: None,
            renew_before: None,
            jitter: 0.0,
        }
    }

    fn due_of(facts: &Facts<'_>) -> (i64, String) {
        let due = due(facts).unwrap();
        (due.at.as_second(), due.reason)
    }

    #[test]
    fn a_third_of_the_life_is_left_or_half_when_it_is_short() {
        assert_eq!(due_of(&facts(90)), (60 * DAY, "lifetime_fraction".into()));
        assert_eq!(due_of(&facts(6)), (3 * DAY, "lifetime_fraction".into()));
    }

    #[test]
    fn the_vendors_days_count_unless_they_would_loop() {
        let mut facts = facts(90);
        facts.renew_before = Some(SignedDuration::from_hours(24 * 7));
        assert_eq!(due_of(&facts), (83 * DAY, "renew_before".into()));

        facts.renew_before = Some(SignedDuration::from_hours(24 * 60));
        assert_eq!(due_of(&facts), (60 * DAY, "lifetime_fraction".into()));
    }

    #[test]
    fn renewal_info_in_the_past_beats_every_local_rule() {
        let ari = Ari {
            start: at(10),
            end: at(20),
            chosen: at(15),
            explanation: None,
        };
        let mut facts = facts(90);
        facts.ari = Some(&ari);

        assert_eq!(due_of(&facts), (15, "renewal_info".into()));
    }

    #[test]
    fn manual_certificates_wait_for_the_operator_once_they_are_there() {
        let mut facts = facts(90);
        facts.mode = RenewalMode::Manual;
        assert_eq!(due(&facts), None);

        facts.active = None;
        assert_eq!(due_of(&facts).1, "missing");
    }

    #[test]
    fn a_revoked_version_is_due_now() {
        let mut facts = facts(90);
        facts.active = facts.active.map(|(life, _)| (life, VersionState::Revoked));

        assert_eq!(due_of(&facts), (DAY / 2, "revoked".into()));
    }

    #[test]
    fn the_chosen_instant_stays_while_the_window_does() {
        let ari = Ari {
            start: at(0),
            end: at(100),
            chosen: at(42),
            explanation: None,
        };

        assert_eq!(choose_instant(at(0), at(100), Some(&ari), 0.9), at(42));
        assert_eq!(choose_instant(at(0), at(200), Some(&ari), 0.5), at(100));
    }

    proptest! {
        #[test]
        fn local_rules_end_within_the_life(
            lifetime in 3_600i64..40_000_000, before in proptest::option::of(0i64..80_000_000),
            jitter in 0.0f64..1.0,
        ) {
            let life = Life { not_before: at(0), not_after: at(lifetime) };
            let facts = Facts {
                now: at(1), mode: RenewalMode::Automatic,
                active: Some((life, VersionState::Good)), ari: None,
                renew_before: before.map(SignedDuration::from_secs), jitter,
            };

            let due = due(&facts).unwrap();

            prop_assert!(due.at <= life.not_after);
            // A version is never due again right after it was issued.
            prop_assert!(due.at.as_second() >= lifetime * 45 / 100, "{due:?}");
        }

        #[test]
        fn more_rules_never_make_it_later(
            lifetime in 864_000i64..40_000_000, chosen in 0i64..40_000_000, jitter in 0.0f64..1.0,
        ) {
            let life = Life { not_before: at(0), not_after: at(lifetime) };
            let ari = Ari { start: at(0), end: at(40_000_000), chosen: at(chosen), explanation: None };
            let mut facts = Facts {
                now: at(1), mode: RenewalMode::Automatic,
                active: Some((life, VersionState::Good)), ari: None, renew_before: None, jitter,
            };
            let without = due(&facts).unwrap().at;
            facts.ari = Some(&ari);

            let with = due(&facts).unwrap().at;

            prop_assert!(with <= without);
            prop_assert!(with <= ari.chosen);
        }

        #[test]
        fn the_chosen_instant_lies_in_the_window(
            start in 0i64..1_000_000, length in 1i64..1_000_000, chance in -0.5f64..1.5,
        ) {
            let (start, end) = (at(start), at(start + length));
            let chosen = choose_instant(start, end, None, chance);
            prop_assert!(start <= chosen && chosen <= end);
        }

        #[test]
        fn jitter_is_a_fraction(text in ".*") {
            let jitter = jitter_of(&text);
            prop_assert!((0.0..1.0).contains(&jitter));
            prop_assert_eq!(jitter, jitter_of(&text));
        }
    }
}
