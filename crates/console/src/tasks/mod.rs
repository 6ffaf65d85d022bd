//! Everything the Console does by itself. Each task is a reconciler: no arguments, idempotent, woken by a bell or its
//! timer; what fails is tried again at the next run.

mod expire;
mod plan_renewals;
mod refresh_directories;
mod refresh_renewal_info;
mod revoke;
mod run_orders;
mod sweep_txt_journal;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use evercert_db::DbError;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::state::Console;

/// A reconciler's one run.
type Run = fn(&Console) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + '_>>;

/// A task that runs at intervals and when its bell rings.
struct Task {
    name: &'static str,
    every: fn(&Console) -> Duration,
    bell: fn(&Console) -> Option<&Notify>,
    run: Run,
}

/// Every reconciler, alphabetically; the workers of [`run_orders`] stand beside them.
const TASKS: [Task; 6] = [
    Task {
        name: "expire",
        every: |_| Duration::from_secs(3600),
        bell: |_| None,
        run: |console| Box::pin(expire::run(console)),
    },
    Task {
        name: "plan_renewals",
        every: |console| console.config.renew_tick,
        bell: |console| Some(&console.bells.renewals),
        run: |console| Box::pin(plan_renewals::run(console)),
    },
    Task {
        name: "refresh_directories",
        every: |_| Duration::from_secs(3600),
        bell: |_| None,
        run: |console| Box::pin(refresh_directories::run(console)),
    },
    Task {
        name: "refresh_renewal_info",
        every: |console| console.config.renew_tick,
        bell: |console| Some(&console.bells.renewal_info),
        run: |console| Box::pin(refresh_renewal_info::run(console)),
    },
    Task {
        name: "revoke",
        every: |console| console.config.renew_tick,
        bell: |console| Some(&console.bells.revocations),
        run: |console| Box::pin(revoke::run(console)),
    },
    Task {
        name: "sweep_txt_journal",
        every: |_| Duration::from_secs(10),
        bell: |console| Some(&console.bells.sweep),
        run: |console| Box::pin(sweep_txt_journal::run(console)),
    },
];

/// Starts every task; they end with the Console's shutdown, and the tracker tells when.
pub fn start(console: &Console) -> TaskTracker {
    let tracker = TaskTracker::new();
    for task in &TASKS {
        tracker.spawn(reconcile(console.clone(), task));
    }
    tracker.spawn(run_orders::run(console.clone()));
    tracker.close();
    tracker
}

/// Does all that is to be done at this instant of the Console's clock, each task in its turn, and answers when something
/// comes next: in place of [`start`], for a clock that is moved by hand.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(console: &Console) -> Result<Option<Timestamp>, DbError> {
    loop {
        refresh_renewal_info::run(console).await?;
        plan_renewals::run(console).await?;
        if run_orders::run_ready(console).await? == 0 {
            break;
        }
    }
    sweep_txt_journal::run(console).await?;
    console.db.next_event().await
}

/// Marks what has expired and removes what is over, as the hourly task does.
///
/// # Errors
/// When the database fails.
pub async fn tidy_up(console: &Console) -> Result<(), DbError> {
    expire::run(console).await
}

async fn reconcile(console: Console, task: &'static Task) {
    loop {
        tokio::select! {
            () = console.shutdown.cancelled() => return,
            result = (task.run)(&console) => if let Err(error) = result {
                let remedy = error.remedy();
                tracing::error!(
                    task = task.name, remedy,
                    error = &error as &dyn std::error::Error, "a task failed; it runs again later"
                );
            },
        }
        tokio::select! {
            () = console.shutdown.cancelled() => return,
            () = tokio::time::sleep((task.every)(&console)) => {}
            () = rung((task.bell)(&console)) => {}
        }
    }
}

async fn rung(bell: Option<&Notify>) {
    match bell {
        Some(bell) => bell.notified().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_in_order() {
        assert!(TASKS.is_sorted_by_key(|task| task.name));
    }
}
