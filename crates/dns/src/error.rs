//! What went wrong at a DNS provider: who, doing what, on which name, in whose words, and what to do.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_types::Secret;

use crate::engine::{percent, xml_escaped};

/// At most so many characters of a provider's answer are kept.
const EXCERPT: usize = 2048;

/// What follows the name of an authentication scheme is a credential when it is so long: a word is not.
const CREDENTIAL: usize = 16;

/// How providers say that a signature is not right.
const SIGNATURE_WORDS: [&str; 7] = [
    "BADSIG",
    "BADTIME",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "RequestExpired",
    "InvalidTimeStamp",
    "AuthFailure.SignatureFailure",
];

/// An operation at a DNS provider failed.
///
/// The message names provider, step, name and zone, the provider's status and its own words; the
/// decision it asks for is in [`fault`](Self::fault), [`is_retryable`](Self::is_retryable),
/// [`retry_after`](Self::retry_after) and [`remedy`](Self::remedy). Secrets are masked.
#[derive(Debug)]
pub struct DnsError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    provider: &'static str,
    step: Step,
    fault: Fault,
    what: String,
    setting: Option<&'static str>,
    name: Option<String>,
    zone: Option<String>,
    status: Option<String>,
    words: Option<String>,
    output: Option<String>,
    remedy: Option<String>,
    retry_after: Option<Duration>,
    retryable: Option<bool>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Whose fault a failure is, which decides who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The server's and our clock differ too much.
    Clock,
    /// The provider entry's settings cannot work.
    Configuration,
    /// Key, token or password were not accepted.
    Credentials,
    /// The server was not reached, or did not answer in time.
    Network,
    /// Known, but not allowed to change this.
    Permission,
    /// The provider failed, or answered what cannot be understood.
    Provider,
    /// The zone is not there, or the name cannot be changed in it.
    Zone,
}

impl Fault {
    /// Stable word for APIs and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Configuration => "configuration",
            Self::Credentials => "credentials",
            Self::Network => "network",
            Self::Permission => "permission",
            Self::Provider => "provider",
            Self::Zone => "zone",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Clock => "set this host's clock, or the DNS server's, by NTP",
            Self::Configuration => "correct the settings of this DNS provider",
            Self::Credentials => "correct the key or token of this DNS provider",
            Self::Network => {
                "check that the server's address is right and that no firewall is in the way"
            }
            Self::Permission => "allow this key or token to change TXT records of that name",
            Self::Provider => "try again later; if it persists, ask the DNS provider",
            Self::Zone => "check that this DNS provider holds the zone of that name",
        }
    }
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Adding the value.
    Add,
    /// Testing the connection.
    Check,
    /// Reading the settings.
    Configure,
    /// Finding the zone.
    FindZone,
    /// Reading the values that are there.
    Read,
    /// Registering an account.
    Register,
    /// Removing the value.
    Remove,
    /// Seeing whether the server kept the change.
    Verify,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "adding a TXT value",
            Self::Check => "testing the connection",
            Self::Configure => "reading the settings",
            Self::FindZone => "finding the zone",
            Self::Read => "reading the TXT values",
            Self::Register => "registering an account",
            Self::Remove => "removing a TXT value",
            Self::Verify => "verifying the change",
        })
    }
}

impl DnsError {
    pub(crate) fn new(
        provider: &'static str,
        step: Step,
        fault: Fault,
        what: impl Into<String>,
    ) -> Self {
        Self(Box::new(Failure {
            provider,
            step,
            fault,
            what: what.into(),
            setting: None,
            name: None,
            zone: None,
            status: None,
            words: None,
            output: None,
            remedy: None,
            retry_after: None,
            retryable: None,
            source: None,
        }))
    }

    /// A setting that cannot work.
    pub(crate) fn setting(provider: &'static str, what: impl Into<String>) -> Self {
        Self::new(provider, Step::Configure, Fault::Configuration, what)
    }

    /// Says which setting it is.
    pub(crate) fn of_setting(mut self, key: &'static str) -> Self {
        self.0.setting = Some(key);
        self
    }

