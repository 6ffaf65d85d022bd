//! When to try again: seconds within an order, minutes to a day between orders, never hot, never forgotten.

use jiff::{SignedDuration, Timestamp};

use super::failure::{Class, Failure};

/// Waits before the second, third, … attempt at one step of an order, in seconds: 1, 2, 4 … 60, the last five times.
const STEPS: [i64; 11] = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60];

/// Waits before the second, third, … order after what passes by itself, in minutes; the last one from then on.
const TRANSIENT: [i64; 7] = [1, 2, 4, 8, 16, 32, 60];

/// Waits after failed validations, in minutes (Let's Encrypt's advice); the last one from then on.
const VALIDATION: [i64; 4] = [1, 10, 100, DAY];

/// A configuration stops an order until it is edited; once a day it is looked at all the same, because accounts, terms
/// and CAA records are also put right elsewhere.
const CONFIGURATION: [i64; 1] = [DAY];

const DAY: i64 = 24 * 60;

/// No wait between orders is shorter than this, whatever is about to expire.
pub(crate) const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// Let's Encrypt allows five failed validations an hour for each name.
const SHORTEST_VALIDATION: SignedDuration = SignedDuration::from_mins(20);

/// Validity of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Life {
    /// From notBefore to notAfter.
    pub(crate) fn length(self) -> SignedDuration {
        self.not_before
            .duration_until(self.not_after)
            .max(SignedDuration::ZERO)
    }

    /// Whether less than this part of it is left.
    pub(crate) fn is_within_last(self, part: i32, now: Timestamp) -> bool {
        now.duration_until(self.not_after) < self.length() / part
    }
}

/// When to try the present step of an order again; none: it has been tried often enough.
///
/// `attempts` counts the failed one; `jitter` lies between 0 and 1.
pub(crate) fn next_step(
    failure: &Failure,
    attempts: u32,
    now: Timestamp,
    jitter: f64,
) -> Option<Timestamp> {
    let wait = STEPS.get(attempts.max(1) as usize - 1)?;
    Some(after(
        failure,
        SignedDuration::from_secs(*wait),
        now,
        jitter,
    ))
}

/// When to make the next order: the ladder of its class, what the other side asks for, and sooner when less than a
/// tenth of the life is left.
///
/// `failures` counts this one; `life` is that of the version in force; `jitter` lies between 0 and 1.
pub(crate) fn next_try(
    failure: &Failure,
    failures: u32,
    now: Timestamp,
    life: Option<Life>,
    jitter: f64,
) -> Timestamp {
    let ladder: &[i64] = match failure.class {
        Class::Transient | Class::CaOutage => &TRANSIENT,
        Class::Validation => &VALIDATION,
        Class::Configuration => &CONFIGURATION,
    };
    let shortest = match failure.class {
        Class::Validation => SHORTEST_VALIDATION,
        _ => SHORTEST,
    };
    let rung = (failures.max(1) as usize - 1).min(ladder.len() - 1);
    let mut wait = SignedDuration::from_mins(ladder[rung]);
    if let Some(life) = life.filter(|life| life.is_within_last(10, now)) {
        let left = now.duration_until(life.not_after).max(SignedDuration::ZERO);
        wait = wait.min((left / 10).max(shortest));
    }
    after(failure, wait, now, jitter)
}

