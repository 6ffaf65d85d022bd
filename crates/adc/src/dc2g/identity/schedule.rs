//! When a CRL is fetched again (`-interval`, `-day`, `-time`; all in UTC).

use evercert_ns::model::CrlInterval;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// When, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) interval: CrlInterval,
    /// Of the month, or of the week from 1, Sunday.
    pub(crate) day: Option<u8>,
    /// Hour and minute.
    pub(crate) time: Option<(u8, u8)>,
}

impl Schedule {
    /// Whether it is due after it was fetched last; what was never fetched is due at once.
    pub(crate) fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        match (self.interval, last) {
            (CrlInterval::Never, _) => false,
            (_, None) => true,
            (CrlInterval::Now, Some(_)) => false,
            (_, Some(last)) => self.latest_before(now).is_some_and(|due| last < due),
        }
    }

    /// The latest moment up to now at which it was to be fetched.
    fn latest_before(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(TimeZone::UTC);
        let (hour, minute) = self.time.unwrap_or((0, 0));
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        // A month has no day that lies further back than this.
        (0..=62i64)
            .filter_map(|days| now.checked_sub(Span::new().days(days)).ok())
            .filter(|day| self.is_day(day))
            .filter_map(|day| {
                day.with()
                    .hour(hour)
                    .minute(minute)
                    .second(0)
                    .subsec_nanosecond(0)
                    .build()
                    .ok()
            })
            .find(|moment| *moment <= now)
            .map(|moment| moment.timestamp())
    }

    fn is_day(&self, day: &Zoned) -> bool {
        match self.interval {
            CrlInterval::Weekly => {
                let wanted = self.day.unwrap_or(1);
                day.weekday().to_sunday_one_offset() == i8::try_from(wanted).unwrap_or(1)
            }
            CrlInterval::Monthly => {
                let wanted = i8::try_from(self.day.unwrap_or(1)).unwrap_or(1).max(1);
                day.day() == wanted.min(day.days_in_month())
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lists_are_due_once_for_each_day_week_or_month() {
        let due = |interval, day, last: &str, now: &str| {
            let schedule = Schedule {
                interval,
                day,
                time: Some((3, 30)),
            };
            schedule.is_due(Some(at(last)), at(now))
        };

        assert!(!due(
            CrlInterval::Daily,
            None,
            "2026-11-21T03:31:00Z",
            "2026-11-22T03:29:00Z"
        ));
        assert!(due(
            CrlInterval::Daily,
            None,
            "2026-11-21T03:31:00Z",
            "2026-11-22T03:30:00Z"
        ));
        // 22 November 2026 is a Sunday.
        assert!(due(
            CrlInterval::Weekly,
            Some(1),
            "2026-11-21T12:00:00Z",
            "2026-11-22T04:00:00Z"
        ));
        assert!(!due(
            CrlInterval::Weekly,
            Some(2),
            "2026-11-21T12:00:00Z",
            "2026-11-22T04:00:00Z"
        ));
        assert!(due(
            CrlInterval::Monthly,
            Some(31),
            "2026-11-29T12:00:00Z",
            "2026-11-30T04:00:00Z"
        ));
        assert!(!due(
            CrlInterval::Monthly,
            Some(31),
            "2026-11-30T12:00:00Z",
            "2026-12-30T04:00:00Z"
        ));
    }

    #[test]
    fn what_was_never_fetched_is_due_unless_it_never_is() {
        let due = |interval, last: Option<&str>| {
            let schedule = Schedule {
                interval,
                day: None,
                time: None,
            };
            schedule.is_due(last.map(at), at("2026-11-22T04:00:00Z"))
        };
        assert!(due(CrlInterval::Daily, None) && due(CrlInterval::Now, None));
        assert!(!due(CrlInterval::Never, None));
        assert!(!due(CrlInterval::Now, Some("2020-01-01T00:00:00Z")));
    }
}
