//! Secrets of ns.conf: passwords are kept as salted hashes, pass phrases are written encrypted and read back.
//!
//! In memory the configuration holds pass phrases as they are ([`evercert_types::Secret`]); in its text they stand as
//! `-encrypted -encryptmethod ENCMTHD_3`, under a key in the state directory. The same pass phrase always gives the
//! same text, so that two texts of one configuration are equal.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use evercert_ns::Command;
use evercert_ns::value::Value;
use evercert_types::Secret;

use crate::error::StartError;
use crate::files::write_new;

/// The key's file in the state directory.
const FILE: &str = "nsconf.key";
/// What NetScaler calls its own method.
const METHOD: &str = "ENCMTHD_3";
/// Before a secret of a command that has no `-encrypted`.
const PREFIX: &str = "ENCMTHD_3:";
const NONCE: usize = 12;
/// Arguments that say how a secret is stored.
const FORM: [&str; 4] = ["encrypted", "encryptmethod", "kek", "suffix"];

/// Encrypts and decrypts secrets of commands.
pub(crate) struct Secrets {
    seal: LessSafeKey,
    nonces: hmac::Key,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// With the key of the state directory, which is made at the first start.
    ///
    /// # Errors
    /// When the key's file cannot be read or made.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, StartError> {
        let path = state_dir.join(FILE);
        let failed = |source: io::Error| StartError::StateDir {
            path: path.clone(),
            source,
        };
        let key = match fs::read(&path) {
            Ok(key) => Secret::new(key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Secret::new(random(32).map_err(failed)?);
                write_new(&path, key.expose()).map_err(|error| failed(io::Error::other(error)))?;
                key
            }
            Err(error) => return Err(failed(error)),
        };
        Self::new(key.expose()).map_err(failed)
    }

    fn new(key: &[u8]) -> io::Result<Self> {
        let broken = |_| io::Error::other("the key has another length than 32 octets");
        let derived =
            |label: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), label.as_bytes());
        let seal =
            UnboundKey::new(&AES_256_GCM, derived("ns.conf seal").as_ref()).map_err(broken)?;
        if key.len() != 32 {
            return Err(io::Error::other(
                "the key has another length than 32 octets",
            ));
        }
        Ok(Self {
            seal: LessSafeKey::new(seal),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, derived("ns.conf nonce").as_ref()),
        })
    }

    /// The command with its secrets encrypted, as it stands in ns.conf.
    pub(crate) fn sealed(&self, command: &Command) -> Command {
        if command.has("encrypted") {
            return command.clone();
        }
        let mut sealed = command.values().clone();
        let mut any = false;
        let has_form = command.attribute("encrypted").is_some();
        for (name, secret) in secrets(command) {
            let text = self.encrypt(command.resource().name, secret.expose());
            let text = if has_form {
                text
            } else {
                format!("{PREFIX}{text}")
            };
            // NetScaler has another argument for the pass phrase's stored form.
            let to = match name {
                "passplain" if command.attribute("passcrypt").is_some() => {
                    sealed.remove(name);
                    "passcrypt"
                }
                _ => name,
            };
            sealed.insert(to, Value::Secret(text.into()));
            any = true;
        }
        if any && has_form {
            sealed.insert("encrypted", Value::Flag);
            sealed.insert("encryptmethod", Value::Text(METHOD.to_owned()));
        }
        command.clone().with_values(sealed)
    }

    /// The command with its secrets as they are; one that this key does not open stays as it is.
    pub(crate) fn opened(&self, command: &Command) -> Command {
        let has_form = command.has("encrypted");
        if has_form && command.text("encryptmethod") != Some(METHOD) {
            return command.clone();
        }
        let mut opened = command.values().clone();
        for (name, secret) in secrets(command) {
            let text = secret.expose();
            let text = match has_form {
                true => Some(text.as_str()),
                false => text.strip_prefix(PREFIX),
            };
            let Some(text) = text else { continue };
            let Some(plain) = self.decrypt(command.resource().name, text) else {
                return command.clone();
            };
            let to = match name {
                "passcrypt" => {
                    opened.remove(name);
                    "passplain"
                }
                _ => name,
            };
            opened.insert(to, Value::Secret(plain));
        }
        if has_form {
            for name in FORM {
                opened.remove(name);
            }
        }
        command.clone().with_values(opened)
    }

    fn encrypt(&self, place: &str, plain: &str) -> String {
        let mut context = hmac::Context::with_key(&self.nonces);
        context.update(place.as_bytes());
        context.update(&[0]);
        context.update(plain.as_bytes());
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&context.sign().as_ref()[..NONCE]);
        let mut bytes = plain.as_bytes().to_vec();
        let sealed = self.seal.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut bytes,
        );
        // Only a text of many gigabytes cannot be sealed.
        sealed.map_or_else(|_| String::new(), |()| hex(&[&nonce[..], &bytes].concat()))
    }

    fn decrypt(&self, place: &str, text: &str) -> Option<Secret<String>> {
        let bytes = from_hex(text)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .ok()?;
        Some(Secret::new(String::from_utf8(plain.to_vec()).ok()?))
    }
}

/// Whether a secret of the command is in a stored form that was not opened; a user's password always is.
pub(crate) fn is_closed(command: &Command) -> bool {
    command.has("encrypted") && command.resource().name != "system user"
}

/// The secrets of a command that may stand in ns.conf.
fn secrets(command: &Command) -> impl Iterator<Item = (&'static str, &Secret<String>)> {
    command
        .values()
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Secret(secret) => Some((name, secret)),
            _ => None,
        })
}

pub(super) fn random(length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random octets"))?;
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let octet = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    (0..text.len()).step_by(2).map(octet).collect()
}

#[cfg(test)]
mod tests {
    use evercert_ns::grammar::{parse_line, print};

    use super::*;

    fn secrets(fill: u8) -> Secrets {
        Secrets::new(&[fill; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_only() {
        for line in [
            "add ssl certKey c -cert a.pem -key a.key -passplain hunter2",
            "add ssl certKey c -cert a.pem -key a.key -password hunter2",
            "add lb monitor m LDAP -password hunter2",
        ] {
            let command = parse_line(line).unwrap();

            let text = print(&secrets(1).sealed(&command));

            assert!(!text.contains("hunter2") && text.contains(METHOD), "{text}");
            assert_eq!(text, print(&secrets(1).sealed(&command)));
            let read = parse_line(&text).unwrap();
            assert_eq!(secrets(1).opened(&read), command, "{text}");
            assert_eq!(secrets(2).opened(&read), read);
        }
    }

    #[test]
    fn a_hashed_password_and_a_foreign_secret_stay_as_they_are() {
        for line in [
            "set system user nsroot 0123 -encrypted -hashmethod SHA512",
            "add ssl certKey c -cert a.pem -passcrypt 00ff -encrypted -encryptmethod ENCMTHD_3 -kek -suffix 2026",
        ] {
            let command = parse_line(line).unwrap();

            assert_eq!(secrets(1).opened(&command), command);
            assert_eq!(secrets(1).sealed(&command), command);
        }
    }
}
