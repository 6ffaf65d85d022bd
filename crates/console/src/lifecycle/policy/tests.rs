//! The rules on their own, and what holds for all facts.

use proptest::prelude::*;

use super::maintenance::Maintenance;
use super::place::{
    Budget, Ground, Load, Place, extent, full_at, settle_near, settle_wide, spans, spread,
};
use super::*;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn life(days: i64) -> Life {
    Life {
        not_before: at(0),
        not_after: at(days * DAY),
    }
}

fn facts(days: i64) -> Facts<'static> {
    Facts {
        now: at(DAY / 2),
        mode: RenewalMode::Automatic,
        paused: false,
        vendor: Some("le"),
        active: Some(Active {
            life: life(days),
            state: VersionState::Good,
            changed: None,
            of_another_vendor: false,
        }),
        ari: None,
        renew_before: None,
        asked: None,
        safety: None,
    }
}

fn ari(start: i64, end: i64, chosen: i64) -> Ari {
    Ari {
        start: at(start),
        end: at(end),
        chosen: at(chosen),
        explanation: None,
    }
}

fn said(facts: &Facts<'_>) -> (&'static str, i64) {
    let decision = decide(facts);
    (
        decision.rule,
        decision.window.unwrap().preferred.as_second(),
    )
}

#[test]
fn every_reason_has_words() {
    for (reason, _) in RULES {
        if !["no_vendor", "paused", "manual", "vendor_changed"].contains(&reason) {
            assert!(in_words(reason).contains(' '), "{reason}");
        }
    }
}

#[test]
fn a_third_of_the_life_is_left_or_half_when_it_is_short_and_never_less_than_the_floor() {
    assert_eq!(said(&facts(90)), ("lifetime_fraction", 60 * DAY));
    assert_eq!(said(&facts(6)), ("lifetime_fraction", 3 * DAY));
    assert_eq!(said(&facts(12)), ("floor", 6 * DAY));
    assert_eq!(said(&facts(18)), ("floor", 11 * DAY));
}

#[test]
fn the_vendors_days_count_unless_they_would_loop() {
    let mut facts = facts(90);
    facts.renew_before = Some(hours(24 * 7));
    assert_eq!(said(&facts), ("renew_before", 83 * DAY));

    facts.renew_before = Some(hours(24 * 60));
    assert_eq!(said(&facts), ("lifetime_fraction", 60 * DAY));
    let decision = decide(&facts);
    let rule = decision
        .rules
        .iter()
        .find(|rule| rule.rule == "renew_before")
        .unwrap();
    assert!(
        rule.words.contains("more than half of its lifetime"),
        "{}",
        rule.words
    );

    // An hour before expiry is later than anything may be.
    facts.renew_before = Some(hours(1));
    assert_eq!(said(&facts), ("safety_limit", 89 * DAY));
    facts.safety = Some(hours(48));
    assert_eq!(said(&facts), ("safety_limit", 88 * DAY));
}

#[test]
fn short_lived_certificates_are_renewed_at_half_their_life_whatever_the_vendor_says() {
    let mut facts = facts(6);
    facts.renew_before = Some(hours(24));
    assert_eq!(said(&facts), ("lifetime_fraction", 3 * DAY));
}

#[test]
fn renewal_info_in_the_past_beats_every_local_rule() {
    let past = ari(30_000, 40_000, 35_000);
    let mut facts = facts(90);
    facts.ari = Some(&past);

    let decision = decide(&facts);

    assert_eq!((decision.rule, decision.urgent), ("renewal_info", true));
    assert_eq!(decision.window.unwrap().preferred, at(35_000));

    // A CA that says so of what it has just issued is not asked in a loop.
    facts.now = at(60);
    let before_issuance = ari(-20, -10, -15);
    facts.ari = Some(&before_issuance);
    let decision = decide(&facts);
    assert_eq!((decision.rule, decision.urgent), ("renewal_info", false));
    assert_eq!(decision.window.unwrap().preferred, at(6 * 3_600));
}

#[test]
fn a_renewal_window_that_ends_before_it_begins_does_not_count() {
    let upside_down = ari(20, 10, 15);
    let mut facts = facts(90);
    facts.ari = Some(&upside_down);

    assert_eq!(said(&facts), ("lifetime_fraction", 60 * DAY));
}

#[test]
fn the_cas_explanation_is_told() {
    let mut ari = ari(10 * DAY, 11 * DAY, 10 * DAY + 5);
    ari.explanation = Some("https://ca.example/incident".to_owned());
    let mut facts = facts(90);
    facts.ari = Some(&ari);

    assert!(decide(&facts).words.contains("https://ca.example/incident"));
}

