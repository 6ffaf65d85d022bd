//! `cert change`: who renews a certificate, where it goes, and how its next versions are issued.

use std::process::ExitCode;

use anyhow::{Result, bail};
use evercert_api::certificates::Certificate;
use evercert_types::{DomainName, KeyAlgorithm, RenewalMode, Selector};
use serde_json::{Map, Value, json};

use super::terms::Terms;
use crate::client::{Client, segment};
use crate::output::Output;

/// `cert change`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Change {
    /// Name of the certificate.
    name: String,
    /// Who starts renewals: automatic or manual.
    #[arg(long, value_name = "MODE")]
    renewal: Option<RenewalMode>,
    /// Which instances it goes to: `all`, or labels as k=v,k=v.
    #[arg(long)]
    scope: Option<Selector>,
    /// Renew through another CA vendor from the next renewal on.
    #[arg(long, value_name = "V")]
    vendor: Option<String>,
    /// Confirm the change of vendor.
    #[arg(long, requires = "vendor")]
    confirm_vendor_change: bool,
    /// All its names from now on; automatic certificates are issued anew at once.
    #[arg(long = "domain", value_name = "D", value_delimiter = ',')]
    domains: Vec<DomainName>,
    /// All its key algorithms from now on: new ones are issued, those left out are no longer served.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHM")]
    key: Vec<KeyAlgorithm>,
    /// Whether renewals keep the key.
    #[arg(long, value_name = "true|false")]
    reuse_key: Option<bool>,
    /// Let the Console make CSRs again, instead of sending the uploaded one.
    #[arg(long, conflicts_with = "csr", help_heading = "Key and CSR")]
    no_csr: bool,
    /// Go on without the profile when the CA has it no more.
    #[arg(long, conflicts_with = "profile_required", help_heading = "Ordering")]
    profile_preferred: bool,
    /// Whether one order may serve a certificate of the other store as well.
    #[arg(long, value_name = "true|false", help_heading = "Ordering")]
    share: Option<bool>,
    #[command(flatten)]
    terms: Terms,
}

const EXAMPLES: &str = "\
An empty text takes back what was chosen, as in --profile ''.

Examples:
  evercert cert change shop --renewal manual
  evercert cert change shop --domain shop.example.com,www.shop.example.com
  evercert cert change shop --key ecdsa-p256,rsa-2048
  evercert cert change shop --csr new.csr --key-file new.key";

impl Change {
    fn body(&self) -> Result<Map<String, Value>> {
        let mut body = Map::new();
        let mut put = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(member.to_owned(), value);
            }
        };
        put("renewal_mode", self.renewal.map(|mode| json!(mode)));
        put("scope", self.scope.as_ref().map(|scope| json!(scope)));
        put("vendor", self.vendor.as_ref().map(|vendor| json!(vendor)));
        let domains = (!self.domains.is_empty()).then(|| json!(self.domains));
        put("domains", domains);
        put("keys", (!self.key.is_empty()).then(|| json!(self.key)));
        put("reuse_key", self.reuse_key.map(Value::from));
        put("csr_pem", self.no_csr.then_some(Value::Null));
        let preferred = self.profile_preferred.then(|| json!("preferred"));
        put("profile_mode", preferred);
        put("share", self.share.map(Value::from));
        self.terms.write(&mut body)?;
        if body.is_empty() {
            bail!("say what is to be changed; `evercert cert change --help` lists it");
        }
        if self.confirm_vendor_change {
            body.insert("confirm_vendor_change".to_owned(), true.into());
        }
        Ok(body)
    }
}

/// Changes a certificate and shows it.
pub(crate) async fn change(client: &Client, change: &Change, output: Output) -> Result<ExitCode> {
    let path = format!("/certificates/{}", segment(&change.name));
    let certificate: Certificate = client.patch(&path, &change.body()?).await?;
    super::show::print(client, &certificate, output).await
}
