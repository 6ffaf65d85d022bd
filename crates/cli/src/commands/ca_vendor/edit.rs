//! `evercert ca-vendor edit`: what to change of a vendor.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::settings::read;

#[derive(clap::Args)]
pub(super) struct Edit {
    /// Name of the vendor.
    name: String,
    /// New name.
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Contact address of the account; the CA is told. "" takes it away.
    #[arg(long, value_name = "E")]
    email: Option<String>,
    /// Another directory: registers a new account.
    #[arg(long, value_name = "URL", conflicts_with = "environment")]
    directory_url: Option<String>,
    /// Another directory of the same CA, such as `production`: registers a new account.
    #[arg(long, value_name = "CODE")]
    environment: Option<String>,
    /// PEM file of the roots for the directory's own TLS certificate.
    #[arg(long, value_name = "PEM", conflicts_with = "system_roots")]
    ca_bundle: Option<PathBuf>,
    /// Trust the system's roots for the directory again.
    #[arg(long)]
    system_roots: bool,
    /// Key id of another external account binding: registers a new account.
    #[arg(long, requires = "eab_hmac_file", value_name = "K")]
    eab_kid: Option<String>,
    /// File with the binding's HMAC key.
    #[arg(long, requires = "eab_kid", value_name = "FILE")]
    eab_hmac_file: Option<PathBuf>,
    /// Register a new account, as when the CA has lost the old one.
    #[arg(long)]
    register_anew: bool,
    /// You have read the terms of service that the CA has now and agree to them.
    #[arg(long)]
    agree_tos: bool,
    /// Renew this long before expiry, such as 30d; "" leaves it to the lifetime.
    #[arg(long, value_name = "SPAN")]
    renew_before: Option<String>,
    /// ACME profile to ask for; "" takes it away.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Common name of the topmost issuer wanted; "" takes it away.
    #[arg(long, value_name = "CN")]
    preferred_chain: Option<String>,
    /// Lifetime to ask for; "" takes it away.
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<String>,
}

impl Edit {
    /// Which vendor.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The request: only what was given.
    pub(super) fn body(&self) -> Result<Value> {
        let mut body = Map::new();
        let mut put = |member: &str, value: Value| body.insert(member.to_owned(), value);
        for (member, value) in [
            ("name", &self.rename),
            ("directory_url", &self.directory_url),
            ("environment", &self.environment),
            ("eab_kid", &self.eab_kid),
        ] {
            if let Some(value) = value {
                put(member, json!(value));
            }
        }
        for (member, value) in [
            ("email", &self.email),
            ("renew_before", &self.renew_before),
            ("profile", &self.profile),
            ("preferred_chain", &self.preferred_chain),
            ("lifetime", &self.lifetime),
        ] {
            if let Some(value) = value {
                put(member, json!(Some(value).filter(|value| !value.is_empty())));
            }
        }
        if let Some(bundle) = read("--ca-bundle", self.ca_bundle.as_deref())? {
            put("ca_bundle", json!(bundle));
        } else if self.system_roots {
            put("ca_bundle", Value::Null);
        }
        if let Some(hmac) = read("--eab-hmac-file", self.eab_hmac_file.as_deref())? {
            put("eab_hmac", json!(hmac));
        }
        for (member, wanted) in [
            ("register_anew", self.register_anew),
            ("terms_agreed", self.agree_tos),
        ] {
            if wanted {
                put(member, json!(true));
            }
        }
        if body.is_empty() {
            bail!("nothing to change: give at least one option (see --help)");
        }
        Ok(Value::Object(body))
    }
}
