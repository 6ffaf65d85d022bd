//! The flags that say how a certificate is issued, and the JSON that they become.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evercert_types::{ChallengeChoice, SubjectTerms};
use serde_json::{Map, Value, json};

/// Key and CSR as files, and how the order is placed.
#[derive(clap::Args)]
pub(crate) struct Terms {
    /// PEM file with a CSR to send as it is; names and key algorithm are read from it.
    #[arg(long, value_name = "FILE", help_heading = "Key and CSR")]
    csr: Option<PathBuf>,
    /// PEM file with the private key to use; with --csr the one it was made with.
    #[arg(long, value_name = "FILE", help_heading = "Key and CSR")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    subject: Subject,
    /// An IP address it is for; proved by http-01 or tls-alpn-01 only.
    #[arg(long = "ip", value_name = "ADDRESS", value_delimiter = ',')]
    ips: Vec<IpAddr>,
    /// ACME profile; default the vendor's.
    #[arg(long, value_name = "NAME", help_heading = "Ordering")]
    profile: Option<String>,
    /// Fail when the CA has the profile no more, instead of going on without it.
    #[arg(long, help_heading = "Ordering")]
    profile_required: bool,
    /// Common name, or fingerprint, of the topmost issuer wanted; default the vendor's.
    #[arg(long, value_name = "NAME", help_heading = "Ordering")]
    preferred_chain: Option<String>,
    /// Lifetime to ask for, such as 30d, where the CA honours it.
    #[arg(long, value_name = "SPAN", help_heading = "Ordering")]
    lifetime: Option<String>,
    /// DNS provider that proves all names, instead of the domain mapping.
    #[arg(long, value_name = "NAME", help_heading = "Ordering")]
    dns_provider: Option<String>,
    /// How names are proved: dns-01, dns-01-manual, http-01 or tls-alpn-01.
    #[arg(long, value_name = "TYPE", help_heading = "Ordering")]
    challenge: Option<ChallengeChoice>,
    /// CA vendor that may stand in when the first one fails.
    #[arg(long, value_name = "V", help_heading = "Ordering")]
    failover: Option<String>,
    /// When renewals may run, such as "Sat,Sun 02:00-05:00 Europe/Zurich".
    #[arg(long, value_name = "WINDOW", help_heading = "Ordering")]
    maintenance: Option<String>,
}

/// The subject: as one text, or part by part.
#[derive(clap::Args)]
pub(crate) struct Subject {
    /// Subject to ask for, such as "CN=www.example.com,O=Example Ltd,C=CH"; public CAs ignore most of it.
    #[arg(
        long,
        value_name = "TEXT",
        help_heading = "Subject",
        conflicts_with = "part"
    )]
    subject: Option<SubjectTerms>,
    /// Common name; one of the domains.
    #[arg(long, value_name = "NAME", help_heading = "Subject", group = "part")]
    common_name: Option<String>,
    /// Organisation.
    #[arg(long, value_name = "TEXT", help_heading = "Subject", group = "part")]
    organization: Option<String>,
    /// Organisational unit.
    #[arg(long, value_name = "TEXT", help_heading = "Subject", group = "part")]
    organizational_unit: Option<String>,
    /// City.
    #[arg(long, value_name = "TEXT", help_heading = "Subject", group = "part")]
    locality: Option<String>,
    /// State or province.
    #[arg(long, value_name = "TEXT", help_heading = "Subject", group = "part")]
    state: Option<String>,
    /// Country, two letters.
    #[arg(long, value_name = "CC", help_heading = "Subject", group = "part")]
    country: Option<String>,
    /// E-mail address.
    #[arg(long, value_name = "ADDRESS", help_heading = "Subject", group = "part")]
    email: Option<String>,
}

impl Subject {
    fn asked(&self) -> Option<SubjectTerms> {
        let parts = SubjectTerms {
            common_name: self.common_name.clone(),
            organization: self.organization.clone(),
            organizational_unit: self.organizational_unit.clone(),
            locality: self.locality.clone(),
            state: self.state.clone(),
            country: self.country.clone(),
            email: self.email.clone(),
        };
        let parts = Some(parts).filter(|parts| !parts.is_empty());
        self.subject.clone().or(parts)
    }
}

impl Terms {
    /// Writes what was given into a request's body; files are read.
    pub(crate) fn write(&self, body: &mut Map<String, Value>) -> Result<()> {
        let mut put = |member: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(member.to_owned(), value);
            }
        };
        put("csr_pem", read(self.csr.as_deref())?);
        put("key_pem", read(self.key_file.as_deref())?);
        put(
            "subject",
            self.subject.asked().map(|subject| json!(subject)),
        );
        put("ips", (!self.ips.is_empty()).then(|| json!(self.ips)));
        let required = self.profile_required.then(|| json!("required"));
        put("profile_mode", required);
        put("challenge", self.challenge.map(|one| json!(one)));
        for (member, text) in [
            ("profile", &self.profile),
            ("preferred_chain", &self.preferred_chain),
            ("lifetime", &self.lifetime),
            ("dns_provider", &self.dns_provider),
            ("failover", &self.failover),
            ("maintenance", &self.maintenance),
        ] {
            // An empty text takes back what was chosen before.
            let value = |text: &String| match text.is_empty() {
                true => Value::Null,
                false => json!(text),
            };
            put(member, text.as_ref().map(value));
        }
        Ok(())
    }

    /// Whether a CSR is given, which brings the names.
    pub(crate) const fn has_csr(&self) -> bool {
        self.csr.is_some()
    }

    /// Whether addresses are given.
    pub(crate) const fn has_ips(&self) -> bool {
        !self.ips.is_empty()
    }
}

fn read(file: Option<&Path>) -> Result<Option<Value>> {
    let Some(file) = file else { return Ok(None) };
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Some(text.into()))
}
