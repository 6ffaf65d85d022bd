//! The stores at a glance: `cert list`, `cert summary` and `cert duplicates`.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use evercert_api::Page;
use evercert_api::certificate_lists::{CertificateFilter, CertificateSummary, DuplicateGroup};
use evercert_api::certificates::{Certificate, KeySlot};
use evercert_types::{CertificateState, RenewalMode, StoreKind};

use super::show::{store, word};
use crate::client::{Client, segment};
use crate::output::{self, Output};

/// Which certificates; what is given must hold together.
#[derive(clap::Args, Default)]
pub(crate) struct Filter {
    /// Only those that the Console renews.
    #[arg(long, conflicts_with = "manual")]
    automatic: bool,
    /// Only those that you renew.
    #[arg(long)]
    manual: bool,
    /// Only this store: zero-touch or certificate.
    #[arg(long)]
    store: Option<StoreKind>,
    /// Only those of this CA vendor.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Only those in one of these states, such as failing,blocked.
    #[arg(long, value_delimiter = ',', value_name = "STATE")]
    state: Vec<CertificateState>,
    /// Only those that carry these labels, as k=v,k=v.
    #[arg(long, value_name = "K=V")]
    selector: Option<String>,
    /// Only those whose version in force was issued by an issuer of this text.
    #[arg(long, value_name = "TEXT")]
    issuer: Option<String>,
    /// Only those whose name, or one of whose domains, contains this text.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those that expire within this span, such as 30d.
    #[arg(long, value_name = "SPAN")]
    expires_in: Option<String>,
    /// Only those that are due within this span, such as 7d.
    #[arg(long, value_name = "SPAN")]
    due_in: Option<String>,
}

/// `cert list`.
#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// In which order.
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// The other way round (not by name).
    #[arg(long)]
    reverse: bool,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// By name.
    #[default]
    Name,
    /// What expires first comes first.
    Expires,
    /// What is due first comes first.
    Due,
}

/// `cert summary`.
#[derive(clap::Args)]
pub(crate) struct Summary {
    #[command(flatten)]
    filter: Filter,
}

impl Filter {
    /// As the API has it.
    pub(crate) fn to_api(&self) -> CertificateFilter {
        let states: Vec<_> = self.state.iter().map(|state| state.as_str()).collect();
        CertificateFilter {
            renewal_mode: match (self.automatic, self.manual) {
                (true, _) => Some(RenewalMode::Automatic),
                (_, true) => Some(RenewalMode::Manual),
                _ => None,
            },
            store: self.store,
            vendor: self.vendor.clone(),
            state: Some(states.join(",")).filter(|states| !states.is_empty()),
            selector: self.selector.clone(),
            issuer: self.issuer.clone(),
            search: self.search.clone(),
            expires_before: self.expires_in.clone(),
            due_before: self.due_in.clone(),
        }
    }

    fn query(&self) -> Result<String> {
        let fields = serde_json::to_value(self.to_api())?;
        let fields = fields.as_object().cloned().unwrap_or_default();
        let pairs = fields.iter().map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            format!("&{key}={}", segment(value))
        });
        Ok(pairs.collect())
    }
}

/// Lists certificates.
pub(crate) async fn list(client: &Client, list: &List, output: Output) -> Result<ExitCode> {
    let sort = match (list.sort, list.reverse) {
        (Sort::Name, _) => "name",
        (Sort::Expires, false) => "not_after",
        (Sort::Expires, true) => "-not_after",
        (Sort::Due, false) => "due_at",
        (Sort::Due, true) => "-due_at",
    };
    let path = format!(
        "/certificates?limit=500&sort={sort}{}",
        list.filter.query()?
    );
    let all: Vec<Certificate> = client.all_pages(&path).await?;
    if output == Output::Json {
        output::json(&Page::last(all))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = all
        .iter()
        .flat_map(|c| c.keys.iter().map(|slot| row(c, slot)))
        .collect();
    output::table(
        &[
            "NAME", "STATE", "STORE", "KEY", "EXPIRES", "RENEWAL", "VENDOR", "DOMAINS",
        ],
        &rows,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn row(certificate: &Certificate, slot: &KeySlot) -> Vec<String> {
    let domains: Vec<_> = certificate
        .domains
        .iter()
        .map(ToString::to_string)
        .collect();
    let expires = slot.active.as_ref().map_or_else(
        || "not issued".to_owned(),
        |v| output::relative(v.not_after),
    );
    vec![
        certificate.name.clone(),
        slot.state.to_string(),
        store(certificate.store).to_owned(),
        slot.algorithm.to_string(),
        expires,
        renewal(certificate, slot),
        certificate.vendor.clone().unwrap_or_default(),
        domains.join(","),
    ]
}

fn renewal(certificate: &Certificate, slot: &KeySlot) -> String {
    if certificate.paused {
        return "paused".to_owned();
    }
    if slot.last_error.is_some() {
        let next = slot
            .retry_at
            .map_or_else(|| "when mended".to_owned(), output::relative);
        return format!("failed {}×, next try {next}", slot.failures);
    }
    match slot.due_at {
        Some(at) => format!(
            "{} ({})",
            output::relative(at),
            slot.due_reason.as_deref().map_or("planned", word)
        ),
        None => certificate.renewal_mode.to_string(),
    }
}

/// Counts certificates.
pub(crate) async fn summary(
    client: &Client,
    summary: &Summary,
    output: Output,
) -> Result<ExitCode> {
    let path = format!("/certificates/summary?limit=1{}", summary.filter.query()?);
    let counts: CertificateSummary = client.get(&path).await?;
    if output == Output::Json {
        output::json(&counts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![vec!["total".to_owned(), counts.total.to_string()]];
    let mut push = |what: String, count: u64| {
        if count > 0 {
            rows.push(vec![what, count.to_string()]);
        }
    };
    for (state, count) in &counts.by_state {
        push(format!("state {state}"), *count);
    }
    for (mode, count) in &counts.by_renewal_mode {
        push(format!("renewal {mode}"), *count);
    }
    for (kind, count) in &counts.by_store {
        push(format!("store {}", store(*kind)), *count);
    }
    for (vendor, count) in &counts.by_vendor {
        let name = if vendor.is_empty() { "(none)" } else { vendor };
        push(format!("vendor {name}"), *count);
    }
    push("same names as another".to_owned(), counts.duplicates);
    output::table(&["CERTIFICATES", "COUNT"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// Lists certificates with the very same names.
pub(crate) async fn duplicates(client: &Client, output: Output) -> Result<ExitCode> {
    let page: Page<DuplicateGroup> = client.get("/certificates/duplicates").await?;
    if output == Output::Json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for group in &page.items {
        let domains: Vec<_> = group.domains.iter().map(ToString::to_string).collect();
        for one in &group.certificates {
            rows.push(vec![
                one.name.clone(),
                store(one.store).to_owned(),
                one.renewal_mode.to_string(),
                one.vendor.clone().unwrap_or_default(),
                domains.join(","),
            ]);
        }
    }
    output::table(&["NAME", "STORE", "RENEWAL", "VENDOR", "DOMAINS"], &rows)?;
    Ok(ExitCode::SUCCESS)
}
