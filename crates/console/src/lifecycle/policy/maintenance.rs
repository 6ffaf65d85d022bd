//! Maintenance windows: `Sat,Sun 02:00-05:00 Europe/Zurich; daily 22:00-04:00 UTC`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// When renewals may run: one window or several, each on days of the week, in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Maintenance {
    text: String,
    windows: Vec<Weekly>,
}

/// One window, every week.
#[derive(Clone, Debug)]
struct Weekly {
    /// Monday first.
    days: [bool; 7],
    /// Minutes after midnight.
    begin: i16,
    /// Minutes after the same midnight; more than a day when it crosses the next.
    end: i16,
    zone: TimeZone,
}

/// A maintenance window could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{part}\" is not a maintenance window: {why}; write days, times and a time zone, such as \
     \"Sat,Sun 02:00-05:00 Europe/Zurich\" or \"daily 22:00-04:00 UTC\", and \";\" between several"
)]
pub(crate) struct MaintenanceError {
    part: String,
    why: String,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_MINUTES: i16 = 24 * 60;

impl Maintenance {
    /// The parts of a span of time that lie in a window, in order, none touching the next.
    pub(crate) fn within(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut found: Vec<_> = self
            .windows
            .iter()
            .flat_map(|window| window.within(from, to))
            .collect();
        found.sort_unstable();
        let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (start, end) in found {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

impl Weekly {
    fn within(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let day_of = |at: Timestamp| self.zone.to_datetime(at).date();
        // A window that began yesterday may still be open.
        let mut day = day_of(from).checked_sub(1.day()).unwrap_or(Date::MIN);
        let last = day_of(to);
        let mut found = Vec::new();
        while day <= last {
            if self.days[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())]
                && let Some((start, end)) = self.on(day)
                && start.max(from) < end.min(to)
            {
                found.push((start.max(from), end.min(to)));
            }
            let Ok(next) = day.checked_add(1.day()) else {
                break;
            };
            day = next;
        }
        found
    }

    /// The window that begins on a day. Where the clock is put forward over its whole length there is none.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let instant = |minutes: i16| {
            let day = day
                .checked_add(i32::from(minutes / DAY_MINUTES).days())
                .ok()?;
            let (hour, minute) = (minutes % DAY_MINUTES / 60, minutes % 60);
            let at = day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
            self.zone.to_timestamp(at).ok()
        };
        let (start, end) = (instant(self.begin)?, instant(self.end)?);
        (start < end).then_some((start, end))
    }
}

impl fmt::Display for Maintenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Maintenance {
    type Err = MaintenanceError;