#[test]
fn a_local_rule_keeps_inside_the_cas_window_where_they_overlap() {
    let late = ari(60 * DAY - 7_200, 62 * DAY, 61 * DAY);
    let mut facts = facts(90);
    facts.ari = Some(&late);

    let decision = decide(&facts);

    assert_eq!(decision.rule, "lifetime_fraction");
    assert_eq!(decision.window.unwrap().earliest, late.start);
}

#[test]
fn stops_stop_and_say_so() {
    let mut manual = facts(90);
    manual.mode = RenewalMode::Manual;
    let decision = decide(&manual);
    assert_eq!((decision.rule, decision.window), ("manual", None));
    let lost = decision
        .rules
        .iter()
        .find(|rule| rule.rule == "lifetime_fraction")
        .unwrap();
    assert_eq!(lost.answer, Answer::Loses);
    assert!(lost.words.ends_with("; manual stops it"), "{}", lost.words);

    manual.asked = Some("forced");
    assert_eq!(decide(&manual).rule, "forced");
    manual.asked = None;
    manual.active = None;
    assert_eq!(decide(&manual).rule, "missing");
    manual.paused = true;
    assert_eq!(decide(&manual).rule, "paused");
    manual.vendor = None;
    assert_eq!(decide(&manual).rule, "no_vendor");
}

#[test]
fn what_was_revoked_or_changed_is_due_now() {
    let mut facts = facts(90);
    let active = facts.active.unwrap();
    facts.active = Some(Active {
        state: VersionState::Revoked,
        ..active
    });
    assert_eq!(said(&facts), ("revoked", DAY / 2));
    assert!(decide(&facts).urgent);

    facts.active = Some(Active {
        changed: Some("its names were"),
        ..active
    });
    assert_eq!(said(&facts), ("changed", DAY / 2));
    assert!(!decide(&facts).urgent);
}

#[test]
fn a_change_of_vendor_waits_for_the_window_and_is_told() {
    let mut facts = facts(90);
    let active = facts.active.unwrap();
    facts.active = Some(Active {
        of_another_vendor: true,
        ..active
    });

    let decision = decide(&facts);

    assert_eq!(decision.rule, "lifetime_fraction");
    let rule = decision
        .rules
        .iter()
        .find(|rule| rule.rule == "vendor_changed")
        .unwrap();
    assert!(rule.words.contains("not from le"), "{}", rule.words);
}

#[test]
fn the_chosen_instant_stays_while_the_window_does() {
    let known = ari(0, 100, 42);
    assert_eq!(choose_instant(at(0), at(100), Some(&known), 0.9), at(42));
    assert_eq!(choose_instant(at(0), at(200), Some(&known), 0.5), at(100));
}

// Places ---------------------------------------------------------------------------------------------------------

fn ground<'a>(now: i64, maintenance: Option<&'a Maintenance>) -> Ground<'a> {
    Ground {
        now: at(now),
        not_before: at(0),
        safety: at(89 * DAY),
        maintenance,
        jitter: 0.5,
    }
}

fn window(earliest: i64, preferred: i64, latest: i64) -> Window {
    Window {
        earliest: at(earliest),
        preferred: at(preferred),
        latest: at(latest),
    }
}

/// The whole way to a place, as the planner goes it.
fn placed(window: &Window, ground: &Ground<'_>, load: &Load) -> (Place, Option<bool>) {
    let spans = spans(window, spread(window, ground.jitter), ground);
    let place = settle_near(&spans, load, ground.jitter)
        .unwrap_or_else(|| settle_wide(&spans, load, ground.jitter));
    (place, spans.maintenance.map(|answer| answer.kept))
}

fn busy(hours: impl IntoIterator<Item = i64>, planned: u32, most: u32) -> Load {
    Load {
        planned: hours.into_iter().map(|hour| (hour, planned)).collect(),
        most,
    }
}

#[test]
fn a_full_hour_sends_the_next_one_elsewhere_in_the_window_and_then_before_it() {
    let window = window(59 * DAY, 60 * DAY, 60 * DAY);
    let ground = ground(DAY, None);
    let aimed = 59 * DAY + DAY / 2;
    let (place, _) = placed(
        &window,
        &ground,
        &Load {
            most: 4,
            ..Load::default()
        },
    );
    assert_eq!((place.at, place.levelled), (at(aimed), None));

    let home = aimed / 3_600;
    let (place, _) = placed(&window, &ground, &busy([home], 4, 4));
    assert_eq!(place.at.as_second() / 3_600, home - 1);
    assert!(place.levelled.unwrap().contains("within its window"));

    let all = (59 * 24)..=(60 * 24);
    let (place, _) = placed(&window, &ground, &busy(all, 4, 4));
    assert_eq!(place.at.as_second() / 3_600, 59 * 24 - 1);
    assert!(place.levelled.unwrap().contains("before its window"));
}

