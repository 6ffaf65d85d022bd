//! The matrix of choices, and explain against the resolver.

use std::sync::Arc;

use evercert_types::{CertificateId, DomainName};
use proptest::prelude::*;

use super::super::manual::ManualBindings;
use super::super::resolver::{DefaultCertificate, NoTrace, Refusal};
use super::super::samples::{Sampler, now};
use super::super::table::{Table, TableWriter};
use super::*;

const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256];

struct Bench {
    sampler: Sampler,
    writer: TableWriter,
    policy: ChoicePolicy,
}

impl Bench {
    fn new() -> Self {
        let table = Arc::new(Table::default());
        Self {
            sampler: Sampler::new(),
            writer: TableWriter::new(table.clone()),
            policy: ChoicePolicy {
                manual: None,
                default_sni: None,
                instance_default: None,
                table,
                stapler: None,
            },
        }
    }

    fn zero_touch(&mut self, names: &str) {
        let id = CertificateId::new();
        let record = self.sampler.spec(names).certificate(id).build();
        self.writer.set(id, vec![record]);
    }

    fn certkey(&self, certkey: &str, names: &str) -> Arc<ManualCertificate> {
        let record = self.sampler.record(names);
        Arc::new(ManualCertificate {
            certkey: certkey.into(),
            certified: record.parse().unwrap(),
            algorithm: record.algorithm(),
            names: record.parts().names.to_vec(),
            not_after: now(),
            fingerprint: record.parts().fingerprint,
        })
    }

    fn choose(&self, sni: Option<&str>, offered: &[SignatureScheme]) -> Result<Step, Refusal> {
        match decide(&self.policy, sni, offered, &mut NoTrace) {
            Decision::Serve { step, .. } => Ok(step),
            Decision::Refuse(refusal) => Err(refusal),
        }
    }
}

#[test]
fn an_exact_name_wins_over_a_wildcard_and_a_wildcard_over_defaults() {
    let mut bench = Bench::new();
    bench.zero_touch("*.a.example");
    bench.zero_touch("www.a.example");
    bench.policy.default_sni = Some(DefaultCertificate::CertKeys(vec![
        bench.certkey("d", "d.example"),
    ]));

    let choose = |sni| bench.choose(Some(sni), ECDSA);

    assert_eq!(choose("www.a.example"), Ok(Step::ZeroTouchExact));
    assert_eq!(choose("x.a.example"), Ok(Step::ZeroTouchWildcard));
    assert_eq!(choose("x.y.a.example"), Ok(Step::VserverDefault));
    assert_eq!(bench.choose(None, ECDSA), Ok(Step::VserverDefault));
}

#[test]
fn a_manual_binding_switches_zero_touch_off_even_for_names_it_lacks() {
    let mut bench = Bench::new();
    bench.zero_touch("www.a.example");
    bench.policy.instance_default = Some(DefaultCertificate::CertKeys(vec![
        bench.certkey("i", "i.example"),
    ]));
    let sni = bench.certkey("sni", "m.example *.w.example");
    bench.policy.manual = Some(ManualBindings::new(vec![sni.clone()], Vec::new()));

    assert_eq!(
        bench.choose(Some("m.example"), ECDSA),
        Ok(Step::ManualExact)
    );
    assert_eq!(
        bench.choose(Some("q.w.example"), ECDSA),
        Ok(Step::ManualWildcard)
    );
    let unknown = bench.choose(Some("www.a.example"), ECDSA);
    assert_eq!(unknown, Err(Refusal::UnknownName));
    assert_eq!(bench.choose(None, ECDSA), Err(Refusal::NoName));

    let default = bench.certkey("def", "def.example");
    bench.policy.manual = Some(ManualBindings::new(vec![sni], vec![default]));
    assert_eq!(
        bench.choose(Some("www.a.example"), ECDSA),
        Ok(Step::ManualDefault)
    );
    assert_eq!(bench.choose(None, ECDSA), Ok(Step::ManualDefault));
}

#[test]
fn without_a_name_or_default_the_client_is_refused() {
    let mut bench = Bench::new();
    bench.zero_touch("www.a.example");

    assert_eq!(bench.choose(None, ECDSA), Err(Refusal::NoName));
    assert_eq!(
        bench.choose(Some("b.example"), ECDSA),
        Err(Refusal::UnknownName)
    );
    let no_scheme = bench.choose(Some("www.a.example"), RSA);
    assert_eq!(no_scheme, Err(Refusal::NoCommonScheme));
    assert_eq!(Refusal::UnknownName.alert(), 112);
}

