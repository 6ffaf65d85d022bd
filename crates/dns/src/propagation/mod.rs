//! Waiting until the servers a CA may ask show the published values.

mod error;
mod look;
mod resolvers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::name;
use crate::provider::{Servers, TxtTarget};
use crate::resolver::Resolver;

pub use error::{Lacking, PropagationError};
use look::{Question, Watched};

/// The longest pause between complete looks at the operator's own servers.
const OWN_GAP: Duration = Duration::from_secs(1);

/// Watches until published values are visible; every time span may be zero.
#[derive(Clone, Debug)]
pub struct Propagation {
    /// Whom to ask, or not to ask.
    pub mode: PropagationMode,
    /// Finds zones and their name servers.
    pub resolver: Resolver,
    /// How long to watch altogether; 120 s.
    pub timeout: Duration,
    /// Whose name servers they are; a service's. With the operator's own one complete look is enough where there is one
    /// address, and a second one a second later where there are several.
    pub servers: Servers,
    /// Pause before the first look; 2 s.
    pub first_look: Duration,
    /// Longest pause between looks, reached by doubling from a quarter of it; 2 s.
    pub poll: Duration,
    /// Complete looks in a row that are needed, since anycast servers differ; 2.
    pub rounds: u32,
    /// Pause between complete looks; 5 s.
    pub round_gap: Duration,
    /// Pause after the last complete look, for what cannot be seen from here; none.
    pub settle: Duration,
    /// How many of a name's servers must show its values; all.
    pub agreement: Agreement,
}

/// Whom to ask whether the values are visible.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropagationMode {
    /// Every authoritative server of each name's zone.
    Authoritative,
    /// These servers, whether authoritative or recursive.
    Servers(Vec<SocketAddr>),
    /// Nobody: just wait.
    Wait(Duration),
    /// Nobody, and do not wait.
    Off,
}

/// How many of a name's servers must show its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Agreement {
    /// All of them.
    #[default]
    All,
    /// One of them.
    Any,
    /// More than half.
    Majority,
}

/// What was seen when everything was visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropagationReport {
    /// The servers that were asked.
    pub servers: Vec<SocketAddr>,
    /// Looks taken, complete or not.
    pub looks: u32,
    /// Time from the call to the end.
    pub waited: Duration,
    /// What is odd but did not stop it, a sentence each.
    pub warnings: Vec<String>,
    /// What may explain a CA that does not see the values all the same, a sentence each.
    pub hints: Vec<String>,
}

impl Propagation {
    /// Asks the authoritative servers, with the default time spans.
    pub const fn authoritative(resolver: Resolver) -> Self {
        Self {
            mode: PropagationMode::Authoritative,
            resolver,
            servers: Servers::Service,
            timeout: Duration::from_secs(120),
            first_look: Duration::from_secs(2),
            poll: Duration::from_secs(2),
            rounds: 2,
            round_gap: Duration::from_secs(5),
            settle: Duration::ZERO,
            agreement: Agreement::All,
        }
    }

    /// Looks at once, polls every 20 ms and believes the first complete look: for loopback.
    #[must_use]
    pub const fn immediate(mut self) -> Self {
        self.first_look = Duration::ZERO;
        self.poll = Duration::from_millis(20);
        self.rounds = 1;
        self.round_gap = Duration::ZERO;
        self
    }

    /// Returns when all values are visible in the way the mode says.
    ///
    /// # Errors
    /// [`PropagationError`] when a zone is not found, or time is up.
    pub async fn wait(&self, targets: &[TxtTarget]) -> Result<PropagationReport, PropagationError> {
        let start = Instant::now();
        let mut report = match &self.mode {
            _ if targets.is_empty() => PropagationReport::default(),
            PropagationMode::Off => PropagationReport::default(),
            PropagationMode::Wait(span) => {
                tokio::time::sleep(*span).await;
                PropagationReport::default()
            }
            PropagationMode::Authoritative | PropagationMode::Servers(_) => {
                self.watch(targets, start).await?
            }
        };
        report.waited = start.elapsed();
        Ok(report)
    }

    async fn watch(
        &self,
        targets: &[TxtTarget],
        start: Instant,
    ) -> Result<PropagationReport, PropagationError> {
        let mut report = PropagationReport::default();
        tokio::time::sleep(self.first_look).await;
        let watched = self.find_servers(targets, &mut report.warnings).await?;
        let servers: BTreeSet<SocketAddr> = watched
            .iter()
            .flat_map(|name| name.servers.clone())
            .collect();
        report.servers = servers.into_iter().collect();
        let (rounds, round_gap) = self.rounds_at(&watched);
        let (mut complete, mut pause) = (0, self.poll / 4);
        loop {
            report.looks += 1;
            let lacking = self.look(&watched).await;
            complete = if lacking.is_empty() { complete + 1 } else { 0 };
            if complete >= rounds {
                tokio::time::sleep(self.settle).await;
                return Ok(report);
            }
            let waited = start.elapsed();
            if waited >= self.timeout && !lacking.is_empty() {
                return Err(PropagationError::TimedOut {
                    nowhere: is_nowhere(&watched, &lacking),
                    lacking,
                    waited,
                    warnings: report.warnings,
                });
            }
            if lacking.is_empty() {
                tokio::time::sleep(round_gap).await;
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(self.poll);
            }
        }
    }

