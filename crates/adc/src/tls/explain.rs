//! Tells which certificate a client would get and why: the resolver's own choice, written down.

use std::str::FromStr;

use evercert_types::{Fingerprint, KeyAlgorithm};
use jiff::Timestamp;
use rustls::SignatureScheme;
use serde::{Deserialize, Serialize};

use super::manual::ManualCertificate;
use super::record::{Record, is_usable};
use super::resolver::{ChoicePolicy, Decision, Found, Key, Served, Step, Trace, decide};
use super::table::wildcard_base;

/// What a client would send.
#[derive(Clone, Debug, Default)]
pub struct ExplainQuery {
    /// The server name, in any case; `None` for a client that sends none.
    pub sni: Option<String>,
    /// Which vserver; all of them when absent.
    pub vserver: Option<String>,
    /// What the client can verify; ECDSA and RSA when absent.
    pub signatures: Option<Vec<SignatureName>>,
}

/// A signature algorithm family of a client, as `--sigalgs` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureName {
    /// `ecdsa`: ECDSA on P-256 and P-384.
    Ecdsa,
    /// `ecdsa-p256`.
    EcdsaP256,
    /// `ecdsa-p384`.
    EcdsaP384,
    /// `rsa`: PSS and PKCS#1.
    Rsa,
}

/// A signature algorithm's text was not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a signature algorithm; use ecdsa, ecdsa-p256, ecdsa-p384 or rsa")]
pub struct SignatureNameError(String);

impl FromStr for SignatureName {
    type Err = SignatureNameError;

    fn from_str(text: &str) -> Result<Self, SignatureNameError> {
        match text.to_ascii_lowercase().as_str() {
            "ecdsa" => Ok(Self::Ecdsa),
            "ecdsa-p256" => Ok(Self::EcdsaP256),
            "ecdsa-p384" => Ok(Self::EcdsaP384),
            "rsa" => Ok(Self::Rsa),
            _ => Err(SignatureNameError(text.to_owned())),
        }
    }
}

impl SignatureName {
    const fn schemes(self) -> &'static [SignatureScheme] {
        use SignatureScheme as S;
        match self {
            Self::Ecdsa => &[S::ECDSA_NISTP256_SHA256, S::ECDSA_NISTP384_SHA384],
            Self::EcdsaP256 => &[S::ECDSA_NISTP256_SHA256],
            Self::EcdsaP384 => &[S::ECDSA_NISTP384_SHA384],
            Self::Rsa => &[S::RSA_PSS_SHA256, S::RSA_PKCS1_SHA256],
        }
    }
}

/// The path taken on one vserver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The vserver.
    pub vserver: String,
    /// The server name looked for, in lower case.
    pub sni: Option<String>,
    /// Every step taken, in order.
    pub steps: Vec<ExplainedStep>,
    /// What the client gets.
    pub outcome: Outcome,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedStep {
    /// Such as `zero-touch exact name`.
    pub step: String,
    /// The name or wildcard it looked for; empty where it looks for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub looked_for: String,
    /// What it found; empty when nothing.
    pub candidates: Vec<Candidate>,
}

/// A certificate that could have been served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name of the certificate or certkey.
    pub certificate: String,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Its generation; absent for certkeys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// SHA-256 of the leaf.
    pub fingerprint: Fingerprint,
    /// Validity ends.
    pub not_after: Timestamp,
    /// Whether it is the one.
    pub chosen: bool,
    /// Why it won or lost.
    pub why: String,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A certificate.
    Served {
        /// Name of the certificate or certkey.
        certificate: String,
        /// Its key algorithm.
        algorithm: KeyAlgorithm,
        /// SHA-256 of the leaf.
        fingerprint: Fingerprint,
        /// The step that found it.
        step: String,
    },
    /// A TLS alert.
    Refused {
        /// Its name, as in RFC 8446 §6.2.
        alert: String,
        /// Why.
        why: String,
    },
}

/// Explains a choice; the very function that handshakes use decides.
pub(crate) fn explain(vserver: &str, policy: &ChoicePolicy, query: &ExplainQuery) -> Explanation {
    let offered = offered(query);
    let sni = query.sni.as_deref().map(str::to_ascii_lowercase);
    let mut recorder = Recorder {
        offered: &offered,
        steps: Vec::new(),
    };
    let decision = decide(policy, sni.as_deref(), &offered, &mut recorder);
    let steps = recorder.steps;
    Explanation {
        vserver: vserver.to_owned(),
        sni,
        steps,
        outcome: Outcome::from(&decision),
    }
}