#[test]
fn a_default_may_be_named_by_a_zero_touch_name_or_wildcard() {
    let mut bench = Bench::new();
    bench.zero_touch("*.a.example");
    for name in ["x.a.example", "*.a.example"] {
        let name = DomainName::new(name).unwrap();
        bench.policy.instance_default = Some(DefaultCertificate::Name(name));
        assert_eq!(bench.choose(None, ECDSA), Ok(Step::InstanceDefault));
    }
}

#[test]
fn an_explanation_names_the_wildcard_it_looked_for() {
    let mut bench = Bench::new();
    bench.zero_touch("*.shop.example.com");
    bench.policy.default_sni = Some(DefaultCertificate::Name(
        DomainName::new("x.def.example").unwrap(),
    ));
    let looked_for = |bench: &Bench, sni: &str| -> Vec<String> {
        let query = ExplainQuery {
            sni: Some(sni.into()),
            ..ExplainQuery::default()
        };
        let steps = explain("v", &bench.policy, &query).steps.into_iter();
        steps.map(|step| step.looked_for).collect()
    };

    assert_eq!(
        looked_for(&bench, "www.shop.example.com"),
        ["www.shop.example.com", "*.shop.example.com"]
    );
    assert_eq!(
        looked_for(&bench, "a.b.example"),
        [
            "a.b.example",
            "*.b.example",
            "x.def.example",
            "*.def.example",
            ""
        ]
    );

    let sni = bench.certkey("sni", "*.w.example");
    bench.policy.manual = Some(ManualBindings::new(vec![sni], Vec::new()));
    assert_eq!(
        looked_for(&bench, "q.w.example"),
        ["q.w.example", "*.w.example"]
    );
}

#[test]
fn an_explanation_names_the_losers_and_why() {
    let mut bench = Bench::new();
    let (short, long) = (CertificateId::new(), CertificateId::new());
    for (id, days) in [(short, 5), (long, 50)] {
        let record = bench.sampler.spec("a.example").certificate(id).days(days);
        bench.writer.set(id, vec![record.build()]);
    }
    let query = ExplainQuery {
        sni: Some("A.Example".into()),
        ..ExplainQuery::default()
    };

    let explanation = explain("v", &bench.policy, &query);

    assert_eq!(explanation.steps.len(), 1);
    let why: Vec<_> = (explanation.steps[0].candidates.iter())
        .map(|c| (c.chosen, c.why.contains("longer")))
        .collect();
    assert_eq!(why, [(true, false), (false, true)]);
}

proptest! {
    #[test]
    fn what_is_explained_is_what_is_served(
        names in prop::collection::vec("(\\*\\.)?[ab]\\.x", 0..5),
        manual in prop::collection::vec("(\\*\\.)?[ab]\\.x", 0..3),
        manual_default in any::<bool>(),
        default in any::<bool>(),
        sni in prop::option::of("([abc]\\.){1,2}x"),
        rsa in any::<bool>(),
    ) {
        let mut bench = Bench::new();
        for name in &names {
            bench.zero_touch(name);
        }
        if !manual.is_empty() || manual_default {
            let sni = manual.iter().map(|name| bench.certkey("m", name)).collect();
            let fallback = manual_default.then(|| bench.certkey("md", "md.x"));
            bench.policy.manual = Some(ManualBindings::new(sni, fallback.into_iter().collect()));
        }
        if default {
            bench.policy.default_sni =
                Some(DefaultCertificate::CertKeys(vec![bench.certkey("d", "d.x")]));
        }
        let signatures = if rsa { vec![SignatureName::Rsa] } else { vec![SignatureName::Ecdsa] };
        let query = ExplainQuery { sni: sni.clone(), signatures: Some(signatures), vserver: None };

        let explanation = explain("v", &bench.policy, &query);
        let offered = offered(&query);
        let decision = decide(&bench.policy, sni.as_deref(), &offered, &mut NoTrace);

        prop_assert_eq!(&explanation.outcome, &Outcome::from(&decision));
        let chosen = explanation.steps.iter().flat_map(|s| &s.candidates).filter(|c| c.chosen).count();
        prop_assert_eq!(chosen, usize::from(matches!(decision, Decision::Serve { .. })));
    }
}
