//! After the authoritative servers: what resolvers say of the names that the CA asks for, through their CNAMEs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::task::JoinSet;

use super::{Propagation, PropagationMode, PropagationReport};
use crate::lookup::Limits;
use crate::name;
use crate::provider::TxtTarget;
use crate::resolver::Resolver;

/// How often a resolver is asked before what it says is reported.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(2),
    tries: 1,
};

/// What a resolver says other than the values.
enum Unseen {
    /// It was told that there is nothing, and remembers it for so many seconds.
    Remembered(u32),
    Otherwise(String),
}

impl Propagation {
    /// Asks the resolver for the original names, once the authoritative servers show the values; adds to the report what
    /// it does not show. Nothing more than a warning comes of it: a CA asks others.
    ///
    /// Only where authoritative servers are watched.
    pub async fn look_through_resolvers(
        &self,
        originals: &[TxtTarget],
        report: &mut PropagationReport,
    ) {
        if self.mode != PropagationMode::Authoritative {
            return;
        }
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for target in originals {
            let values = names.entry(name::canonical(&target.fqdn)).or_default();
            values.insert(target.value.clone());
        }
        let mut looks = JoinSet::new();
        for (name, values) in names {
            let resolver = self.resolver.clone().with_limits(LIMITS);
            looks.spawn(async move {
                let unseen = unseen(&resolver, &name, &values).await;
                (name, unseen)
            });
        }
        while let Some(outcome) = looks.join_next().await {
            match outcome {
                Ok((name, Some(Unseen::Remembered(seconds)))) => report.hints.push(format!(
                    "resolvers may say for up to {seconds} s that {name} is not there: they were asked before it was written"
                )),
                Ok((name, Some(Unseen::Otherwise(why)))) => report.warnings.push(format!(
                    "the authoritative servers show the values, but the resolver does not for {name}: {why}"
                )),
                _ => {}
            }
        }
        report.warnings.sort();
        report.hints.sort();
    }
}

async fn unseen(resolver: &Resolver, name: &str, values: &BTreeSet<String>) -> Option<Unseen> {
    let mut last = None;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        last = match resolver.ask(name, RecordType::TXT).await {
            Ok(answer) => {
                let found: BTreeSet<String> = answer.txt_values().into_iter().collect();
                let missing = values.difference(&found).count();
                match answer.negative_ttl().filter(|_| found.is_empty()) {
                    _ if missing == 0 => return None,
                    // Asking again does not make it forget.
                    Some(seconds) => return Some(Unseen::Remembered(seconds)),
                    None => format!("{missing} of {} values missing", values.len()),
                }
            }
            Err(error) => error.to_string(),
        }
        .into();
    }
    last.map(Unseen::Otherwise)
}
