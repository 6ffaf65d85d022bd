//! The same done to one certificate or to many: `cert migrate`, `pause`, `resume`, `switch-vendor`, and `renew` of many.

use std::process::ExitCode;

use anyhow::{Result, bail};
use evercert_api::bulk::{BulkAction, BulkItem, BulkOutcome, BulkRequest, BulkResult};
use evercert_api::certificate_lists::CertificateFilter;
use evercert_api::revocations::RevocationReason;
use evercert_types::RenewalMode;

use super::list::Filter;
use crate::client::Client;
use crate::exit;
use crate::output::{self, Output};

/// Which certificates: by name, or by what they have in common.
#[derive(clap::Args, Default)]
pub(crate) struct Which {
    /// Names of certificates; or say below what they have in common.
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only tell what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `cert migrate`.
#[derive(clap::Args)]
pub(crate) struct Migrate {
    /// Who shall renew them: automatic (the Console) or manual (you).
    #[arg(long, value_name = "MODE")]
    to: RenewalMode,
    /// With automatic: the CA vendor that shall renew them, where they have none or another.
    #[arg(long, value_name = "V")]
    through: Option<String>,
    /// Confirm that certificates of another vendor come from that one from now on.
    #[arg(long, requires = "through")]
    confirm_vendor_change: bool,
    #[command(flatten)]
    which: Which,
}

/// `cert switch-vendor`.
#[derive(clap::Args)]
pub(crate) struct SwitchVendor {
    /// The CA vendor that renews them from now on.
    #[arg(long, value_name = "V")]
    to: String,
    /// Confirm that certificates of another vendor come from that one from now on.
    #[arg(long)]
    confirm_vendor_change: bool,
    /// Renew now, instead of when it is due.
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    which: Which,
}

impl Which {
    /// Whether it is exactly one certificate, by its name.
    pub(crate) fn single(&self) -> Option<&str> {
        match self.names.as_slice() {
            [one] if self.filter.to_api().is_empty() && !self.dry_run => Some(one),
            _ => None,
        }
    }

    /// A request for an action on these.
    pub(crate) fn request(&self, action: BulkAction) -> Result<BulkRequest> {
        let filter: CertificateFilter = self.filter.to_api();
        if self.names.is_empty() && filter.is_empty() {
            bail!(
                "say which certificates: their names, or what they have in common, such as --selector site=fra"
            );
        }
        Ok(BulkRequest {
            action,
            names: self.names.clone(),
            filter,
            vendor: None,
            confirm_vendor_change: false,
            renew_now: false,
            reason: RevocationReason::default(),
            dry_run: self.dry_run,
        })
    }
}

/// Moves certificates between automatic and manual renewal.
pub(crate) async fn migrate(
    client: &Client,
    migrate: &Migrate,
    output: Output,
) -> Result<ExitCode> {
    let action = match migrate.to {
        RenewalMode::Automatic => BulkAction::MigrateAutomatic,
        RenewalMode::Manual => BulkAction::MigrateManual,
    };
    let request = BulkRequest {
        vendor: migrate.through.clone(),
        confirm_vendor_change: migrate.confirm_vendor_change,
        ..migrate.which.request(action)?
    };
    send(client, &request, output).await
}

/// Has certificates renewed through another CA vendor.
pub(crate) async fn switch_vendor(
    client: &Client,
    switch: &SwitchVendor,
    output: Output,
) -> Result<ExitCode> {
    let request = BulkRequest {
        vendor: Some(switch.to.clone()),
        confirm_vendor_change: switch.confirm_vendor_change,
        renew_now: switch.now,
        ..switch.which.request(BulkAction::SwitchVendor)?
    };
    send(client, &request, output).await
}

/// Does something that needs no more words.
pub(crate) async fn plain(
    client: &Client,
    which: &Which,
    action: BulkAction,
    output: Output,
) -> Result<ExitCode> {
    send(client, &which.request(action)?, output).await
}

/// Sends a request, and tells what became of each certificate.
pub(crate) async fn send(
    client: &Client,
    request: &BulkRequest,
    output: Output,
) -> Result<ExitCode> {
    let result: BulkResult = client.post("/certificates/bulk", request).await?;
    match output {
        Output::Json => output::json(&result)?,
        Output::Table => {
            let rows: Vec<_> = result.items.iter().map(row).collect();
            output::table(&["NAME", "OUTCOME", "DETAIL"], &rows)?;
            let would = if result.dry_run { "would be " } else { "" };
            eprintln!(
                "{would}done {}, queued {}, unchanged {}, refused {}",
                result.done, result.queued, result.unchanged, result.refused
            );
        }
    }
    Ok(
        match (
            result.refused,
            result.done + result.queued + result.unchanged,
        ) {
            (0, _) => ExitCode::SUCCESS,
            (_, 0) => ExitCode::FAILURE,
            _ => ExitCode::from(exit::PARTLY),
        },
    )
}

fn row(item: &BulkItem) -> Vec<String> {
    let outcome = match item.outcome {
        BulkOutcome::Done => "done",
        BulkOutcome::Queued => "queued",
        BulkOutcome::Unchanged => "unchanged",
        BulkOutcome::Refused => "refused",
    };
    let detail = match (&item.problem, &item.detail, item.operation) {
        (Some(problem), ..) => match &problem.remedy {
            Some(remedy) => format!("{} → {remedy}", problem.detail),
            None => problem.detail.clone(),
        },
        (_, Some(detail), _) => detail.clone(),
        (_, _, Some(operation)) => format!("operation {operation}"),
        _ => String::new(),
    };
    vec![item.name.clone(), outcome.to_owned(), detail]
}
