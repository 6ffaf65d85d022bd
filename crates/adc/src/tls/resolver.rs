//! Which certificate a handshake gets; [`decide`] is the only place that says.

use std::fmt;
use std::sync::{Arc, OnceLock};

use evercert_types::DomainName;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::hot::HotKeys;
use super::manual::{self, ManualBindings, ManualCertificate};
use super::record::Record;
use super::slot::{CertificateSet, Slot};
use super::table::Table;
use crate::ocsp::Stapler;

/// What one vserver chooses from.
#[derive(Debug)]
pub(crate) struct ChoicePolicy {
    /// Bound by hand; its presence switches zero touch off.
    pub(crate) manual: Option<ManualBindings>,
    /// Of the vserver or its SSL profile (`-defaultSNI`).
    pub(crate) default_sni: Option<DefaultCertificate>,
    /// Of the instance.
    pub(crate) instance_default: Option<DefaultCertificate>,
    pub(crate) table: Arc<Table>,
    /// Staples OCSP responses to zero-touch certificates, where `-ocspStapling` is on.
    pub(crate) stapler: Option<Arc<Stapler>>,
}

/// A certificate for clients that send no name, or one nothing is held for.
#[derive(Clone, Debug)]
pub(crate) enum DefaultCertificate {
    /// Certkeys of the configuration.
    CertKeys(Vec<Arc<ManualCertificate>>),
    /// The zero-touch certificate that serves this name.
    Name(DomainName),
}

/// The steps in the order they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    ManualExact,
    ManualWildcard,
    ManualDefault,
    ZeroTouchExact,
    ZeroTouchWildcard,
    VserverDefault,
    InstanceDefault,
}

/// What a handshake is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Served {
    Manual(Arc<ManualCertificate>),
    ZeroTouch(Arc<Record>),
}

/// The outcome of a choice.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    Serve { step: Step, served: Served },
    Refuse(Refusal),
}

/// Why no certificate is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The client named a server that nothing is held for.
    UnknownName,
    /// The client named no server, and there is no default.
    NoName,
    /// Something is held, but the client verifies none of its signature algorithms.
    NoCommonScheme,
}

/// Hears of every step; a handshake's hears nothing and costs nothing.
pub(crate) trait Trace {
    /// The step looked for `key` and found these.
    fn step(&mut self, step: Step, key: Key<'_>, found: Found<'_>);
}

/// What a step looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    /// Nothing in particular: a default.
    Any,
    /// This name.
    Name(&'a str),
    /// The wildcard that covers this name.
    WildcardOver(&'a str),
}

/// What a step found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Nothing,
    Manual(
        &'a [Arc<ManualCertificate>],
        Option<&'a Arc<ManualCertificate>>,
    ),
    ZeroTouch(&'a CertificateSet, Option<&'a Arc<Record>>),
}

/// The trace of a handshake.
pub(crate) struct NoTrace;

impl Trace for NoTrace {
    fn step(&mut self, _step: Step, _key: Key<'_>, _found: Found<'_>) {}
}

/// Chooses: manual binding (exact, wildcard, default), or zero touch (exact, wildcard, the vserver's default, the
/// instance's default). `sni` is in lower case.
pub(crate) fn decide(
    policy: &ChoicePolicy,
    sni: Option<&str>,
    offered: &[SignatureScheme],
    trace: &mut impl Trace,
) -> Decision {
    let mut chooser = Chooser {
        policy,
        offered,
        trace,
        saw_candidates: false,
    };
    let found = match &policy.manual {
        Some(bindings) => chooser.manual(bindings, sni),
        None => chooser.zero_touch(sni),
    };
    match found {
        Some((step, served)) => Decision::Serve { step, served },
        None => Decision::Refuse(match sni {
            _ if chooser.saw_candidates => Refusal::NoCommonScheme,
            Some(_) => Refusal::UnknownName,
            None => Refusal::NoName,
        }),
    }
}

struct Chooser<'a, T> {
    policy: &'a ChoicePolicy,
    offered: &'a [SignatureScheme],
    trace: &'a mut T,
    saw_candidates: bool,
}

type Hit = (Step, Served);

