//! Sessions of the management plane: made by `login`, found by their token, ended by time, `logout` or `kill`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{digest, rand};
use evercert_ns::{NsError, codes};
use evercert_types::{Secret, SharedClock};
use jiff::{SignedDuration, Timestamp};

/// Sessions of all users together.
const MOST: usize = 1000;

/// A session, as `show system session` tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Its number.
    pub(crate) sid: u32,
    /// Who logged in.
    pub(crate) user: String,
    /// From where.
    pub(crate) client: Option<IpAddr>,
    /// When.
    pub(crate) login: Timestamp,
    /// When it was used last.
    pub(crate) last: Timestamp,
    /// How long it may stay unused.
    pub(crate) timeout: SignedDuration,
    /// The admin partition it works in.
    pub(crate) partition: String,
    /// Requests it was used for.
    pub(crate) requests: u64,
}

impl Session {
    /// When it ends unless it is used before.
    pub(crate) fn expires(&self) -> Timestamp {
        self.last
            .checked_add(self.timeout)
            .unwrap_or(Timestamp::MAX)
    }
}

/// A new session's beginning.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) user: &'a str,
    pub(super) client: Option<IpAddr>,
    pub(super) timeout: SignedDuration,
    /// Sessions the user may have at once.
    pub(super) most: usize,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    clock: SharedClock,
    table: Mutex<Table>,
}

/// By the hash of the token, so that finding one takes no longer for a token that is almost right.
#[derive(Debug, Default)]
struct Table {
    sessions: BTreeMap<Vec<u8>, Session>,
    last_sid: u32,
}

impl Sessions {
    /// None yet.
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            table: Mutex::default(),
        }
    }

    /// Starts a session; the token is told this once.
    ///
    /// # Errors
    /// [`codes::TOO_MANY_SESSIONS`] when the user, or all together, have as many as they may.
    pub(super) fn open(&self, opening: &Opening<'_>) -> Result<Secret<String>, NsError> {
        let token = token()?;
        let mut table = self.table();
        let user = opening.user;
        let own = table.sessions.values().filter(|s| s.user == user).count();
        if own >= opening.most || table.sessions.len() >= MOST {
            return Err(NsError::new(&codes::TOO_MANY_SESSIONS));
        }
        table.last_sid = table.last_sid.wrapping_add(1).max(1);
        let now = self.clock.now();
        let session = Session {
            sid: table.last_sid,
            user: user.to_owned(),
            client: opening.client,
            login: now,
            last: now,
            timeout: opening.timeout,
            partition: "default".to_owned(),
            requests: 0,
        };
        table.sessions.insert(hash(token.expose()), session);
        drop(table);
        Ok(token)
    }

    /// Finds the session of a token, and counts as its use.
    ///
    /// # Errors
    /// [`codes::SESSION_EXPIRED`] when there is none, or no longer.
    pub(super) fn resume(&self, token: &str) -> Result<Session, NsError> {
        let now = self.clock.now();
        let mut table = self.table();
        let session = table
            .sessions
            .get_mut(&hash(token))
            .ok_or_else(|| NsError::new(&codes::SESSION_EXPIRED))?;
        session.last = now;
        session.requests += 1;
        Ok(session.clone())
    }

    /// Ends the session of a token, if it is there.
    pub(super) fn close(&self, token: &str) {
        self.table().sessions.remove(&hash(token));
    }

    /// Ends one session.
    ///
    /// # Errors
    /// [`codes::NO_SUCH_SESSION`] when there is none of that number.
    pub(super) fn kill(&self, sid: u64) -> Result<(), NsError> {
        let mut table = self.table();
        let before = table.sessions.len();
        table
            .sessions
            .retain(|_, session| u64::from(session.sid) != sid);
        let gone = table.sessions.len() < before;
        drop(table);
        gone.then_some(())
            .ok_or_else(|| NsError::argument(&codes::NO_SUCH_SESSION, "sid", &sid.to_string()))
    }

    /// Ends every session but this one.
    pub(super) fn kill_others(&self, own: Option<u32>) {
        self.table()
            .sessions
            .retain(|_, session| Some(session.sid) == own);
    }

    /// Ends the sessions of users that are no longer there.
    pub(super) fn retain_users(&self, is_user: impl Fn(&str) -> bool) {
        self.table()
            .sessions
            .retain(|_, session| is_user(&session.user));
    }

    /// All of them, oldest first.
    pub(crate) fn list(&self) -> Vec<Session> {
        let mut sessions: Vec<_> = self.table().sessions.values().cloned().collect();
        sessions.sort_by_key(|session| session.sid);
        sessions
    }

    /// The table, without sessions that nobody used for too long.
    fn table(&self) -> MutexGuard<'_, Table> {
        let now = self.clock.now();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.sessions.retain(|_, session| session.expires() > now);
        table
    }
}

/// `##` and 256 random bits.
fn token() -> Result<Secret<String>, NsError> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| NsError::about(&codes::INTERNAL_ERROR, "random numbers"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(Secret::new(format!("##{hex}")))
}

fn hash(token: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evercert_types::ManualClock;

    use super::*;

    const OPENING: Opening<'static> = Opening {
        user: "alice",
        client: None,
        timeout: SignedDuration::from_mins(30),
        most: 2,
    };

    fn sessions() -> (Sessions, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        (Sessions::new(clock.clone()), clock)
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let (sessions, clock) = sessions();
        let token = sessions.open(&OPENING).unwrap();
        assert!(token.expose().starts_with("##"));
        for _ in 0..3 {
            clock.advance(SignedDuration::from_mins(29));
            assert_eq!(sessions.resume(token.expose()).unwrap().user, "alice");
        }

        clock.advance(SignedDuration::from_mins(31));

        assert_eq!(sessions.resume(token.expose()).unwrap_err().code(), 444);
        assert!(sessions.list().is_empty());
    }

    #[test]
    fn a_user_has_no_more_sessions_than_allowed() {
        let (sessions, _) = sessions();
        let first = sessions.open(&OPENING).unwrap();
        sessions.open(&OPENING).unwrap();

        assert_eq!(sessions.open(&OPENING).unwrap_err().code(), 446);
        sessions.close(first.expose());
        sessions.open(&OPENING).unwrap();
    }

    #[test]
    fn a_killed_session_is_gone() {
        let (sessions, _) = sessions();
        let [first, second] = [(); 2].map(|()| sessions.open(&OPENING).unwrap());
        let sid = sessions.list()[0].sid;

        sessions.kill(sid.into()).unwrap();

        assert_eq!(sessions.kill(sid.into()).unwrap_err().code(), 452);
        assert_eq!(sessions.resume(first.expose()).unwrap_err().code(), 444);
        let own = sessions.resume(second.expose()).unwrap().sid;
        sessions.kill_others(Some(own));
        assert_eq!(sessions.list().len(), 1);
        sessions.retain_users(|user| user != "alice");
        assert_eq!(sessions.resume(second.expose()).unwrap_err().code(), 444);
    }
}
