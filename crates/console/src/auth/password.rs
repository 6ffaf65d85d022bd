//! Passwords: argon2id off the runtime, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use evercert_api::{Problem, ProblemCode};
use evercert_types::Secret;
use tokio::sync::Semaphore;

use crate::problem::ApiError;

/// Shortest and longest password.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=1024;
/// How many are hashed at once: each takes 19 MiB and a core for a while.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Salt of the hash that is made, and thrown away, for a user who is not there.
const NOBODY: &[u8] = b"there is no such";

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Ready to hash.
    pub(crate) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The password's hash as a PHC string.
    ///
    /// # Errors
    /// When the password is too short or too long, or too many wait.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<String, ApiError> {
        check_length(password)?;
        let password = password.clone();
        self.run(move || {
            let hash = argon2().hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|_| failed())
        })
        .await?
    }

    /// Whether the password has this hash; without a hash it takes as long, and is false.
    ///
    /// # Errors
    /// When too many wait.
    pub(crate) async fn verify(
        &self,
        password: &Secret<String>,
        hash: Option<&str>,
    ) -> Result<bool, ApiError> {
        let password = password.clone();
        let hash = hash.map(str::to_owned);
        self.run(move || match hash {
            Some(hash) => argon2()
                .verify_password(password.expose().as_bytes(), hash.as_str())
                .is_ok(),
            None => {
                drop(argon2().hash_password_with_salt(password.expose().as_bytes(), NOBODY));
                false
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let detail = "too many log-ins are being checked";
            return Err(Problem::new(ProblemCode::TooManyRequests, detail).into());
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| failed())
    }
}

/// Refuses passwords that are too short to be good, or too long to be meant.
///
/// # Errors
/// When it has less than 12 or more than 1,024 octets.
pub(crate) fn check_length(password: &Secret<String>) -> Result<(), ApiError> {
    if LENGTH.contains(&password.expose().len()) {
        return Ok(());
    }
    let problem = Problem::new(
        ProblemCode::Invalid,
        "a password has 12 to 1,024 characters",
    );
    let remedy = "Choose a longer password, such as four random words.";
    Err(problem.at("/password").with_remedy(remedy).into())
}

/// The OWASP parameters: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn failed() -> ApiError {
    Problem::new(ProblemCode::Internal, "the password could not be hashed").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let passwords = Passwords::new();
        let right = Secret::new("correct horse battery".to_owned());

        let hash = passwords.hash(&right).await.unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(passwords.verify(&right, Some(&hash)).await.unwrap());
        let wrong = Secret::new("correct horse batterz".to_owned());
        assert!(!passwords.verify(&wrong, Some(&hash)).await.unwrap());
        assert!(!passwords.verify(&right, None).await.unwrap());
    }

    #[test]
    fn short_passwords_are_refused_with_a_remedy() {
        let problem = check_length(&Secret::new("hunter2".to_owned())).unwrap_err();

        assert_eq!(problem.status, 422);
        assert!(problem.remedy.is_some());
    }
}