impl<T: Trace> Chooser<'_, T> {
    fn manual(&mut self, bindings: &ManualBindings, sni: Option<&str>) -> Option<Hit> {
        if let Some(name) = sni {
            let hit = self
                .certkeys(Step::ManualExact, Key::Name(name), bindings.exact(name))
                .or_else(|| {
                    let (key, held) = (Key::WildcardOver(name), bindings.wildcard(name));
                    self.certkeys(Step::ManualWildcard, key, held)
                });
            if hit.is_some() {
                return hit;
            }
        }
        self.certkeys(Step::ManualDefault, Key::Any, bindings.fallback())
    }

    fn zero_touch(&mut self, sni: Option<&str>) -> Option<Hit> {
        if let Some(name) = sni
            && let Some(hit) = self.names(Step::ZeroTouchExact, Step::ZeroTouchWildcard, name)
        {
            return Some(hit);
        }
        let policy = self.policy;
        self.default(Step::VserverDefault, policy.default_sni.as_ref())
            .or_else(|| self.default(Step::InstanceDefault, policy.instance_default.as_ref()))
    }

    fn default(&mut self, step: Step, default: Option<&DefaultCertificate>) -> Option<Hit> {
        match default {
            None => {
                self.trace.step(step, Key::Any, Found::Nothing);
                None
            }
            Some(DefaultCertificate::CertKeys(certkeys)) => self.certkeys(step, Key::Any, certkeys),
            Some(DefaultCertificate::Name(name)) => self.names(step, step, name.as_str()),
        }
    }

    /// Exact wins over wildcard, unless the client cannot verify what is held for the exact name.
    fn names(&mut self, exact: Step, wildcard: Step, name: &str) -> Option<Hit> {
        let table = &self.policy.table;
        let slot = match name.strip_prefix("*.") {
            // A default may itself be named by its wildcard.
            Some(base) => table.wildcard(&format!("x.{base}")),
            None => table.exact(name),
        };
        self.slot(exact, Key::Name(name), slot.as_deref())
            .or_else(|| {
                let slot = table.wildcard(name);
                self.slot(wildcard, Key::WildcardOver(name), slot.as_deref())
            })
    }

    fn slot(&mut self, step: Step, key: Key<'_>, slot: Option<&Slot>) -> Option<Hit> {
        let Some(slot) = slot else {
            self.trace.step(step, key, Found::Nothing);
            return None;
        };
        let set = slot.load();
        let chosen = set.pick(self.offered);
        self.saw_candidates |= !set.served().is_empty();
        self.trace.step(step, key, Found::ZeroTouch(&set, chosen));
        chosen.map(|record| (step, Served::ZeroTouch(record.clone())))
    }

    fn certkeys(
        &mut self,
        step: Step,
        key: Key<'_>,
        held: &[Arc<ManualCertificate>],
    ) -> Option<Hit> {
        let chosen = manual::pick(held, self.offered);
        self.saw_candidates |= !held.is_empty();
        let found = match held {
            [] => Found::Nothing,
            _ => Found::Manual(held, chosen),
        };
        self.trace.step(step, key, found);
        chosen.map(|certificate| (step, Served::Manual(certificate.clone())))
    }
}

impl Refusal {
    /// The TLS alert (RFC 8446 §6.2): `unrecognized_name` or `handshake_failure`.
    pub(crate) const fn alert(self) -> u8 {
        match self {
            Self::UnknownName => 112,
            Self::NoName | Self::NoCommonScheme => 40,
        }
    }

    /// The alert's name.
    pub(crate) const fn alert_name(self) -> &'static str {
        match self {
            Self::UnknownName => "unrecognized_name",
            Self::NoName | Self::NoCommonScheme => "handshake_failure",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "no certificate is held for the name, and there is no default",
            Self::NoName => "the client sent no server name, and there is no default certificate",
            Self::NoCommonScheme => {
                "certificates are held, but the client can verify none of their key algorithms"
            }
        })
    }
}

/// Decides for one connection, once, and remembers what it was.
#[derive(Debug)]
pub(crate) struct ConnectionResolver {
    policy: Arc<ChoicePolicy>,
    hot: Arc<HotKeys>,
    chosen: OnceLock<(Served, Arc<CertifiedKey>)>,
}

impl ConnectionResolver {
    /// The resolver of one connection.
    pub(crate) const fn new(policy: Arc<ChoicePolicy>, hot: Arc<HotKeys>) -> Self {
        Self {
            policy,
            hot,
            chosen: OnceLock::new(),
        }
    }

    /// What was chosen, once the `ClientHello` was answered.
    pub(crate) fn served(&self) -> Option<&Served> {
        self.chosen.get().map(|(served, _)| served)
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Option<(Served, Arc<CertifiedKey>)> {
        let offered = hello.signature_schemes();
        let decision = decide(&self.policy, hello.server_name(), offered, &mut NoTrace);
        let Decision::Serve { served, .. } = decision else {
            return None;
        };
        let certified = match &served {
            Served::Manual(certificate) => certificate.certified.clone(),
            Served::ZeroTouch(record) => match self.hot.certified(record) {
                Ok(certified) => match &self.policy.stapler {
                    Some(stapler) => stapler.staple(record, &certified).unwrap_or(certified),
                    None => certified,
                },
                Err(error) => {
                    tracing::error!(item = ?record, %error, "a verified key could not be parsed");
                    return None;
                }
            },
        };
        Some((served, certified))
    }
}

impl ResolvesServerCert for ConnectionResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // After a HelloRetryRequest rustls asks again; the choice stands.
        if self.chosen.get().is_none() {
            let chosen = self.choose(&hello)?;
            self.chosen.get_or_init(|| chosen);
        }
        self.chosen.get().map(|(_, certified)| certified.clone())
    }
}