    pub(crate) fn at_name(mut self, name: &str) -> Self {
        self.0.name = Some(name.to_owned());
        self
    }

    pub(crate) fn in_zone(mut self, zone: &str) -> Self {
        self.0.zone = Some(zone.to_owned());
        self
    }

    pub(crate) fn with_status(mut self, status: impl Into<String>) -> Self {
        self.0.status = Some(status.into());
        self
    }

    /// Keeps the provider's own words, masked and cut to 2048 characters.
    pub(crate) fn with_words(mut self, words: &str, secrets: &[&Secret<String>]) -> Self {
        let masked = mask(words.trim(), secrets);
        if !masked.is_empty() {
            self.0.words = Some(masked.chars().take(EXCERPT).collect());
        }
        self
    }

    /// Keeps all that a program said, masked; its last 2048 characters count as its words.
    pub(crate) fn with_output(mut self, output: &str, secrets: &[&Secret<String>]) -> Self {
        let masked = mask(output.trim(), secrets);
        let skipped = masked.chars().count().saturating_sub(EXCERPT);
        let end: String = masked.chars().skip(skipped).collect();
        self.0.words = Some(end).filter(|end| !end.is_empty());
        self.0.output = Some(masked).filter(|output| !output.is_empty());
        self
    }

    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.0.retry_after = after;
        self
    }

    /// Says for good that trying again as it is will not help.
    pub(crate) fn permanent(mut self) -> Self {
        self.0.retryable = Some(false);
        self
    }

    pub(crate) fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Code of the provider, such as `pdns`.
    pub fn provider(&self) -> &'static str {
        self.0.provider
    }

    /// Key of the setting that cannot work, where it is one.
    pub fn setting_key(&self) -> Option<&'static str> {
        self.0.setting
    }

    /// What was being done.
    pub fn step(&self) -> Step {
        self.0.step
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// The name whose TXT values were being changed.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The zone, when it was known.
    pub fn zone(&self) -> Option<&str> {
        self.0.zone.as_deref()
    }

    /// The protocol's status, such as `HTTP 422` or `NOTAUTH (BADSIG)`.
    pub fn status(&self) -> Option<&str> {
        self.0.status.as_deref()
    }

    /// The provider's own words, at most 2048 characters, secrets masked.
    pub fn words(&self) -> Option<&str> {
        self.0.words.as_deref()
    }

    /// All that a program said, when one was run: at most 64 KiB, secrets masked.
    pub fn output(&self) -> Option<&str> {
        self.0.output.as_deref()
    }

    /// Whether trying again without changing anything may help.
    pub fn is_retryable(&self) -> bool {
        self.0
            .retryable
            .unwrap_or(matches!(self.0.fault, Fault::Network | Fault::Provider))
    }

    /// Whether a signature was not accepted: the secret is wrong, or a clock is.
    ///
    /// TSIG says `BADSIG` or `BADTIME` (RFC 8945 §3), AWS and those after its fashion `SignatureDoesNotMatch`,
    /// `RequestTimeTooSkewed` and the like.
    pub fn is_about_signature(&self) -> bool {
        let said = [self.status(), self.words()];
        let mut said = said.into_iter().flatten();
        self.fault() == Fault::Clock
            || said.any(|text| SIGNATURE_WORDS.iter().any(|word| text.contains(word)))
    }

    /// How long the provider asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &str {
        self.0.remedy.as_deref().unwrap_or(self.0.fault.remedy())
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = &self.0;
        write!(f, "{}: {}", failure.provider, failure.step)?;
        if let Some(name) = &failure.name {
            write!(f, " at {name}")?;
        }
        if let Some(zone) = &failure.zone {
            write!(f, " in zone {zone}")?;
        }
        write!(f, ": {}", failure.what)?;
        if let Some(status) = &failure.status {
            write!(f, " ({status})")?;
        }
        if let Some(words) = &failure.words {
            write!(f, ": {words}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DnsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

/// The text with every secret of three or more characters replaced by `***`, however it is written: as it is, as in a
/// URL, in JSON, in XML, in Base64; and whatever follows the scheme of an `Authorization` header.
pub(crate) fn mask(text: &str, secrets: &[&Secret<String>]) -> String {
    let mut forms: Vec<String> = secrets
        .iter()
        .flat_map(|secret| secret.expose().trim().lines())
        .map(str::trim)
        .filter(|secret| secret.len() > 2)
        .flat_map(forms)
        .collect();
    // A secret that is part of another one must not leave the other's rest.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let masked = forms
        .iter()
        .fold(text.to_owned(), |text, form| text.replace(form, "***"));
    mask_after_schemes(&masked)
}

fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').unwrap_or(&json);
    let url = percent(secret);
    let mut forms = vec![
        secret.to_owned(),
        json.strip_suffix('"').unwrap_or(json).to_owned(),
        xml_escaped(secret),
        url.replace("%20", "+"),
        url,
        STANDARD.encode(secret),
    ];
    forms.dedup();
    forms
}

/// Services that show the request's headers show who asks.
fn mask_after_schemes(text: &str) -> String {
    let mut masked = text.to_owned();
    for scheme in ["basic ", "bearer ", "token "] {
        let mut from = 0;
        while let Some(found) = masked[from..].to_ascii_lowercase().find(scheme) {
            let start = from + found + scheme.len();
            let is_credential = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
            let length = masked[start..]
                .find(|c| !is_credential(c))
                .unwrap_or(masked.len() - start);
            if length >= CREDENTIAL {
                masked.replace_range(start..start + length, "***");
            }
            from = start;
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_who_what_where_and_why() {
        let secret = Secret::new("hunter2".to_owned());
        let error = DnsError::new("pdns", Step::Add, Fault::Provider, "the API refused it")
            .at_name("_acme-challenge.example.org")
            .in_zone("example.org")
            .with_status("HTTP 422")
            .with_words(" not in expected format: hunter2 \n", &[&secret]);

        assert_eq!(
            error.to_string(),
            "pdns: adding a TXT value at _acme-challenge.example.org in zone example.org: \
             the API refused it (HTTP 422): not in expected format: ***"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn only_network_and_provider_faults_are_worth_a_retry() {
        for (fault, retryable) in [
            (Fault::Clock, false),
            (Fault::Configuration, false),
            (Fault::Credentials, false),
            (Fault::Network, true),
            (Fault::Permission, false),
            (Fault::Provider, true),
            (Fault::Zone, false),
        ] {
            let error = DnsError::new("x", Step::Add, fault, "failed");
            assert_eq!(error.is_retryable(), retryable, "{fault:?}");
            assert!(!error.remedy().is_empty());
        }
    }

    #[test]
    fn a_service_that_repeats_what_it_was_sent_shows_no_secret() {
        let secrets = ["tok/en=1&\"x\"", "tok/en", "line-one\nline-two"];
        let secrets = secrets.map(|secret| Secret::new(secret.to_owned()));
        let secrets: Vec<&Secret<String>> = secrets.iter().collect();
        for (said, shown) in [
            ("bad token tok/en=1&\"x\"!", "bad token ***!"),
            (r#"{"token":"tok/en=1&\"x\""}"#, r#"{"token":"***"}"#),
            ("GET /?key=tok%2Fen%3D1%26%22x%22&a=b", "GET /?key=***&a=b"),
            ("<k>tok/en=1&amp;&quot;x&quot;</k>", "<k>***</k>"),
            ("got line-two", "got ***"),
            (
                "Authorization: Basic dXNlcjp0b2svZW4xMjM0NQ==;",
                "Authorization: Basic ***;",
            ),
            (
                "the token is too short, basic access",
                "the token is too short, basic access",
            ),
            ("é bearer abcdefghijklmnopq é", "é bearer *** é"),
        ] {
            assert_eq!(mask(said, &secrets), shown);
        }
    }
}
