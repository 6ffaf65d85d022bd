//! Passwords of users: PBKDF2 with HMAC-SHA-512 and a salt; hashes that a NetScaler saved are verified too.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use evercert_ns::model::UserView;
use evercert_ns::value::Value;
use evercert_ns::{Command, NsError, Verb, codes};
use evercert_types::Secret;

use super::secrets::{from_hex, hex, random};

/// What the hash of a new password is called in ns.conf.
const METHOD: &str = "PBKDF2_SHA512";
/// Rounds for new passwords: what OWASP asks for HMAC-SHA-512.
const ROUNDS: u32 = 210_000;
/// Rounds done at most: a file must not keep us busy for long.
const MOST_ROUNDS: u32 = 10_000_000;
/// Octets of a hash.
const HASH: usize = 32;
/// Passwords known to be right are remembered for as many users.
const REMEMBERED: usize = 64;

/// Verifies passwords, one at a time: trying many takes as long as it takes.
pub(super) struct Passwords {
    /// Of those verified: MACs under a key that lives as long as this process.
    known: Mutex<Vec<hmac::Tag>>,
    key: hmac::Key,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

impl Passwords {
    /// None verified yet.
    ///
    /// # Errors
    /// When the system gives no random octets.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            known: Mutex::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &random(32)?),
        })
    }

    /// Whether it is the user's; for a user who is not there it takes as long. A tenth of a second, unless it was
    /// verified before.
    pub(super) fn verify(&self, user: Option<&UserView>, password: &Secret<String>) -> bool {
        let stored = user.and_then(|user| Some((user, user.password.as_ref()?)));
        let tag = stored.map(|(user, stored)| self.tag(user, stored, password));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |tag: &hmac::Tag| {
            let mut known = known.iter();
            known.any(|known| {
                constant_time::verify_slices_are_equal(known.as_ref(), tag.as_ref()).is_ok()
            })
        };
        if tag.as_ref().is_some_and(is_known) {
            return true;
        }
        let Some((user, stored)) = stored else {
            matches(NOBODY, None, password.expose());
            return false;
        };
        let is_right = matches(
            stored.expose(),
            user.hash_method.as_deref(),
            password.expose(),
        );
        if let Some(tag) = tag.filter(|_| is_right) {
            known.truncate(REMEMBERED - 1);
            known.insert(0, tag);
        }
        is_right
    }

    fn tag(
        &self,
        user: &UserView,
        stored: &Secret<String>,
        password: &Secret<String>,
    ) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [&user.name, stored.expose(), password.expose()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }
}

/// The command with the user's password as its salted hash; others as they are.
///
/// # Errors
/// 345 when the system gives no random octets.
pub(super) fn hashed(command: &Command) -> Result<Command, NsError> {
    let is_about = command.resource().name == "system user"
        && matches!(command.verb(), Verb::Add | Verb::Set)
        && !command.has("encrypted");
    let Some(password) = command.text("password").filter(|_| is_about) else {
        return Ok(command.clone());
    };
    let salt =
        random(16).map_err(|error| NsError::about(&codes::SYSTEM_ERROR, error.to_string()))?;
    let stored = format!(
        "{ROUNDS}${}${}",
        hex(&salt),
        hex(&derive(ROUNDS, &salt, password))
    );
    Ok(command
        .clone()
        .with("password", Value::Secret(stored.into()))
        .with("encrypted", Value::Flag)
        .with("hashmethod", Value::Text(METHOD.to_owned())))
}

/// Compared with where there is no user.
const NOBODY: &str = "210000$00000000000000000000000000000000$\
                      0000000000000000000000000000000000000000000000000000000000000000";

fn matches(stored: &str, method: Option<&str>, password: &str) -> bool {
    match method {
        None | Some(METHOD) => matches_own(stored, password).unwrap_or(false),
        Some("SHA512") => matches_netscaler(stored, password).unwrap_or(false),
        Some(_) => false,
    }
}

fn matches_own(stored: &str, password: &str) -> Option<bool> {
    let mut parts = stored.split('$');
    let rounds: u32 = parts.next()?.parse().ok()?;
    let (salt, hash) = (from_hex(parts.next()?)?, from_hex(parts.next()?)?);
    if rounds == 0 || rounds > MOST_ROUNDS || hash.len() != HASH {
        return Some(false);
    }
    let derived = derive(rounds, &salt, password);
    Some(constant_time::verify_slices_are_equal(&derived, &hash).is_ok())
}

/// NetScaler's own: `2`, eight characters of salt, and SHA-512 over salt, password and a zero octet.
fn matches_netscaler(stored: &str, password: &str) -> Option<bool> {
    let rest = stored.strip_prefix('2')?;
    let (salt, hash) = rest.split_at_checked(8)?;
    let mut context = digest::Context::new(&digest::SHA512);
    context.update(salt.as_bytes());
    context.update(password.as_bytes());
    context.update(&[0]);
    let hash = from_hex(hash)?;
    Some(constant_time::verify_slices_are_equal(context.finish().as_ref(), &hash).is_ok())
}

fn derive(rounds: u32, salt: &[u8], password: &str) -> [u8; HASH] {
    let mut out = [0; HASH];
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA512,
        rounds,
        salt,
        password.as_bytes(),
        &mut out,
    );
    out
}

#[cfg(test)]
mod tests {
    use evercert_ns::grammar::parse_line;
    use evercert_ns::model::Config;

    use super::*;

    fn user(line: &str) -> UserView {
        let mut config = Config::new();
        let command = hashed(&parse_line(line).unwrap()).unwrap();
        assert!(!evercert_ns::grammar::print(&command).contains("hunter2"));
        config.apply(&command).unwrap();
        config.users().last().unwrap()
    }

    #[test]
    fn a_password_is_verified_by_its_hash() {
        let (passwords, bob) = (
            Passwords::new().unwrap(),
            user("add system user bob hunter2"),
        );
        let verify =
            |password: &str| passwords.verify(Some(&bob), &Secret::new(password.to_owned()));

        assert!(verify("hunter2") && verify("hunter2"));
        assert!(!verify("hunter3") && !verify("") && verify("hunter2"));
        assert!(!passwords.verify(None, &Secret::new("hunter2".to_owned())));
    }

    #[test]
    fn a_hash_from_a_netscaler_is_verified() {
        let mut context = digest::Context::new(&digest::SHA512);
        context.update(b"5c6f2e1ahunter2\0");
        let hash = hex(context.finish().as_ref());
        let line = format!("add system user bob 25c6f2e1a{hash} -encrypted -hashmethod SHA512");
        let (passwords, bob) = (Passwords::new().unwrap(), user(&line));

        assert!(passwords.verify(Some(&bob), &Secret::new("hunter2".to_owned())));
        assert!(!passwords.verify(Some(&bob), &Secret::new("hunter3".to_owned())));
    }
}