/// Not before the other side wants it.
fn after(failure: &Failure, wait: SignedDuration, now: Timestamp, jitter: f64) -> Timestamp {
    let mut wait = spread(wait, jitter);
    if let Some(asked) = failure.retry_after {
        wait = wait.max(asked);
    }
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Up to a tenth longer, so that many failures do not come back together.
fn spread(wait: SignedDuration, jitter: f64) -> SignedDuration {
    let extra = wait.as_secs_f64() * 0.1 * jitter.clamp(0.0, 1.0);
    wait + SignedDuration::from_secs(extra as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::failure::Stage;
    use super::*;

    fn failure(class: Class) -> Failure {
        Failure::new(Stage::Order, class, "x", "x")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn waits(class: Class) -> Vec<i64> {
        let next = |n| next_try(&failure(class), n, at(0), None, 0.0);
        (1..=8).map(|n| next(n).as_second() / 60).collect()
    }

    #[test]
    fn each_class_has_its_ladder() {
        assert_eq!(waits(Class::Transient), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(waits(Class::CaOutage), waits(Class::Transient));
        assert_eq!(
            waits(Class::Validation),
            [1, 10, 100, DAY, DAY, DAY, DAY, DAY]
        );
        assert_eq!(waits(Class::Configuration), [DAY; 8]);
    }

    #[test]
    fn a_step_is_tried_again_within_seconds_and_not_for_ever() {
        let failure = failure(Class::Transient);
        let next = |n| next_step(&failure, n, at(0), 0.0).map(Timestamp::as_second);

        let waits: Vec<_> = (1..).map_while(next).collect();

        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
    }

    #[test]
    fn little_life_left_shortens_the_wait() {
        let life = |left| {
            Some(Life {
                not_before: at(-9_990_000),
                not_after: at(left),
            })
        };
        let next = |class, left| next_try(&failure(class), 9, at(0), life(left), 0.0).as_second();

        assert_eq!(next(Class::CaOutage, 10_000), 1_000);
        assert_eq!(next(Class::Validation, 20_000), 2_000);
        assert_eq!(next(Class::Validation, 60), 1_200);
        assert_eq!(next(Class::Configuration, 10_000), 1_000);
        assert_eq!(next(Class::CaOutage, -5), 60);
    }

    #[test]
    fn what_the_ca_asks_for_is_kept() {
        let mut failure = failure(Class::Transient);
        failure.retry_after = Some(SignedDuration::from_hours(30));

        assert_eq!(next_try(&failure, 1, at(0), None, 0.5), at(30 * 3_600));
        assert_eq!(next_step(&failure, 1, at(0), 0.5), Some(at(30 * 3_600)));
    }

    fn any_class() -> impl Strategy<Value = Class> {
        prop::sample::select(vec![
            Class::Transient,
            Class::Validation,
            Class::Configuration,
            Class::CaOutage,
        ])
    }

    proptest! {
        #[test]
        fn no_wait_is_hot(failures in 0u32..1000, left in -10_000i64..10_000_000,
                          lifetime in 1i64..40_000_000, jitter in -1.0f64..2.0, class in any_class()) {
            let now = at(1_790_000_000);
            let not_after = at(1_790_000_000 + left);
            let life = Life { not_before: at(1_790_000_000 + left - lifetime), not_after };

            let next = next_try(&failure(class), failures, now, Some(life), jitter);

            prop_assert!(now.duration_until(next) >= SHORTEST);
            prop_assert!(now.duration_until(next) <= SignedDuration::from_hours(27));
        }

        /// Whatever fails, in whatever order, and however near the end: few orders an hour, few attempts at a step.
        #[test]
        fn no_sequence_of_failures_is_hot(
            classes in prop::collection::vec((any_class(), any::<bool>()), 1..400),
            left in 0i64..3_000_000, jitter in 0.0f64..1.0,
        ) {
            let life = Life { not_before: at(-7_776_000), not_after: at(left) };
            let (mut now, mut failures, mut attempts) = (at(0), 0, 0);
            let (mut orders, mut tries) = (vec![now], vec![now]);
            for (class, in_order) in classes {
                let failure = failure(class);
                attempts += 1;
                let again = next_step(&failure, attempts, now, jitter)
                    .filter(|_| in_order && matches!(class, Class::Transient | Class::CaOutage));
                now = match again {
                    Some(again) => again,
                    None => {
                        (failures, attempts) = (failures + 1, 0);
                        let next = next_try(&failure, failures, now, Some(life), jitter);
                        orders.push(next);
                        next
                    }
                };
                tries.push(now);
            }

            let hour = SignedDuration::from_hours(1);
            let busiest = |times: &[Timestamp]| times.iter().enumerate().map(|(n, from)| {
                times[n..].iter().take_while(|at| from.duration_until(**at) < hour).count()
            }).max().unwrap_or(0);
            prop_assert!(busiest(&orders) <= 60, "{} orders", busiest(&orders));
            prop_assert!(busiest(&tries) <= 160, "{} attempts", busiest(&tries));
        }

        /// Validations alone stay below what Let's Encrypt bears: five an hour for each name.
        #[test]
        fn failed_validations_stay_below_the_cas_limit(left in 0i64..3_000_000, jitter in 0.0f64..1.0) {
            let life = Life { not_before: at(-7_776_000), not_after: at(left) };
            let mut times = vec![at(0)];
            for n in 1..200 {
                let now = times[times.len() - 1];
                times.push(next_try(&failure(Class::Validation), n, now, Some(life), jitter));
            }

            let hour = SignedDuration::from_hours(1);
            for (n, from) in times.iter().enumerate() {
                let near = times[n..].iter().take_while(|at| from.duration_until(**at) < hour).count();
                prop_assert!(near <= 5, "{near} failed validations in an hour");
            }
        }
    }
}
