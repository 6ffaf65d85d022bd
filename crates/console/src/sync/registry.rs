//! Enrolled instances in memory: who may call, which scope is theirs, and what they last said.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use evercert_api::sync::{ChallengesHeld, Cursor, ItemProblem};
use evercert_db::instances::{Instance, Watermark};
use evercert_types::{InstanceId, Labels};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::index::scope_name;

/// The register of instances.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    members: RwLock<HashMap<InstanceId, Arc<Member>>>,
}

/// An enrolled instance.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: InstanceId,
    /// Its name.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: Labels,
    /// The name of its scope.
    pub(crate) scope: Arc<str>,
    /// Cancelled when the instance was removed, or became another member: by then this one is stale.
    pub(crate) gone: CancellationToken,
    said: Mutex<Said>,
}

/// What an instance last said, as far as it is written down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Its program's version.
    pub(crate) agent_version: String,
    /// Random id of its last start.
    pub(crate) boot: String,
    /// How far it has come.
    pub(crate) watermark: Watermark,
    /// Its exceptions; none before it spoke to this process.
    pub(crate) problems: Option<Vec<ItemProblem>>,
    /// When it was last heard of.
    pub(crate) seen: Option<Timestamp>,
    /// The same, as far as it is written down.
    pub(crate) seen_written: Option<Timestamp>,
    /// The cursor that it last got something for, and how often in a row.
    pub(crate) served: Option<(Cursor, u32)>,
    /// What it said of challenges when it was last sent some, and how often in a row.
    pub(crate) challenges_served: Option<(ChallengesHeld, u32)>,
}

impl Member {
    fn new(instance: Instance, said: Said) -> Self {
        Self {
            id: instance.id,
            name: instance.name,
            scope: scope_name(&instance.labels),
            labels: instance.labels,
            gone: CancellationToken::new(),
            said: Mutex::new(said),
        }
    }

    fn is_still(&self, instance: &Instance) -> bool {
        self.labels == instance.labels && self.name == instance.name
    }

    /// Looks at or changes what it said; the lock is held for the closure only.
    pub(crate) fn said<T>(&self, change: impl FnOnce(&mut Said) -> T) -> T {
        change(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts how often this very cursor was answered with something: an instance that does not get on.
    pub(crate) fn count_served(&self, cursor: &Cursor) -> u32 {
        self.said(|said| {
            let times = match &said.served {
                Some((before, times)) if before == cursor => times.saturating_add(1),
                _ => 1,
            };
            said.served = Some((cursor.clone(), times));
            times
        })
    }
}

impl Said {
    fn of(instance: &Instance) -> Self {
        Self {
            agent_version: instance.agent_version.clone(),
            boot: instance.boot.clone().unwrap_or_default(),
            watermark: instance.watermark.clone(),
            problems: None,
            seen: instance.last_seen_at,
            seen_written: instance.last_seen_at,
            served: None,
            challenges_served: None,
        }
    }
}

impl Registry {
    /// The instance of an id.
    pub(crate) fn member(&self, id: InstanceId) -> Option<Arc<Member>> {
        self.read().get(&id).cloned()
    }

    /// All instances.
    pub(crate) fn members(&self) -> Vec<Arc<Member>> {
        self.read().values().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.read().len()
    }

    /// Forgets an instance at once.
    pub(crate) fn remove(&self, id: InstanceId) {
        if let Some(removed) = self.write().remove(&id) {
            removed.gone.cancel();
        }
    }

    /// Takes over what the database says; what instances said to this process stays.
    pub(crate) fn replace(&self, instances: Vec<Instance>) {
        let mut members = self.write();
        let before = std::mem::take(&mut *members);
        members.extend(instances.into_iter().map(|instance| {
            let known = before.get(&instance.id);
            let member = match known.filter(|known| known.is_still(&instance)) {
                Some(known) => known.clone(),
                None => {
                    let said = known.map_or_else(
                        || Said::of(&instance),
                        |known| known.said(|said| said.clone()),
                    );
                    Arc::new(Member::new(instance, said))
                }
            };
            (member.id, member)
        }));
        for (id, old) in before {
            if !members
                .get(&id)
                .is_some_and(|member| Arc::ptr_eq(member, &old))
            {
                old.gone.cancel();
            }
        }
    }

    /// The scopes of all instances.
    pub(crate) fn scopes(&self) -> HashSet<Arc<str>> {
        self.read()
            .values()
            .map(|member| member.scope.clone())
            .collect()
    }

    /// Instances that were heard of since that was written down.
    pub(crate) fn unwritten(&self) -> Vec<(Arc<Member>, Timestamp)> {
        let members = self.members();
        let unwritten = members.into_iter().filter_map(|member| {
            let seen = member.said(|said| said.seen.filter(|_| said.seen != said.seen_written))?;
            Some((member, seen))
        });
        unwritten.collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<InstanceId, Arc<Member>>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<InstanceId, Arc<Member>>> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::Fingerprint;

    use super::*;

    fn instance(id: InstanceId, site: &str) -> Instance {
        Instance {
            id,
            name: "edge".to_owned(),
            kind: "adc".to_owned(),
            labels: Labels::from([("site".to_owned(), site.to_owned())]),
            agent_version: "1".to_owned(),
            boot: None,
            identity_fingerprint: Fingerprint([0; 32]),
            identity_not_after: Timestamp::MAX,
            watermark: Watermark::default(),
            last_seen_at: None,
            enrolled_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_said_outlives_a_reading_of_the_database() {
        let (registry, id) = (Registry::default(), InstanceId::new());
        registry.replace(vec![instance(id, "fra")]);
        let member = registry.member(id).unwrap();
        member.said(|said| said.seen = Some(Timestamp::UNIX_EPOCH));

        registry.replace(vec![instance(id, "fra")]);
        assert!(Arc::ptr_eq(&member, &registry.member(id).unwrap()));
        registry.replace(vec![instance(id, "ber")]);

        let moved = registry.member(id).unwrap();
        assert_ne!(moved.scope, member.scope);
        assert_eq!(moved.said(|said| said.seen), Some(Timestamp::UNIX_EPOCH));
        assert!(member.gone.is_cancelled() && !moved.gone.is_cancelled());
    }

    #[test]
    fn who_is_removed_is_told() {
        let (registry, id) = (Registry::default(), InstanceId::new());
        registry.replace(vec![instance(id, "fra")]);
        let member = registry.member(id).unwrap();

        registry.replace(Vec::new());

        assert!(member.gone.is_cancelled());
        assert_eq!((registry.len(), registry.scopes().len()), (0, 0));
    }

    #[test]
    fn the_same_cursor_is_counted_and_another_begins_anew() {
        let (registry, id) = (Registry::default(), InstanceId::new());
        registry.replace(vec![instance(id, "fra")]);
        let member = registry.member(id).unwrap();
        let cursor = Cursor::default();

        assert_eq!(
            [member.count_served(&cursor), member.count_served(&cursor)],
            [1, 2]
        );
        let moved = Cursor {
            revision: 1,
            ..cursor.clone()
        };
        assert_eq!(
            [member.count_served(&moved), member.count_served(&cursor)],
            [1, 1]
        );
    }
}
