//! Logging in: the requests that come first, what is kept of their answers, and for how long.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Caller, Purpose};
use super::description::Login;
use super::template::Vars;
use crate::error::{DnsError, Fault, Step};
use crate::otp;

/// How long a session is used when its description does not say.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What was kept of a log-in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// By key of the description.
    pub(crate) kept: Vars,
    /// Until when it is used.
    pub(crate) until: Instant,
}

impl Session {
    /// Of a service without log-in.
    fn none() -> Self {
        Self {
            kept: Vars::new(),
            until: Instant::now() + LIFETIME,
        }
    }
}

impl Caller {
    /// The session that is open, or a new one; several callers at once log in once.
    pub(crate) async fn log_in(&self, step: Step) -> Result<Session, DnsError> {
        if self.description.login.is_empty() {
            return Ok(Session::none());
        }
        let mut step_used = self.logging_in.lock().await;
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
        let mut session = Session::none();
        for login in &self.description.login {
            if !self.is_wanted(login) {
                continue;
            }
            self.wait_for_fresh_code(login, &mut step_used).await;
            if let Some((key, value)) = self.known_already(login) {
                session.kept.insert(key, value);
                continue;
            }
            let purpose = Purpose {
                step,
                vars: &Vars::new(),
                values: &[],
                ok: &login.ok,
            };
            let answer = self.send(&login.request, purpose, &session, None).await?;
            self.judge(&answer, purpose)?;
            for (key, path) in &login.keep {
                let kept = path
                    .text_in(&answer)
                    .filter(|text| !text.is_empty())
                    .ok_or_else(|| {
                        let what = login.missing.clone();
                        let what = what
                            .unwrap_or_else(|| format!("the answer to the log-in has no {key}"));
                        DnsError::new(self.code, step, Fault::Credentials, what)
                    })?;
                session.kept.insert(key.clone(), kept);
            }
            if let Some(seconds) = login.lifetime_secs {
                session.until = Instant::now() + Duration::from_secs(seconds);
            }
        }
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        Ok(session)
    }

    /// What a log-in would find out, where the operator has said it.
    fn known_already(&self, login: &Login) -> Option<(String, String)> {
        let key = login.unless.as_ref()?;
        let value = self.creds.get(&format!("cred.{key}"))?;
        (!value.is_empty()).then(|| (key.clone(), value.clone()))
    }

    pub(super) fn is_wanted(&self, login: &Login) -> bool {
        let given = |key: &String| self.creds.contains_key(&format!("cred.{key}"));
        login.when.iter().all(given)
    }

    /// A one-time password is taken once: a second log-in waits for the next.
    async fn wait_for_fresh_code(&self, login: &Login, step_used: &mut Option<i64>) {
        let is_totp = |name: &&str| name.starts_with("totp.");
        if !login.request.holes().iter().any(is_totp) {
            return;
        }
        let now = self.clock.now();
        if *step_used == Some(otp::step(now)) {
            tokio::time::sleep(otp::until_next(now)).await;
        }
        *step_used = Some(otp::step(self.clock.now()));
    }

    fn open_session(&self) -> Option<Session> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session
            .clone()
            .filter(|session| session.until > Instant::now())
    }

    /// Forgets a session that is over, unless another was opened meanwhile.
    pub(crate) fn forget(&self, over: &Session) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session
            .as_ref()
            .is_some_and(|session| session.kept == over.kept)
        {
            *session = None;
        }
    }
}
