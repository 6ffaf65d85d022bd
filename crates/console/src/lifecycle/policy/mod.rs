//! When a version is due, and why: a chain of pure rules, each with a name that people see.
//!
//! [`decide`] asks every rule of [`rules`] and takes the earliest; [`place`] then finds the instant inside the
//! window that the rules leave, the [`maintenance`] window and the load of each hour. Nothing here reads a clock
//! or a database: [`super::plan`] brings the facts and writes down the outcome.

pub(crate) mod maintenance;
pub(crate) mod place;
mod rules;
#[cfg(test)]
mod tests;

use evercert_api::renewals::{Answer, RuleAnswer, Window};
use evercert_db::slots::Ari;
use evercert_types::{RenewalMode, VersionState};
use jiff::{SignedDuration, Timestamp};

use super::backoff::Life;
use rules::{RULES, Said, Verdict};

/// Everything the rules look at.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    pub(crate) mode: RenewalMode,
    /// Whether the certificate is paused.
    pub(crate) paused: bool,
    /// Name of the vendor that will be asked; none: nobody can be.
    pub(crate) vendor: Option<&'a str>,
    /// The version in force; none before the first.
    pub(crate) active: Option<Active<'a>>,
    /// What the CA's renewal information says.
    pub(crate) ari: Option<&'a Ari>,
    /// The vendor's "days before expiry".
    pub(crate) renew_before: Option<SignedDuration>,
    /// What somebody asked for, if anything: `forced` or `replaced`.
    pub(crate) asked: Option<&'a str>,
    /// The Console's setting of what must be left at least.
    pub(crate) safety: Option<SignedDuration>,
}

/// The version in force, as the rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active<'a> {
    pub(crate) life: Life,
    pub(crate) state: VersionState,
    /// What of the certificate was changed since it was ordered, such as `its names`.
    pub(crate) changed: Option<&'a str>,
    /// Whether another vendor, or nobody here, issued it.
    pub(crate) of_another_vendor: bool,
}

/// What the rules say together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    /// Name of the rule that decided, or that stops.
    pub(crate) rule: &'static str,
    /// Its words.
    pub(crate) words: String,
    /// The window it leaves, cut where another rule's ends; none: a rule stops it.
    pub(crate) window: Option<Window>,
    /// Whether it is to be done at once, whatever the hour.
    pub(crate) urgent: bool,
    /// Every rule's answer.
    pub(crate) rules: Vec<RuleAnswer>,
}

/// Asks every rule: the earliest preferred instant wins, and the first rule at the same instant; a stop stops those it
/// is meant for.
pub(crate) fn decide(facts: &Facts<'_>) -> Decision {
    let said: Vec<(&'static str, Said)> = RULES
        .iter()
        .map(|(name, rule)| (*name, rule(facts)))
        .collect();
    let stop = said.iter().find_map(|(name, said)| match said.verdict {
        Verdict::Stop { spares } => Some((*name, spares, said)),
        _ => None,
    });
    let windows = said.iter().filter_map(|(name, said)| match said.verdict {
        Verdict::Window { window, urgent } => Some((*name, window, urgent, said)),
        _ => None,
    });
    let standing =
        windows.filter(|(name, ..)| stop.is_none_or(|(_, spares, _)| spares.contains(name)));
    let standing: Vec<_> = standing.collect();
    let winner = standing
        .iter()
        .min_by_key(|(_, window, ..)| window.preferred);
    let Some((rule, window, urgent, words)) = winner else {
        let (rule, words) = match stop {
            Some((rule, _, said)) => (rule, said.words.clone()),
            None => ("none", "no rule asks for a renewal".to_owned()),
        };
        return Decision {
            rule,
            words,
            window: None,
            urgent: false,
            rules: answers(&said, None, stop.map(|(rule, ..)| rule)),
        };
    };
    let latest = standing.iter().map(|(_, window, ..)| window.latest).min();
    let cut = Window {
        latest: latest.unwrap_or(window.latest).max(window.preferred),
        ..*window
    };
    Decision {
        rule,
        words: words.words.clone(),
        window: Some(inside_renewal_info(cut, rule, facts)),
        urgent: *urgent,
        rules: answers(
            &said,
            Some((rule, window.preferred)),
            stop.map(|(rule, ..)| rule),
        ),
    }
}

/// A local rule's window begins no earlier than the CA's, where they overlap: orders in the CA's window are exempt from
/// its limits.
fn inside_renewal_info(window: Window, rule: &str, facts: &Facts<'_>) -> Window {
    let ari = facts
        .ari
        .filter(|ari| ari.end > ari.start && rule != "renewal_info");
    match ari {
        Some(ari) if ari.start <= window.preferred => Window {
            earliest: window.earliest.max(ari.start).min(window.preferred),
            ..window
        },
        _ => window,
    }
}

fn answers(
    said: &[(&'static str, Said)],
    winner: Option<(&str, Timestamp)>,
    stop: Option<&str>,
) -> Vec<RuleAnswer> {
    let answer = |(name, said): &(&'static str, Said)| {
        let (answer, window) = match said.verdict {
            Verdict::Silent => (Answer::Silent, None),
            Verdict::Stop { .. } => (Answer::Stops, None),
            Verdict::Window { window, .. } => match winner {
                Some((winner, _)) if winner == *name => (Answer::Decides, Some(window)),
                _ => (Answer::Loses, Some(window)),
            },
        };
        let words = match (answer, winner, stop) {
            (Answer::Loses, Some((winner, at)), _) => {
                format!("{}; {winner} comes first, at {}", said.words, shown(at))
            }
            (Answer::Loses, None, Some(stop)) => format!("{}; {stop} stops it", said.words),
            _ => said.words.clone(),
        };
        RuleAnswer {
            rule: (*name).to_owned(),
            answer,
            window,
            words,
        }
    };
    said.iter().map(answer).collect()
}

/// Why an order was made, after "because"; what is not known is said as it is.
pub(crate) fn in_words(reason: &str) -> &str {
    match reason {
        "missing" => "there is no version yet",
        "failover" => "the certificate's own CA vendor does not deliver",
        "forced" => "it was asked for",
        "replaced" => "the version in force is to be revoked",
        "revoked" => "the version in force was revoked",
        "changed" => "the certificate was changed since its version in force was ordered",
        "renewal_info" => "the CA's renewal information says that it is time",
        "renew_before" => "the vendor's time before expiry has begun",
        "lifetime_fraction" => "enough of its lifetime has passed",
        "floor" => "a week, or half of its lifetime, is to be left",
        "safety_limit" => "nothing may put it off for longer",
        other => other,
    }
}

/// How close to expiry nothing may put a renewal off: the setting, or a tenth of the lifetime and a day at most; never
/// more than a quarter of the lifetime.
pub(crate) fn safety_of(life: Life, setting: Option<SignedDuration>) -> SignedDuration {
    let usual = (life.length() / 10).min(SignedDuration::from_hours(24));
    setting
        .unwrap_or(usual)
        .clamp(SignedDuration::ZERO, life.length() / 4)
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

/// An instant as sentences name it.
pub(crate) fn shown(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