#[test]
fn a_maintenance_window_moves_a_renewal_but_never_beyond_the_safety_limit() {
    // 1970-01-01 was a Thursday: day 60 is a Monday.
    let window = window(59 * DAY, 60 * DAY, 60 * DAY);
    let sunday: Maintenance = "Sun 02:00-05:00".parse().unwrap();
    let (place, kept) = placed(&window, &ground(DAY, Some(&sunday)), &busy([], 0, 4));
    assert_eq!((place.at.as_second() / DAY, kept), (59, Some(true)));

    let friday: Maintenance = "Fri 02:00-05:00".parse().unwrap();
    let (place, kept) = placed(&window, &ground(DAY, Some(&friday)), &busy([], 0, 4));
    assert_eq!((place.at.as_second() / DAY, kept), (57, Some(true)));

    // Too late to go back: it waits for the next one.
    let (place, kept) = placed(&window, &ground(59 * DAY, Some(&friday)), &busy([], 0, 4));
    assert_eq!((place.at.as_second() / DAY, kept), (64, Some(true)));

    // And where none comes in time, maintenance loses.
    let mut late = ground(59 * DAY, Some(&friday));
    late.safety = at(62 * DAY);
    let (place, kept) = placed(&window, &late, &busy([], 0, 4));
    assert_eq!((place.at.as_second() / DAY, kept), (59, Some(false)));
}

#[test]
fn an_hour_is_full_a_quarter_above_level_and_never_above_the_budget() {
    let unknown = Budget::default();
    assert_eq!(full_at(12_500_000, unknown), 16);
    assert_eq!(full_at(0, unknown), 4);
    assert_eq!(
        full_at(
            u64::MAX,
            Budget {
                per_hour: Some(100)
            }
        ),
        100
    );
    assert_eq!(full_at(0, Budget { per_hour: Some(1) }), 1);
}

#[test]
fn a_thousand_that_were_issued_together_are_spread() {
    let window = window(59 * DAY, 60 * DAY, 60 * DAY);
    let mut load = Load {
        most: 4,
        ..Load::default()
    };
    for n in 0..1_000u32 {
        let mut ground = ground(DAY, None);
        ground.jitter = jitter_of(&n.to_string());
        let (place, _) = placed(&window, &ground, &load);
        assert!(place.at <= window.latest && place.at >= at(30 * DAY));
        *load
            .planned
            .entry(place.at.as_second() / 3_600)
            .or_default() += 1;
    }
    assert_eq!(load.planned.values().max(), Some(&4));
}

