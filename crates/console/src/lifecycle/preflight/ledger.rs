//! Whether the CA's rate limits leave room for the order; nothing is taken.

use evercert_api::preflight::PreflightCheck;
use evercert_db::DbError;

use super::check::Probe;
use super::subject::Subject;
use crate::lifecycle::ledger::budget::{Ari, budget};
use crate::state::Console;

/// The tightest limit, or the one that an order would wait for.
pub(crate) async fn check(
    console: &Console,
    subject: &Subject,
) -> Result<Option<PreflightCheck>, DbError> {
    let Some(vendor) = &subject.vendor else {
        return Ok(None);
    };
    let probe = Probe::new("ledger");
    let names = subject.names();
    let budget = budget(console, vendor, &names, &subject.ips, Ari::No).await?;
    if let Some(waits_for) = budget.in_words(console.now()) {
        let remedy = format!("The order waits until {} by itself.", budget.ready_at);
        return Ok(Some(probe.warning(waits_for, remedy)));
    }
    let counted = budget.lines.iter().filter(|line| line.burst > 0);
    Ok(Some(match counted.min_by_key(|line| line.left) {
        None => probe.passed("no limit of this CA is known"),
        Some(line) => probe.passed(format!(
            "{} of {} {} left",
            line.left,
            line.burst,
            line.kind.in_words()
        )),
    }))
}