    fn from_str(text: &str) -> Result<Self, MaintenanceError> {
        let parts: Vec<&str> = text.split(';').map(str::trim).collect();
        let windows = parts.iter().map(|part| {
            read_window(part).map_err(|why| MaintenanceError {
                part: (*part).to_owned(),
                why,
            })
        });
        Ok(Self {
            windows: windows.collect::<Result<_, _>>()?,
            text: parts.join("; "),
        })
    }
}

fn read_window(text: &str) -> Result<Weekly, String> {
    let mut words = text.split_whitespace();
    let (Some(days), Some(times)) = (words.next(), words.next()) else {
        return Err("days and times are needed".to_owned());
    };
    let zone = words.next().unwrap_or("UTC");
    if let Some(more) = words.next() {
        return Err(format!("\"{more}\" is too much"));
    }
    let (begin, end) = times
        .split_once('-')
        .ok_or_else(|| format!("\"{times}\" is not FROM-TO"))?;
    let (begin, mut end) = (read_time(begin)?, read_time(end)?);
    if begin == DAY_MINUTES {
        return Err("a window cannot begin at 24:00".to_owned());
    }
    if begin == end {
        return Err("it has no length; the whole day is 00:00-24:00".to_owned());
    }
    if end < begin {
        end += DAY_MINUTES;
    }
    Ok(Weekly {
        days: read_days(days)?,
        begin,
        end,
        zone: read_zone(zone)?,
    })
}

fn read_days(text: &str) -> Result<[bool; 7], String> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (read_day(first)?, read_day(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

fn read_day(text: &str) -> Result<usize, String> {
    let wanted = text.to_ascii_lowercase();
    let found = DAYS.iter().position(|day| *day == wanted);
    found.ok_or_else(|| {
        format!("\"{text}\" is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, or daily")
    })
}

fn read_time(text: &str) -> Result<i16, String> {
    let wrong = || format!("\"{text}\" is not a time between 00:00 and 24:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |part: &str| {
        let fits = part.len() == 2 && part.bytes().all(|octet| octet.is_ascii_digit());
        fits.then(|| part.parse::<i16>().ok()).flatten()
    };
    let (hour, minute) = two_digits(hour).zip(two_digits(minute)).ok_or_else(wrong)?;
    let minutes = hour * 60 + minute;
    if minute > 59 || minutes > DAY_MINUTES {
        return Err(wrong());
    }
    Ok(minutes)
}

fn read_zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("UTC") {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        format!(
            "the time zone \"{name}\" is not in this system's database (package tzdata), which knows \
             Europe/Zurich and the like; UTC always works"
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn windows(text: &str, from: &str, to: &str) -> Vec<(String, String)> {
        let maintenance: Maintenance = text.parse().unwrap();
        let found = maintenance.within(at(from), at(to));
        let text = |at: Timestamp| at.strftime("%d %H:%M").to_string();
        found.iter().map(|(a, b)| (text(*a), text(*b))).collect()
    }

    fn spans(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let text = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        expected.iter().map(text).collect()
    }

    #[test]
    fn windows_open_on_their_days_in_their_zone() {
        let found = windows(
            "Sat,Sun 02:00-05:00 Europe/Zurich",
            "2026-11-16T00:00:00Z",
            "2026-11-23T00:00:00Z",
        );
        assert_eq!(
            found,
            spans(&[("21 01:00", "21 04:00"), ("22 01:00", "22 04:00")])
        );
    }

    #[test]
    fn a_window_that_crosses_midnight_belongs_to_the_day_it_begins_on() {
        let found = windows(
            "Fri 22:00-04:00",
            "2026-11-20T00:00:00Z",
            "2026-11-22T00:00:00Z",
        );
        assert_eq!(found, spans(&[("20 22:00", "21 04:00")]));
        // Cut where the question begins: it opened the day before.
        let found = windows(
            "daily 22:00-04:00",
            "2026-11-20T01:00:00Z",
            "2026-11-20T12:00:00Z",
        );
        assert_eq!(found, spans(&[("20 01:00", "20 04:00")]));
    }

    #[test]
    fn windows_that_touch_are_one() {
        let found = windows(
            "Mon-Tue 00:00-24:00; Tue 12:00-13:00",
            "2026-11-16T00:00:00Z",
            "2026-11-23T00:00:00Z",
        );
        assert_eq!(found, spans(&[("16 00:00", "18 00:00")]));
    }

    #[test]
    fn the_clock_may_be_put_forward_or_back() {
        // 2026-03-29 02:00 is 03:00 in Zurich: the hour does not exist, and the window opens after it.
        let found = windows(
            "Sun 01:30-04:00 Europe/Zurich",
            "2026-03-29T00:00:00Z",
            "2026-03-30T00:00:00Z",
        );
        assert_eq!(found, spans(&[("29 00:30", "29 02:00")]));
        let gone = windows(
            "Sun 02:30-03:15 Europe/Zurich",
            "2026-03-29T00:00:00Z",
            "2026-03-30T00:00:00Z",
        );
        assert!(gone.is_empty(), "{gone:?}");
        // 2026-10-25: the hour from 02:00 comes twice.
        let found = windows(
            "Sun 01:00-04:00 Europe/Zurich",
            "2026-10-24T20:00:00Z",
            "2026-10-26T00:00:00Z",
        );
        assert_eq!(found, spans(&[("24 23:00", "25 03:00")]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "days and times are needed"),
            ("Sat", "days and times are needed"),
            ("Sam 02:00-03:00", "\"Sam\" is not a day"),
            ("Sat 2:00-03:00", "\"2:00\" is not a time"),
            ("Sat 02:00-25:00", "\"25:00\" is not a time"),
            ("Sat 02:60-03:00", "\"02:60\" is not a time"),
            ("Sat 02:00", "not FROM-TO"),
            ("Sat 02:00-02:00", "it has no length"),
            ("Sat 24:00-02:00", "cannot begin at 24:00"),
            (
                "Sat 02:00-03:00 Europe/Zuerich",
                "not in this system's database",
            ),
            ("Sat 02:00-03:00 UTC weekly", "\"weekly\" is too much"),
            ("daily 02:00-03:00;", "days and times are needed"),
        ] {
            let error = text.parse::<Maintenance>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("Europe/Zurich"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".{0,60}") {
            let read = text.parse::<Maintenance>();
            if let Ok(read) = read {
                // What was read is read again from what it shows.
                prop_assert!(read.to_string().parse::<Maintenance>().is_ok());
            }
        }

        #[test]
        fn spans_lie_within_in_order_and_open_when_the_window_says(
            day in 0usize..7, begin in 0i16..1440, length in 1i16..1440, from in 0i64..2_000_000_000,
            days in 1i64..40,
        ) {
            let end = (begin + length) % 1440;
            prop_assume!(begin != end);
            let text = format!(
                "{} {:02}:{:02}-{:02}:{:02} Europe/Zurich", DAYS[day], begin / 60, begin % 60, end / 60, end % 60,
            );
            let maintenance: Maintenance = text.parse().unwrap();
            let from = Timestamp::from_second(from).unwrap();
            let to = from + jiff::SignedDuration::from_hours(24 * days);

            let found = maintenance.within(from, to);

            let zone = TimeZone::get("Europe/Zurich").unwrap();
            let mut last = None;
            for (start, end) in found {
                prop_assert!(from <= start && start < end && end <= to);
                prop_assert!(last.is_none_or(|last| last < start));
                last = Some(end);
                if start > from {
                    let local = zone.to_datetime(start);
                    prop_assert_eq!(usize::from(local.weekday().to_monday_zero_offset().unsigned_abs()), day);
                }
            }
            // At least one opens in each whole week, but where the clock is put forward over it.
            if days >= 15 {
                prop_assert!(last.is_some());
            }
        }
    }
}
