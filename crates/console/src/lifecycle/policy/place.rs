//! Where in its window a renewal lies: inside the maintenance window, in an hour that is not full, before the safety limit.

use std::collections::BTreeMap;

use evercert_api::renewals::{MaintenanceAnswer, Window};
use jiff::{SignedDuration, Timestamp};

use super::maintenance::Maintenance;
use super::shown;

/// A span of time, its end not included.
pub(crate) type Span = (Timestamp, Timestamp);

const HOUR: i64 = 3_600;
/// So many orders an hour are never too many.
const QUIET: u32 = 4;
/// No renewal is moved farther than this out of its window.
const FARTHEST: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What a place is looked for with.
#[derive(Clone, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) now: Timestamp,
    /// When the version in force began; a renewal is never drawn into the first half of the time since then.
    pub(crate) not_before: Timestamp,
    /// Nothing is put off beyond it.
    pub(crate) safety: Timestamp,
    pub(crate) maintenance: Option<&'a Maintenance>,
    /// Between 0 and 1, always the same for a certificate.
    pub(crate) jitter: f64,
}

/// How many orders a CA is to get in an hour at most; none: it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) per_hour: Option<u32>,
}

/// What other renewals take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// Orders planned in each hour, counted from 1970.
    pub(crate) planned: BTreeMap<i64, u32>,
    /// An hour with so many is full.
    pub(crate) most: u32,
}

/// Where a place may be looked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spans {
    /// The instant that is best.
    pub(crate) aim: Timestamp,
    /// Where it is looked for first.
    pub(crate) near: Vec<Span>,
    /// Where it is looked for when all hours of those are full.
    pub(crate) wide: Vec<Span>,
    /// What the maintenance window made of it.
    pub(crate) maintenance: Option<MaintenanceAnswer>,
}

/// The place that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) at: Timestamp,
    /// Why it is not where it was aimed at, if levelling moved it.
    pub(crate) levelled: Option<String>,
}

/// An hour, or the part of it that may be used.
#[derive(Clone, Copy, Debug)]
struct Cell {
    from: Timestamp,
    to: Timestamp,
    planned: u32,
}

/// When an hour is full: a quarter above level, but for a handful; never more than the CA's budget.
///
/// `load` is in millionths of an order an hour.
pub(crate) fn full_at(load: u64, budget: Budget) -> u32 {
    let level = u32::try_from(load.saturating_mul(5).div_ceil(4_000_000)).unwrap_or(u32::MAX);
    level
        .max(QUIET)
        .min(budget.per_hour.unwrap_or(u32::MAX))
        .max(1)
}

/// A rule's best instant, some of its window earlier for each certificate differently.
pub(crate) fn spread(window: &Window, jitter: f64) -> Timestamp {
    let room = window.earliest.duration_until(window.preferred);
    let early = room.max(SignedDuration::ZERO).as_secs_f64() * jitter.clamp(0.0, 1.0);
    earlier(window.preferred, SignedDuration::from_secs(early as i64))
}

/// Where a place may be looked for: in the window of the rules and the maintenance window; else in the last maintenance
/// window before, else in the first after, as long as that is before the safety limit; else maintenance loses.
pub(crate) fn spans(window: &Window, aim: Timestamp, ground: &Ground<'_>) -> Spans {
    let now = ground.now;
    let limit = ground.safety.max(now);
    let aim = aim.max(now);
    let start = window.earliest.max(now);
    // What is late already is spread over a part of the time that is left.
    let end = match window.latest <= now {
        true => later(now, now.duration_until(limit) / 4),
        false => window.latest.min(limit),
    };
    let (start, end) = (
        start.min(aim),
        later(end.max(aim), SignedDuration::from_secs(1)),
    );
    let soonest = half_way(ground.not_before, aim)
        .max(earlier(start, FARTHEST))
        .max(now)
        .min(start);
    let Some(maintenance) = ground.maintenance else {
        return Spans {
            aim,
            near: vec![(start, end)],
            wide: vec![(soonest, end)],
            maintenance: None,
        };
    };
    let (near, kept, words) = in_maintenance(maintenance, (soonest, start, end, limit));
    let wide_end = near.last().map_or(end, |last| last.1);
    let wide = match kept {
        true => maintenance.within(soonest, wide_end),
        false => vec![(soonest, wide_end)],
    };
    Spans {
        aim,
        near,
        wide,
        maintenance: Some(MaintenanceAnswer {
            window: maintenance.to_string(),
            kept,
            words,
        }),
    }
}

