//! What is renewed when: `cert calendar` and `cert due`.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use evercert_api::Page;
use evercert_api::renewals::{Bucket, Calendar as Shown, PlannedRenewal};
use jiff::{SignedDuration, Timestamp};

use crate::client::{Client, segment};
use crate::output::{self, Output};

/// The longest bar, in characters.
const WIDTH: u64 = 50;

/// `cert calendar`.
#[derive(clap::Args)]
pub(crate) struct Calendar {
    /// How many days it shows.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=2400))]
    days: u16,
    /// A line for each day or each hour, UTC.
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// Only those of this CA vendor.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
}

/// How a calendar is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// By days.
    #[default]
    Day,
    /// By hours; those without renewals are left out.
    Hour,
}

/// `cert due`.
#[derive(clap::Args)]
pub(crate) struct Due {
    /// What comes within so many days as well.
    #[arg(long, default_value_t = 7)]
    days: u16,
    /// Only those of this CA vendor.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
}

/// Prints a calendar as bars.
pub(crate) async fn calendar(
    client: &Client,
    wanted: &Calendar,
    output: Output,
) -> Result<ExitCode> {
    let bucket = match wanted.by {
        By::Day => "day",
        By::Hour => "hour",
    };
    let path = format!(
        "/renewals/calendar?bucket={bucket}&names=3&to={}{}",
        segment(&in_days(wanted.days).to_string()),
        vendor(wanted.vendor.as_deref()),
    );
    let shown: Shown = client.get(&path).await?;
    if output == Output::Json {
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&chart(&shown))?;
    Ok(ExitCode::SUCCESS)
}

fn chart(calendar: &Shown) -> String {
    let most = calendar.buckets.iter().map(|bucket| bucket.count).max();
    let most = most.unwrap_or(0).max(1);
    let by_hour = calendar.bucket == Bucket::Hour;
    let mut text = String::new();
    for bucket in &calendar.buckets {
        if by_hour && bucket.count == 0 {
            continue;
        }
        let start = match by_hour {
            true => bucket.start.strftime("%a %Y-%m-%d %H:%M").to_string(),
            false => bucket.start.strftime("%a %Y-%m-%d").to_string(),
        };
        let bar = "█".repeat(usize::try_from((bucket.count * WIDTH).div_ceil(most)).unwrap_or(0));
        let more = match bucket.count > bucket.names.len() as u64 && !bucket.names.is_empty() {
            true => ", …",
            false => "",
        };
        let line = format!(
            "{start}  {:>5}  {bar}  {}{more}",
            bucket.count,
            bucket.names.join(", ")
        );
        text += line.trim_end();
        text.push('\n');
    }
    let overdue = match calendar.overdue {
        0 => String::new(),
        n => format!(", {n} more due already"),
    };
    text += &format!(
        "{} renewals planned until {}{overdue}; in the long run {:.1} an hour. Times are UTC.\n",
        calendar.total,
        calendar.to.strftime("%Y-%m-%d"),
        calendar.level_per_hour
    );
    text
}

/// Lists what is due and what comes next.
pub(crate) async fn due(client: &Client, wanted: &Due, output: Output) -> Result<ExitCode> {
    let path = format!(
        "/renewals?limit=500&to={}{}",
        segment(&in_days(wanted.days).to_string()),
        vendor(wanted.vendor.as_deref()),
    );
    let all: Vec<PlannedRenewal> = client.all_pages(&path).await?;
    if output == Output::Json {
        output::json(&Page::last(all))?;
        return Ok(ExitCode::SUCCESS);
    }
    let expires =
        |at: Option<Timestamp>| at.map_or_else(|| "not issued".to_owned(), output::relative);
    let row = |one: &PlannedRenewal| {
        let next = one.retry_at.filter(|at| *at > one.due_at);
        vec![
            one.certificate.clone(),
            one.algorithm.to_string(),
            output::relative(next.unwrap_or(one.due_at)),
            expires(one.not_after),
            one.vendor.clone().unwrap_or_default(),
            one.words.clone(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    output::table(
        &["NAME", "KEY", "DUE", "EXPIRES", "VENDOR", "BECAUSE"],
        &rows,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn vendor(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("&vendor={}", segment(name)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line counts days from now, as a person does"
)]
fn in_days(days: u16) -> Timestamp {
    let now = Timestamp::now();
    now.checked_add(SignedDuration::from_hours(i64::from(days) * 24))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use evercert_api::renewals::CalendarBucket;

    use super::*;

    #[test]
    fn a_calendar_is_drawn_in_bars() {
        let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
        let bucket = |day, count, names: &[&str]| CalendarBucket {
            start: at(day),
            count,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let calendar = Shown {
            from: at(0),
            to: at(3),
            bucket: Bucket::Day,
            overdue: 2,
            total: 5,
            level_per_hour: 0.25,
            buckets: vec![
                bucket(0, 4, &["a", "b", "c"]),
                bucket(1, 0, &[]),
                bucket(2, 1, &["d"]),
            ],
        };

        let text = chart(&calendar);

        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("Thu 1970-01-01      4  ██████████"),
            "{text}"
        );
        assert!(lines[0].ends_with("  a, b, c, …"), "{text}");
        assert_eq!(lines[1], "Fri 1970-01-02      0");
        assert!(lines[2].ends_with("█████████████  d"), "{text}");
        assert!(lines[3].contains("5 renewals planned until 1970-01-04, 2 more due already"));
    }
}
