//! Responses to challenges on their way to instances: who needs which, and who has them.
//!
//! An instance shows everything up to the revision that it names. What it lacks is seen by the newest response
//! of its scope, what it has too much by the number of them: responses only come with new revisions, so an
//! instance that is up to date and has as many as there are has just those.

use std::sync::PoisonError;

use evercert_api::sync::{ChallengeResponse, ChallengeSet, ChallengesHeld};
use evercert_db::DbError;
use evercert_db::challenge_responses as rows;
use evercert_types::Labels;
use jiff::Timestamp;

use super::Store;
use super::registry::Member;

/// The responses, as of a revision.
#[derive(Debug, Default)]
pub(super) struct Responses {
    revision: i64,
    rows: Vec<rows::ChallengeResponse>,
}

impl Store {
    /// Reads the responses, which stand at `revision` or later.
    pub(super) async fn take_challenges(&self, revision: i64) -> Result<(), DbError> {
        let rows = self.db.challenge_responses().await?;
        let mut responses = self
            .responses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *responses = Responses { revision, rows };
        Ok(())
    }

    /// The responses of an instance's scope, if it shows others.
    pub(crate) fn challenges_for(
        &self,
        member: &Member,
        held: ChallengesHeld,
    ) -> Option<ChallengeSet> {
        let responses = self
            .responses
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        news(&responses, &member.labels, held, self.clock.now())
    }
}

fn news(
    responses: &Responses,
    labels: &Labels,
    held: ChallengesHeld,
    now: Timestamp,
) -> Option<ChallengeSet> {
    let mine = || {
        let alive = responses.rows.iter().filter(|one| now < one.expires_at);
        alive.filter(|one| one.selector.matches(labels))
    };
    let newest = mine().map(|one| one.revision).max();
    let lacks = newest.is_some_and(|newest| newest > held.revision);
    if !lacks && mine().count() as u64 == held.count {
        return None;
    }
    Some(ChallengeSet {
        revision: responses.revision.max(newest.unwrap_or_default()),
        responses: mine().map(shown).collect(),
    })
}

fn shown(row: &rows::ChallengeResponse) -> ChallengeResponse {
    ChallengeResponse {
        kind: row.kind.clone(),
        identifier: row.identifier.clone(),
        token: row.token.clone(),
        key_authorization: row.key_authorization.clone(),
        expires_at: row.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::{OrderId, Selector};

    use super::*;

    fn row(revision: i64, site: Option<&str>, expires_in: i64) -> rows::ChallengeResponse {
        let selector = site.map_or_else(Selector::default, |site| {
            Selector(Labels::from([("site".to_owned(), site.to_owned())]))
        });
        rows::ChallengeResponse {
            id: revision.to_string(),
            order_id: OrderId::new(),
            kind: "http-01".to_owned(),
            identifier: "a.example".to_owned(),
            token: format!("t{revision}"),
            key_authorization: format!("t{revision}.x"),
            selector,
            revision,
            expires_at: Timestamp::from_second(1_000 + expires_in).unwrap(),
        }
    }

    fn ask(rows: &[rows::ChallengeResponse], revision: i64, count: u64) -> Option<(i64, usize)> {
        let responses = Responses {
            revision: 100,
            rows: rows.to_vec(),
        };
        let labels = Labels::from([("site".to_owned(), "fra".to_owned())]);
        let held = ChallengesHeld {
            revision,
            count,
            contact_secs: 60,
        };
        let now = Timestamp::from_second(1_000).unwrap();
        news(&responses, &labels, held, now).map(|set| (set.revision, set.responses.len()))
    }

    #[test]
    fn who_has_all_of_its_scope_is_sent_nothing() {
        let rows = [row(7, None, 60), row(8, Some("ber"), 60)];

        assert_eq!(ask(&rows, 7, 1), None);
        assert_eq!(ask(&[], 0, 0), None);
    }

    #[test]
    fn who_lacks_some_is_sent_all_of_its_scope() {
        let rows = [
            row(7, None, 60),
            row(9, Some("fra"), 60),
            row(8, Some("ber"), 60),
        ];

        assert_eq!(ask(&rows, 0, 0), Some((100, 2)));
        assert_eq!(ask(&rows, 7, 1), Some((100, 2)));
    }

    #[test]
    fn who_has_too_many_is_sent_those_that_are_left() {
        assert_eq!(ask(&[], 7, 1), Some((100, 0)));
        assert_eq!(ask(&[row(7, None, 60)], 8, 2), Some((100, 1)));
    }

    #[test]
    fn expired_ones_do_not_count() {
        assert_eq!(ask(&[row(7, None, 0)], 0, 0), None);
    }
}