proptest! {
    #[test]
    fn a_version_is_due_within_its_life_and_never_right_after_it_was_issued(
        lifetime in 3_600i64..40_000_000, before in proptest::option::of(0i64..80_000_000),
        safety in proptest::option::of(0i64..80_000_000), jitter in 0.0f64..1.0,
    ) {
        let mut facts = facts(1);
        let life = Life { not_before: at(0), not_after: at(lifetime) };
        facts.now = at(1);
        facts.active = Some(Active { life, ..facts.active.unwrap() });
        facts.renew_before = before.map(SignedDuration::from_secs);
        facts.safety = safety.map(SignedDuration::from_secs);

        let decision = decide(&facts);

        let window = decision.window.unwrap();
        let limit = life.not_after - safety_of(life, facts.safety);
        prop_assert!(window.earliest <= window.preferred && window.preferred <= window.latest);
        prop_assert!(window.latest <= limit, "{window:?} {limit}");
        let aim = spread(&window, jitter);
        prop_assert!(window.earliest <= aim && aim <= window.preferred);
        prop_assert!(aim.as_second() >= lifetime * 45 / 100, "{window:?}");
    }

    #[test]
    fn more_rules_never_make_it_later_and_each_decision_explains_itself(
        lifetime in 7_200i64..40_000_000, now in 0i64..40_000_000, start in 0i64..40_000_000,
        length in -100i64..1_000_000, chance in 0.0f64..1.0, before in 0i64..40_000_000,
        revoked: bool, changed: bool, asked in 0usize..3,
    ) {
        let mut facts = facts(1);
        facts.now = at(now);
        let life = Life { not_before: at(0), not_after: at(lifetime) };
        facts.active = Some(Active { life, ..facts.active.unwrap() });
        let chosen = choose_instant(at(start), at(start + length), None, chance);
        let ari = Ari { start: at(start), end: at(start + length), chosen, explanation: None };
        let mut all: Vec<Facts<'_>> = vec![facts.clone()];
        facts.renew_before = Some(SignedDuration::from_secs(before.min(lifetime / 3)));
        let with_days = facts.clone();
        all.push(with_days);
        facts.ari = Some(&ari);
        all.push(facts.clone());
        let state = if revoked { VersionState::Revoked } else { VersionState::Good };
        let changed = changed.then_some("its names were");
        facts.active = Some(Active { state, changed, ..facts.active.unwrap() });
        all.push(facts.clone());
        facts.asked = [None, Some("forced"), Some("replaced")][asked];
        all.push(facts);

        let decisions: Vec<Decision> = all.iter().map(decide).collect();

        // The vendor's days replace the fraction; from there on each adds a rule.
        for pair in decisions[1..].windows(2) {
            let (less, more) = (pair[0].window.unwrap(), pair[1].window.unwrap());
            prop_assert!(more.preferred <= less.preferred);
            prop_assert!(more.latest <= less.latest.max(more.preferred));
        }
        for (decision, facts) in decisions.iter().zip(&all) {
            prop_assert_eq!(decision, &decide(facts));
            prop_assert_eq!(decision.rules.len(), RULES.len());
            let deciders = decision.rules.iter().filter(|rule| rule.answer == Answer::Decides);
            prop_assert_eq!(deciders.count(), 1);
            for rule in &decision.rules {
                prop_assert!(!rule.words.is_empty());
                let lost = rule.answer == Answer::Loses;
                prop_assert_eq!(lost, rule.words.contains("comes first"), "{:?}", rule);
            }
            let ari_counts = facts.ari.is_some_and(|ari| ari.end > ari.start);
            let settled = (lifetime / 20).min(6 * 3_600);
            if ari_counts && chosen <= facts.now && now >= settled {
                prop_assert!(decision.window.unwrap().preferred <= facts.now);
            }
        }
    }

    #[test]
    fn places_respect_window_limit_maintenance_and_budget(
        now in 0i64..90 * DAY, early in 0i64..5 * DAY, preferred in 40 * DAY..80 * DAY,
        late in 0i64..5 * DAY, limit in 81 * DAY..89 * DAY, jitter in 0.0f64..1.0, day in 0usize..8,
        planned in proptest::collection::btree_map(0i64..90 * 24, 0u32..8, 0..200), most in 1u32..8,
    ) {
        let window = window(preferred - early, preferred, (preferred + late).min(limit));
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let maintenance: Option<Maintenance> =
            days.get(day).map(|day| format!("{day} 02:00-05:00").parse().unwrap());
        let mut ground = ground(now, maintenance.as_ref());
        (ground.safety, ground.jitter) = (at(limit), jitter);
        let load = Load { planned, most };

        let aim = spread(&window, jitter);
        let spans = spans(&window, aim, &ground);
        let near = settle_near(&spans, &load, jitter);
        let place = near.clone().unwrap_or_else(|| settle_wide(&spans, &load, jitter));

        prop_assert!(place.at >= at(now));
        prop_assert!(place.at.as_second() <= limit.max(now) + 1, "{place:?}");
        if maintenance.is_none() && window.latest > at(now) {
            prop_assert!(place.at <= window.latest);
        }
        // Never drawn into the first half of the time since it was issued.
        prop_assert!(place.at.as_second() * 2 >= aim.as_second() - 2);
        let kept = spans.maintenance.as_ref().map(|answer| answer.kept);
        if let (Some(maintenance), Some(true)) = (&maintenance, kept) {
            let open = maintenance.within(place.at, place.at + SignedDuration::from_secs(1));
            prop_assert!(!open.is_empty(), "{place:?}");
        }
        if let Some(near) = &near {
            let hour = near.at.as_second().div_euclid(3_600);
            prop_assert!(load.planned.get(&hour).copied().unwrap_or(0) < most);
            let (from, to) = extent(&spans.near).unwrap();
            prop_assert!(from <= near.at && near.at < to);
        }
        // The same facts give the same place.
        prop_assert_eq!(settle_near(&spans, &load, jitter), near);
    }

    #[test]
    fn the_chosen_instant_lies_in_the_window(
        start in 0i64..1_000_000, length in 1i64..1_000_000, chance in -0.5f64..1.5,
    ) {
        let (start, end) = (at(start), at(start + length));
        let chosen = choose_instant(start, end, None, chance);
        prop_assert!(start <= chosen && chosen <= end);
        let known = Ari { start, end, chosen, explanation: None };
        prop_assert_eq!(choose_instant(start, end, Some(&known), 1.0 - chance), chosen);
    }

    #[test]
    fn jitter_is_a_fraction(text in ".*") {
        let jitter = jitter_of(&text);
        prop_assert!((0.0..1.0).contains(&jitter));
        prop_assert_eq!(jitter, jitter_of(&text));
    }
}