fn offered(query: &ExplainQuery) -> Vec<SignatureScheme> {
    let names = query.signatures.as_deref();
    names
        .unwrap_or(&[SignatureName::Ecdsa, SignatureName::Rsa])
        .iter()
        .flat_map(|name| name.schemes())
        .copied()
        .collect()
}

impl From<&Decision> for Outcome {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Serve { step, served } => {
                let (certificate, algorithm, fingerprint) = match served {
                    Served::Manual(c) => (&c.certkey, c.algorithm, c.fingerprint),
                    Served::ZeroTouch(r) => (&r.parts().name, r.algorithm(), r.parts().fingerprint),
                };
                Self::Served {
                    certificate: certificate.to_string(),
                    algorithm,
                    fingerprint,
                    step: step_name(*step).to_owned(),
                }
            }
            Decision::Refuse(refusal) => Self::Refused {
                alert: refusal.alert_name().to_owned(),
                why: refusal.to_string(),
            },
        }
    }
}

struct Recorder<'a> {
    offered: &'a [SignatureScheme],
    steps: Vec<ExplainedStep>,
}

impl Trace for Recorder<'_> {
    fn step(&mut self, step: Step, key: Key<'_>, found: Found<'_>) {
        let candidates = match found {
            Found::Nothing => Vec::new(),
            Found::Manual(held, chosen) => held
                .iter()
                .map(|c| self.manual(c, chosen.map(|chosen| &**chosen)))
                .collect(),
            Found::ZeroTouch(set, chosen) => {
                let chosen = chosen.map(|chosen| &**chosen);
                let served = set.served().iter().map(|r| self.record(r, chosen));
                let losers = set.losers().iter().map(|r| lost(r));
                served.chain(losers).collect()
            }
        };
        self.steps.push(ExplainedStep {
            step: step_name(step).to_owned(),
            looked_for: looked_for(key),
            candidates,
        });
    }
}

impl Recorder<'_> {
    fn manual(
        &self,
        certificate: &ManualCertificate,
        chosen: Option<&ManualCertificate>,
    ) -> Candidate {
        let is_chosen = chosen.is_some_and(|c| std::ptr::eq(c, certificate));
        Candidate {
            certificate: certificate.certkey.to_string(),
            algorithm: certificate.algorithm,
            generation: None,
            fingerprint: certificate.fingerprint,
            not_after: certificate.not_after,
            chosen: is_chosen,
            why: self.why(is_chosen, certificate.algorithm),
        }
    }

    fn record(&self, record: &Record, chosen: Option<&Record>) -> Candidate {
        let is_chosen = chosen.is_some_and(|c| std::ptr::eq(c, record));
        candidate(record, is_chosen, self.why(is_chosen, record.algorithm()))
    }

    fn why(&self, chosen: bool, algorithm: KeyAlgorithm) -> String {
        if chosen {
            "the first that the client can verify".to_owned()
        } else if is_usable(algorithm, self.offered) {
            "another key algorithm goes first".to_owned()
        } else {
            format!("the client does not verify {algorithm} signatures")
        }
    }
}

fn looked_for(key: Key<'_>) -> String {
    match key {
        Key::Any => String::new(),
        Key::Name(name) => name.to_owned(),
        Key::WildcardOver(name) => {
            wildcard_base(name).map_or_else(String::new, |base| format!("*.{base}"))
        }
    }
}

fn lost(record: &Record) -> Candidate {
    let why = "another certificate for the name is valid longer, or newer";
    candidate(record, false, why.to_owned())
}

fn candidate(record: &Record, chosen: bool, why: String) -> Candidate {
    let parts = record.parts();
    Candidate {
        certificate: parts.name.to_string(),
        algorithm: record.algorithm(),
        generation: Some(parts.generation),
        fingerprint: parts.fingerprint,
        not_after: parts.not_after,
        chosen,
        why,
    }
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::ManualExact => "manual SNI binding, exact name",
        Step::ManualWildcard => "manual SNI binding, wildcard",
        Step::ManualDefault => "manual default binding",
        Step::ZeroTouchExact => "zero-touch exact name",
        Step::ZeroTouchWildcard => "zero-touch wildcard",
        Step::VserverDefault => "default certificate of the vserver",
        Step::InstanceDefault => "default certificate of the instance",
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