    /// How many complete looks are needed, and how far apart.
    ///
    /// Behind one address of a service there may be many machines, some of which lag. The operator's own server shows
    /// what it has; of several, one may stand for more machines yet.
    fn rounds_at(&self, watched: &[Watched]) -> (u32, Duration) {
        let is_alone = watched.iter().all(|name| name.servers.len() == 1);
        match (self.servers, is_alone) {
            (Servers::Own, true) => (1, Duration::ZERO),
            (Servers::Own, false) => (self.rounds.max(1), self.round_gap.min(OWN_GAP)),
            _ => (self.rounds.max(1), self.round_gap),
        }
    }

    /// The names with their values and the servers to ask, each name once.
    async fn find_servers(
        &self,
        targets: &[TxtTarget],
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Watched>, PropagationError> {
        let mut values: BTreeMap<String, (BTreeSet<String>, Option<String>)> = BTreeMap::new();
        for target in targets {
            let entry = values.entry(name::canonical(&target.fqdn)).or_default();
            entry.0.insert(target.value.clone());
            entry.1 = entry.1.take().or_else(|| target.zone_hint.clone());
        }
        let mut watched = Vec::new();
        for (name, (values, hint)) in values {
            let servers = match &self.mode {
                PropagationMode::Servers(servers) => servers.clone(),
                _ => self.authorities(&name, hint, warnings).await?,
            };
            watched.push(Watched {
                name,
                values,
                servers,
            });
        }
        Ok(watched)
    }

    async fn authorities(
        &self,
        name: &str,
        hint: Option<String>,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<SocketAddr>, PropagationError> {
        let found = self.resolver.find_zone_quietly(name).await;
        let zone = found.map_err(|source| PropagationError::Lookup {
            name: name.to_owned(),
            source,
        })?;
        if let Some(hint) = hint.map(|hint| name::canonical(&hint))
            && hint != zone.name
        {
            warnings.push(other_zone(name, &hint, &zone.name));
        }
        if zone.nameservers.is_empty() {
            return Err(PropagationError::NoServers {
                name: name.to_owned(),
                zone: zone.name,
            });
        }
        Ok(zone.nameservers)
    }

    /// Asks every server for every name at the same time; what is missing for the agreement.
    async fn look(&self, watched: &[Watched]) -> Vec<Lacking> {
        let mut questions = JoinSet::new();
        for (index, name) in watched.iter().enumerate() {
            for &server in &name.servers {
                let question = self.question(server, name);
                questions.spawn(async move { (index, question.lacking().await) });
            }
        }
        let mut missing: Vec<Vec<Lacking>> = vec![Vec::new(); watched.len()];
        while let Some(outcome) = questions.join_next().await {
            if let Ok((index, Some(lacking))) = outcome {
                missing[index].push(lacking);
            }
        }
        let names = watched.iter().zip(missing);
        names
            .filter(|(name, lacking)| !self.agreement.reached(name.servers.len(), lacking.len()))
            .flat_map(|(_, lacking)| lacking)
            .collect()
    }

    fn question(&self, server: SocketAddr, watched: &Watched) -> Question {
        Question {
            server,
            name: watched.name.clone(),
            values: watched.values.clone(),
            authority: matches!(self.mode, PropagationMode::Authoritative),
            limits: self.resolver.limits(),
        }
    }
}

/// The provider holds another zone than the one that the name lies in.
fn other_zone(name: &str, held: &str, delegated: &str) -> String {
    if name::is_within(delegated, held) {
        format!("{name} was written into zone {held}, but lies in the delegated zone {delegated}")
    } else if name::is_within(held, delegated) {
        format!(
            "{name} was written into zone {held}, which is not delegated: the name lies in zone {delegated}"
        )
    } else {
        format!("{name} was written into zone {held}, but lies in zone {delegated}")
    }
}

/// Whether some name's values are shown by none of its servers, though they all answer.
fn is_nowhere(watched: &[Watched], lacking: &[Lacking]) -> bool {
    watched.iter().any(|name| {
        let silent = lacking.iter().filter(|one| one.name == name.name);
        let (count, shown_otherwise) = silent.fold((0, true), |(count, all), one| {
            (count + 1, all && one.is_answered)
        });
        count == name.servers.len() && count > 0 && shown_otherwise
    })
}

impl Agreement {
    const fn reached(self, servers: usize, lacking: usize) -> bool {
        match self {
            Self::All => lacking == 0,
            Self::Any => lacking < servers,
            Self::Majority => lacking * 2 < servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_servers() {
        for (agreement, lacking, reached) in [
            (Agreement::All, 0, true),
            (Agreement::All, 1, false),
            (Agreement::Majority, 1, true),
            (Agreement::Majority, 2, false),
            (Agreement::Any, 2, true),
            (Agreement::Any, 3, false),
        ] {
            assert_eq!(agreement.reached(3, lacking), reached, "{agreement:?}");
        }
    }
}
