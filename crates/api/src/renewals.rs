//! `/api/v1/renewals` and `/api/v1/settings/renewal`: when certificates are renewed, and why then.

use evercert_types::KeyAlgorithm;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When one key of a certificate is renewed, and why then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Renewal {
    /// When; absent: a rule stops it, see `reason`.
    pub due_at: Option<Timestamp>,
    /// Name of the rule that decided, such as `renewal_info`, `renew_before`, `manual`.
    pub reason: String,
    /// The same as a sentence.
    pub words: String,
    /// Every rule that was asked, with its answer.
    pub rules: Vec<RuleAnswer>,
    /// In which the renewal may lie, as far as the rules go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What the maintenance window, where there is one, made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceAnswer>,
    /// From which instant it was moved so that not too many are renewed in the same hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levelled_from: Option<Timestamp>,
    /// Why it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levelled_words: Option<String>,
    /// Nothing puts the renewal off beyond this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_limit: Option<Timestamp>,
    /// When this was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_at: Option<Timestamp>,
    /// No attempt before this time, because the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// What keeps a renewal that is due from being ordered now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<Block>,
    /// What the CA's renewal information says (RFC 9773).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_info: Option<RenewalInfo>,
}

/// A rule and what it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleAnswer {
    /// Its name.
    pub rule: String,
    /// What it answers.
    pub answer: Answer,
    /// The window it asks for, if it answers one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Why it answers so, and why another rule decided if one did.
    pub words: String,
}

/// What a rule can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It decided.
    Decides,
    /// It asks for a window that another rule's came before.
    Loses,
    /// It has nothing to say here.
    Silent,
    /// It keeps the certificate from being renewed by itself.
    Stops,
}

/// A span of time in which a renewal may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Window {
    /// Not before.
    pub earliest: Timestamp,
    /// Best then.
    pub preferred: Timestamp,
    /// Not after.
    pub latest: Timestamp,
}

/// What a maintenance window made of a renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceAnswer {
    /// The window, such as `Sat,Sun 02:00-05:00 Europe/Zurich`.
    pub window: String,
    /// Whether the renewal lies in it.
    pub kept: bool,
    /// What was done, as a sentence.
    pub words: String,
}

/// What keeps a renewal from being ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// Stable: `order_running`, `back_off`, `paused`, `manual`, `no_vendor`, `queue`.
    pub reason: String,
    /// As a sentence.
    pub words: String,
}

/// What a CA says of a certificate's renewal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewalInfo {
    /// The window's begin; absent with the next two until the CA has answered.
    pub start: Option<Timestamp>,
    /// The window's end.
    pub end: Option<Timestamp>,
    /// The random instant in it, chosen once for this window.
    pub chosen: Option<Timestamp>,
    /// Where the CA explains the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation_url: Option<String>,
    /// When the CA is asked next.
    pub next_question: Option<Timestamp>,
    /// Questions in a row without a usable answer.
    pub failures: u32,
}

/// A planned renewal in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRenewal {
    /// Name of the certificate.
    pub certificate: String,
    /// The key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Name of the CA vendor.
    pub vendor: Option<String>,
    /// When.
    pub due_at: Timestamp,
    /// Name of the rule that decided.
    pub reason: String,
    /// The same in words.
    pub words: String,
    /// No attempt before this time, because the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// When the version in force expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// How a calendar is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// By hours, UTC.
    Hour,
    /// By days, UTC.
    #[default]
    Day,
}

/// Planned renewals by time: `GET /api/v1/renewals/calendar`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Calendar {
    /// Its begin, at a full hour or day.
    pub from: Timestamp,
    /// Its end, not included.
    pub to: Timestamp,
    /// How it is divided.
    pub bucket: Bucket,
    /// Renewals that are due already and not yet made.
    pub overdue: u64,
    /// All of the calendar's renewals.
    pub total: u64,
    /// Orders an hour that all plans come to in the long run.
    pub level_per_hour: f64,
    /// One entry for each hour or day, also where nothing is planned.
    pub buckets: Vec<CalendarBucket>,
}

/// An hour or a day of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CalendarBucket {
    /// Its begin.
    pub start: Timestamp,
    /// How many renewals are planned in it.
    pub count: u64,
    /// Names of the first of them; the others are at `GET /api/v1/renewals` with this span.
    pub names: Vec<String>,
}

/// What holds for all renewals: `GET` and `PUT /api/v1/settings/renewal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RenewalSettings {
    /// When renewals may run, such as `Sat,Sun 02:00-05:00 Europe/Zurich; daily 22:00-04:00 UTC`; absent: always. A
    /// certificate's own window comes first.
    pub maintenance: Option<String>,
    /// Nothing puts a renewal off until less than this is left, such as `24h`; absent: a tenth of the lifetime,
    /// 24 hours at most. Never more than a quarter of the lifetime.
    pub safety_limit: Option<String>,
}
