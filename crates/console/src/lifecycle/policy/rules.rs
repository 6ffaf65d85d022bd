//! The rules of renewal, one function each: it looks at the facts, and answers a window, nothing, or a stop.

use evercert_api::renewals::Window;
use evercert_types::{RenewalMode, VersionState, format_span};
use jiff::{SignedDuration, Timestamp};

use super::{Facts, safety_of, shown};
use crate::lifecycle::backoff::Life;

/// What a rule says.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    pub(super) words: String,
}

/// A rule's answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// It asks for this window; urgently: at once, whatever the hour.
    Window { window: Window, urgent: bool },
    /// It has nothing to say.
    Silent,
    /// Nothing is renewed but what these rules ask for.
    Stop { spares: &'static [&'static str] },
}

/// A rule looks at facts and nothing else.
pub(super) type Rule = fn(&Facts<'_>) -> Said;

/// The rules with their names.
pub(super) const RULES: [(&str, Rule); 14] = [
    ("no_vendor", no_vendor),
    ("paused", paused),
    ("manual", manual),
    ("missing", missing),
    ("forced", forced),
    ("replaced", replaced),
    ("revoked", revoked),
    ("changed", changed),
    ("vendor_changed", vendor_changed),
    ("renewal_info", renewal_info),
    ("renew_before", renew_before),
    ("lifetime_fraction", lifetime_fraction),
    ("floor", floor),
    ("safety_limit", safety_limit),
];

/// Certificates that live shorter than this are renewed at half their life, others with a third left.
const SHORT_LIVED: SignedDuration = SignedDuration::from_hours(240);
/// As much is left at a renewal by the fraction of the lifetime, or half of the lifetime.
const FLOOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A version is left alone for so long after its issuance, or a twentieth of its life, whatever the CA says of it.
const SETTLING: SignedDuration = SignedDuration::from_hours(6);
/// How far before its instant a rule that counts from expiry lets a renewal be spread.
const SPREAD: SignedDuration = SignedDuration::from_hours(24);

fn no_vendor(facts: &Facts<'_>) -> Said {
    match facts.vendor {
        None => stop(&[], "it has no CA vendor to order from"),
        Some(name) => silent(format!("{name} issues it")),
    }
}

fn paused(facts: &Facts<'_>) -> Said {
    match facts.paused {
        true => stop(&[], "it is paused: nothing is ordered until it is resumed"),
        false => silent("it is not paused"),
    }
}

/// The first version is ordered whoever renews it later.
fn manual(facts: &Facts<'_>) -> Said {
    match facts.mode {
        RenewalMode::Manual => stop(
            &["missing", "forced", "replaced"],
            "its renewal is manual: the operator starts it",
        ),
        RenewalMode::Automatic => silent("its renewal is automatic"),
    }
}

fn missing(facts: &Facts<'_>) -> Said {
    match facts.active {
        None => at_once(facts.now, "there is no version in force"),
        Some(_) => silent("there is a version in force"),
    }
}

fn forced(facts: &Facts<'_>) -> Said {
    match facts.asked {
        Some("forced") => at_once(facts.now, "an operator asked for it"),
        _ => silent("no operator asked for it"),
    }
}

/// It stays due until the replacement is there, whatever happens to its first order.
fn replaced(facts: &Facts<'_>) -> Said {
    match facts.asked {
        Some("replaced") => at_once(
            facts.now,
            "the version in force is to be revoked, and replaced before",
        ),
        _ => silent("the version in force is not to be revoked"),
    }
}

fn revoked(facts: &Facts<'_>) -> Said {
    match facts.active {
        Some(active) if active.state == VersionState::Revoked => {
            at_once(facts.now, "the version in force was revoked")
        }
        _ => silent("the version in force was not revoked"),
    }
}

/// What an operator changed is not in the version in force; that can wait for a maintenance window.
fn changed(facts: &Facts<'_>) -> Said {
    let Some(what) = facts.active.and_then(|active| active.changed) else {
        return silent("nothing was changed since it was ordered");
    };
    Said {
        verdict: Verdict::Window {
            window: now_only(facts.now),
            urgent: false,
        },
        words: format!("{what} changed since the version in force was ordered"),
    }
}

/// A change of vendor waits for the window: it says so, and leaves the time to the other rules.
fn vendor_changed(facts: &Facts<'_>) -> Said {
    match (facts.active, facts.vendor) {
        (Some(active), Some(vendor)) if active.of_another_vendor => silent(format!(
            "the version in force is not from {vendor}: the renewal will be, when its window comes"
        )),
        _ => silent("the vendor was not changed"),
    }
}

/// The instant chosen in the CA's window; an instant in the past means now, whatever else says "not yet". Only what was
/// issued just now stays for a while: a CA that says so of every certificate would be asked for ever.
fn renewal_info(facts: &Facts<'_>) -> Said {
    let (Some(ari), Some(active)) = (facts.ari, facts.active) else {
        return silent("the CA has not said when to renew (ARI)");
    };
    if ari.end <= ari.start {
        return silent("the CA's renewal window ends before it begins: it does not count");
    }
    let chosen = ari.chosen.clamp(ari.start, ari.end);
    let settled = settled_at(active.life);
    let preferred = chosen.max(settled);
    let window = Window {
        earliest: ari.start,
        preferred,
        latest: ari.end.max(preferred),
    };
    let explained = match &ari.explanation {
        Some(url) => format!("; it explains why at {url}"),
        None => String::new(),
    };
    let postponed = match chosen < settled {
        true => format!(
            "; it was issued just before, and stays until {}",
            shown(settled)
        ),
        false => String::new(),
    };
    Said {
        verdict: Verdict::Window {
            window,
            urgent: preferred <= facts.now,
        },
        words: format!(
            "the CA asks for it between {} and {} (ARI), and {} was chosen at random in that{explained}{postponed}",
            shown(ari.start),
            shown(ari.end),
            shown(chosen)
        ),
    }
}

/// A version is not renewed on the CA's word alone before this: six hours, or a twentieth of its life.
fn settled_at(life: Life) -> Timestamp {
    let quiet = SETTLING.min(life.length() / 20);
    life.not_before.checked_add(quiet).unwrap_or(Timestamp::MAX)
}

/// The vendor's setting, unless it is more than half the lifetime: that would renew in a loop.
fn renew_before(facts: &Facts<'_>) -> Said {
    let (Some(active), Some(before)) = (facts.active, facts.renew_before) else {
        return silent("the vendor has no time before expiry");
    };
    let days = format_span(before);
    match usable_renew_before(facts, active.life) {
        Some(before) => {
            let words = format!(
                "{} is renewed {days} before expiry",
                facts.vendor.map_or_else(
                    || "the certificate".to_owned(),
                    |vendor| format!("what {vendor} issues")
                )
            );
            deadline(active.life, before, words)
        }
        None => silent(format!(
            "the vendor's {days} before expiry are more than half of its lifetime of {}: they do not count",
            rounded(active.life.length())
        )),
    }
}

fn lifetime_fraction(facts: &Facts<'_>) -> Said {
    let Some(active) = facts.active else {
        return silent("there is no lifetime yet");
    };
    let length = active.life.length();
    let is_short = length < SHORT_LIVED;
    if usable_renew_before(facts, active.life).is_some() && !is_short {
        return silent("the vendor's time before expiry counts instead");
    }
    let (left, share) = match is_short {
        true => (length / 2, "half"),
        false => (length / 3, "a third"),
    };
    let words = format!(
        "{share} of its lifetime of {} is left then",
        rounded(length)
    );
    deadline(active.life, left, words)
}

/// At least a week is left, or half of a shorter life, where the fraction would leave less.
fn floor(facts: &Facts<'_>) -> Said {
    match facts.active {
        Some(active) if usable_renew_before(facts, active.life).is_none() => {
            let left = FLOOR.min(active.life.length() / 2);
            let words = format!("at least {} are to be left", rounded(left));
            deadline(active.life, left, words)
        }
        _ => silent("the vendor's time before expiry counts instead"),
    }
}

/// Nothing puts it off beyond this.
fn safety_limit(facts: &Facts<'_>) -> Said {
    let Some(active) = facts.active else {
        return silent("there is no version that could expire");
    };
    let left = safety_of(active.life, facts.safety);
    let words = format!(
        "nothing puts it off until less than {} are left",
        rounded(left)
    );
    deadline(active.life, left, words)
}

/// A rule that counts back from expiry: not later, and a little earlier for what was issued together.
fn deadline(life: Life, left: SignedDuration, words: String) -> Said {
    let latest = before(life.not_after, left);
    let window = Window {
        earliest: before(latest, (life.length() / 50).min(SPREAD)),
        preferred: latest,
        latest,
    };
    Said {
        verdict: Verdict::Window {
            window,
            urgent: false,
        },
        words,
    }
}

fn usable_renew_before(facts: &Facts<'_>, life: Life) -> Option<SignedDuration> {
    facts
        .renew_before
        .filter(|before| *before <= life.length() / 2)
}

fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// In whole hours where it has some, else whole minutes: as people read it.
fn rounded(span: SignedDuration) -> String {
    let secs = span.as_secs();
    let unit = if secs >= 3_600 { 3_600 } else { 60 };
    format_span(SignedDuration::from_secs(secs / unit * unit))
}

const fn now_only(now: Timestamp) -> Window {
    Window {
        earliest: now,
        preferred: now,
        latest: now,
    }
}

fn at_once(now: Timestamp, words: &str) -> Said {
    Said {
        verdict: Verdict::Window {
            window: now_only(now),
            urgent: true,
        },
        words: words.to_owned(),
    }
}

fn silent(words: impl Into<String>) -> Said {
    Said {
        verdict: Verdict::Silent,
        words: words.into(),
    }
}

fn stop(spares: &'static [&'static str], words: &str) -> Said {
    Said {
        verdict: Verdict::Stop { spares },
        words: words.to_owned(),
    }
}
