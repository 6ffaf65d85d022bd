//! How vendors and types are shown.

use std::process::ExitCode;

use anyhow::{Result, bail};
use evercert_api::Page;
use evercert_api::ca_vendors::{
    AddedCaVendor, CaVendor, Capabilities, IssuerCount, TestReport, VendorTraits, VendorType,
};

use crate::output::{self, Output};

pub(super) fn list(page: &Page<CaVendor>, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|v| {
            vec![
                v.name.clone(),
                v.type_code.clone(),
                v.certificates.to_string(),
                renewal(v),
                v.directory_url.clone(),
                v.warnings.len().to_string(),
            ]
        })
        .collect();
    output::table(
        &[
            "NAME",
            "TYPE",
            "CERTIFICATES",
            "RENEWS",
            "DIRECTORY",
            "WARNINGS",
        ],
        &rows,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn renewal(vendor: &CaVendor) -> String {
    let plain = vendor.renew_before.as_ref().map_or_else(
        || "at 2/3 of lifetime".to_owned(),
        |span| format!("{span} before expiry"),
    );
    if vendor.capabilities.ari {
        format!("{plain}, or when the CA says (ARI)")
    } else {
        plain
    }
}

/// A vendor just added, and what the scan found: `Let's Encrypt: 2, Other CA: 2`.
pub(super) fn added(added: &AddedCaVendor, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(added)?;
        return Ok(ExitCode::SUCCESS);
    }
    let code = vendor(&added.vendor, output)?;
    let counts = counts(&added.scan);
    output::print(&format!("\nCertificates in both stores: {counts}\n"))?;
    eprintln!(
        "choose those to renew through it: evercert ca-vendor certificates {0}, then select {0} NAME…",
        added.vendor.name
    );
    Ok(code)
}

/// `Let's Encrypt: 2, Other CA: 2`.
pub(super) fn counts(counts: &[IssuerCount]) -> String {
    let each: Vec<String> = counts
        .iter()
        .map(|count| format!("{}: {}", count.issuer, count.count))
        .collect();
    each.join(", ")
}

pub(super) fn vendor(vendor: &CaVendor, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(vendor)?;
        return Ok(ExitCode::SUCCESS);
    }
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut fields = vec![
        ("Name", vendor.name.clone()),
        ("Type", vendor.type_code.clone()),
        ("Directory", vendor.directory_url.clone()),
        ("Account", or_nothing(&vendor.account_url)),
        ("E-mail", or_nothing(&vendor.email)),
        ("Binding", or_nothing(&vendor.eab_kid)),
        ("Renews", renewal(vendor)),
        ("Profile", or_nothing(&vendor.profile)),
        ("Preferred chain", or_nothing(&vendor.preferred_chain)),
        ("Lifetime", or_nothing(&vendor.lifetime)),
        ("Terms agreed", or_nothing(&vendor.terms_agreed)),
    ];
    fields.extend(offers(&vendor.capabilities));
    fields.extend(traits(&vendor.traits));
    fields.push(("Certificates", vendor.certificates.to_string()));
    fields.push(("Added", output::time(vendor.created_at)));
    output::fields(&fields)?;
    for warning in &vendor.warnings {
        eprintln!("warning: {}", warning.message);
        if let Some(remedy) = &warning.remedy {
            eprintln!("        → {remedy}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn offers(offers: &Capabilities) -> Vec<(&'static str, String)> {
    let yes = |offered: bool| if offered { "yes" } else { "no" }.to_owned();
    let profiles: Vec<String> = offers
        .profiles
        .iter()
        .map(|name| match offers.profile_descriptions.get(name) {
            Some(words) => format!("{name} ({words})"),
            None => name.clone(),
        })
        .collect();
    vec![
        ("Profiles on offer", profiles.join(", ")),
        ("Renewal information", yes(offers.ari)),
        ("Binding required", yes(offers.eab_required)),
        ("Key change", yes(offers.key_change)),
        (
            "Orders listed",
            offers.orders_list.map(yes).unwrap_or_default(),
        ),
        (
            "Terms of service",
            offers.terms_of_service.clone().unwrap_or_default(),
        ),
        ("Website", offers.website.clone().unwrap_or_default()),
        ("CAA identities", offers.caa_identities.join(", ")),
        (
            "Directory read",
            offers.read_at.map(output::time).unwrap_or_default(),
        ),
    ]
}

fn traits(traits: &VendorTraits) -> Vec<(&'static str, String)> {
    let keys: Vec<&str> = traits.key_types.iter().map(|key| key.as_str()).collect();
    let limits: Vec<String> = traits
        .limits
        .iter()
        .map(|limit| {
            format!(
                "{} {} (one more every {} s)",
                limit.burst, limit.description, limit.refill_every_secs
            )
        })
        .collect();
    vec![
        ("Wildcards", traits.wildcard.clone()),
        ("IP addresses", traits.ip_identifiers.clone()),
        (
            "Most names",
            traits.max_names.map(|n| n.to_string()).unwrap_or_default(),
        ),
        ("Keys", keys.join(", ")),
        ("Asked lifetime", traits.not_after.clone()),
        ("Follows CNAME", traits.cname_followed.clone()),
        ("Validated before", traits.prevalidated.clone()),
        ("Limits", limits.join("; ")),
        ("Notes", traits.notes.join(" ")),
    ]
}

/// The known CAs, or all that is known of one.
pub(super) fn types(
    page: Page<VendorType>,
    code: Option<&str>,
    output: Output,
) -> Result<ExitCode> {
    if let Some(code) = code {
        let Some(one) = page.items.iter().find(|one| one.code == code) else {
            bail!("there is no CA type {code:?}; `evercert ca-vendor types` lists them");
        };
        return one_type(one, output);
    }
    if output == Output::Json {
        output::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|one| {
            let environments: Vec<&str> =
                one.environments.iter().map(|e| e.code.as_str()).collect();
            vec![
                one.code.clone(),
                one.name.clone(),
                one.traits.eab.replace('_', " "),
                environments.join(", "),
            ]
        })
        .collect();
    output::table(&["TYPE", "CA", "BINDING", "ENVIRONMENTS"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn one_type(one: &VendorType, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(one)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut fields = vec![
        ("Type", one.code.clone()),
        ("CA", one.name.clone()),
        ("Explained at", one.docs.clone()),
        ("Binding", one.traits.eab.replace('_', " ")),
        ("Get a binding", one.eab_help.clone().unwrap_or_default()),
    ];
    fields.extend(traits(&one.traits));
    output::fields(&fields)?;
    for environment in &one.environments {
        let line = format!(
            "  {}: {} ({})\n",
            environment.code, environment.url, environment.label
        );
        output::print(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a test step by step; fails when a step failed.
pub(crate) fn test_report(report: &TestReport, output: Output) -> Result<ExitCode> {
    if output == Output::Json {
        output::json(report)?;
    } else {
        for step in &report.steps {
            let mark = match (step.skipped, step.ok) {
                (true, _) => "-     ",
                (false, true) => "ok    ",
                (false, false) => "FAILED",
            };
            output::print(&format!(
                "{mark}  {} ({} ms): {}\n",
                step.name, step.duration_ms, step.detail
            ))?;
            if let Some(remedy) = step.remedy.as_deref().filter(|_| !step.ok) {
                output::print(&format!("        → {remedy}\n"))?;
            }
        }
    }
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