/// The spans that maintenance leaves, whether it is kept, and what was done.
fn in_maintenance(
    maintenance: &Maintenance,
    (soonest, start, end, limit): (Timestamp, Timestamp, Timestamp, Timestamp),
) -> (Vec<Span>, bool, String) {
    let inside = maintenance.within(start, end);
    if !inside.is_empty() {
        let words = "the renewal lies in the maintenance window".to_owned();
        return (inside, true, words);
    }
    if let Some(last) = maintenance.within(soonest, start).pop() {
        let words = format!(
            "no maintenance window opens between {} and {}: the renewal was moved into the last one before",
            shown(start),
            shown(end)
        );
        return (vec![last], true, words);
    }
    let limit_of_search = limit.min(later(end, FARTHEST));
    if let Some(first) = maintenance.within(end, limit_of_search).into_iter().next() {
        let words = format!(
            "no maintenance window opens between {} and {}: the renewal waits for the first one after",
            shown(soonest),
            shown(end)
        );
        return (vec![first], true, words);
    }
    let words = format!(
        "no maintenance window opens before {}, and the certificate must not expire: the renewal does not wait for one",
        shown(limit)
    );
    (vec![(start, end)], false, words)
}

/// The place among the near spans, if not all of their hours are full.
pub(crate) fn settle_near(spans: &Spans, load: &Load, jitter: f64) -> Option<Place> {
    let cells = cells(&spans.near, load);
    let home = cells.iter().find(|cell| cell.holds(spans.aim));
    if home.is_some_and(|home| home.planned < load.most) {
        return Some(Place {
            at: spans.aim,
            levelled: None,
        });
    }
    let free = cells.iter().filter(|cell| cell.planned < load.most);
    let nearest = free.min_by_key(|cell| cell.distance(spans.aim))?;
    let levelled = home.map(|home| {
        format!(
            "moved within its window: {} other renewals are planned in the hour of {}, and an hour is full at {}",
            home.planned,
            shown(spans.aim),
            load.most
        )
    });
    Some(Place {
        at: nearest.at(jitter),
        levelled,
    })
}

/// The place among the wide spans: in the free hour that is nearest, else in the emptiest.
pub(crate) fn settle_wide(spans: &Spans, load: &Load, jitter: f64) -> Place {
    let near = spans.near.first().map_or(spans.aim, |near| near.0);
    let cells = cells(&spans.wide, load);
    let free = cells.iter().filter(|cell| cell.planned < load.most);
    let best = free.min_by_key(|cell| cell.distance(near)).or_else(|| {
        cells
            .iter()
            .min_by_key(|cell| (cell.planned, cell.distance(near)))
    });
    let Some(best) = best else {
        return Place {
            at: spans.aim,
            levelled: None,
        };
    };
    let words = format!(
        "moved before its window: every hour of that is full with {} renewals",
        load.most
    );
    Place {
        at: best.at(jitter),
        levelled: Some(words),
    }
}

/// The whole of some spans: what must be counted to level in them.
pub(crate) fn extent(spans: &[Span]) -> Option<Span> {
    Some((spans.first()?.0, spans.last()?.1))
}

fn cells(spans: &[Span], load: &Load) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (from, to) in spans {
        let mut from = *from;
        while from < *to {
            let hour = from.as_second().div_euclid(HOUR);
            let next = Timestamp::from_second((hour + 1) * HOUR).unwrap_or(*to);
            cells.push(Cell {
                from,
                to: next.min(*to),
                planned: load.planned.get(&hour).copied().unwrap_or(0),
            });
            from = next;
        }
    }
    cells
}

impl Cell {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    fn distance(&self, at: Timestamp) -> i64 {
        let (from, to) = (self.from.as_second(), self.to.as_second());
        (from - at.as_second()).max(at.as_second() - to).max(0)
    }

    /// An instant in it, never its end, in whole seconds.
    fn at(&self, jitter: f64) -> Timestamp {
        let room = (self.to.as_second() - self.from.as_second() - 1).max(0);
        let offset = (room as f64 * jitter.clamp(0.0, 1.0)) as i64;
        later(self.from, SignedDuration::from_secs(offset))
    }
}

fn half_way(from: Timestamp, to: Timestamp) -> Timestamp {
    later(from, from.duration_until(to).max(SignedDuration::ZERO) / 2)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
