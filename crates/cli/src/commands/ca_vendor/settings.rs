//! `evercert ca-vendor add`: the settings of a new vendor.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(super) struct Add {
    /// Unique name, such as `lets-encrypt`.
    name: String,
    /// The CA, as `evercert ca-vendor types` names it; it brings the directory's URL.
    #[arg(long = "type", value_name = "CODE")]
    type_code: Option<String>,
    /// Which of the CA's directories, such as `staging` or `eu`; default: its usual one.
    #[arg(long, value_name = "CODE", conflicts_with = "directory_url")]
    environment: Option<String>,
    /// The CA's ACME directory, https; needed where the type does not know it.
    #[arg(long, value_name = "URL", required_unless_present = "type_code")]
    directory_url: Option<String>,
    /// Contact address of the account.
    #[arg(long, value_name = "E")]
    email: Option<String>,
    /// You have read the CA's terms of service and agree to them.
    #[arg(long)]
    agree_tos: bool,
    /// PEM file of the roots for the directory's own TLS certificate; default: the system's.
    #[arg(long, value_name = "PEM")]
    ca_bundle: Option<PathBuf>,
    /// Key id of the external account binding, where the CA wants one.
    #[arg(long, requires = "eab_hmac_file", value_name = "K")]
    eab_kid: Option<String>,
    /// File with the binding's HMAC key, as the CA shows it (base64url).
    #[arg(long, requires = "eab_kid", value_name = "FILE")]
    eab_hmac_file: Option<PathBuf>,
    /// Renew this long before expiry, such as 30d; default: a third of the lifetime.
    #[arg(long, value_name = "SPAN")]
    renew_before: Option<String>,
    /// ACME profile to ask for.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Common name of the topmost issuer wanted among alternate chains.
    #[arg(long, value_name = "CN")]
    preferred_chain: Option<String>,
    /// Lifetime to ask for, such as 30d, where the CA honours that.
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<String>,
}

impl Add {
    /// The request.
    pub(super) fn body(&self) -> Result<Value> {
        Ok(json!({
            "name": self.name,
            "type": self.type_code,
            "environment": self.environment,
            "directory_url": self.directory_url,
            "email": self.email,
            "terms_agreed": self.agree_tos,
            "ca_bundle": read("--ca-bundle", self.ca_bundle.as_deref())?,
            "eab_kid": self.eab_kid,
            "eab_hmac": read("--eab-hmac-file", self.eab_hmac_file.as_deref())?,
            "renew_before": self.renew_before,
            "profile": self.profile,
            "preferred_chain": self.preferred_chain,
            "lifetime": self.lifetime,
        }))
    }
}

/// The text of a file that an option names.
pub(super) fn read(option: &str, file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file else { return Ok(None) };
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading {option} {}", file.display()))?;
    Ok(Some(text.trim().to_owned()))
}
