//! Sealing at rest: AES-256-GCM with a random key for each value, wrapped by the master key.
//!
//! The text form is `evs1.<key id>.<wrapped key>.<value>`, base64url without padding. The context
//! (table, column and row id) is authenticated with both parts: a sealed value copied to another row
//! does not open there. The key id is derived from the master key and tells a wrong key from damage.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_types::Secret;

use crate::db::{Db, Tx};
use crate::error::{DbError, DbErrorKind};
use crate::row::Fields as _;

const VERSION: &str = "evs1";
const CHECK_NAME: &str = "master_key_check";

/// Seals and opens with one master key.
pub(crate) struct Sealer {
    key: LessSafeKey,
    key_id: String,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sealer").field(&self.key_id).finish()
    }
}

/// Why a value did not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum OpenError {
    #[error("the text is not a sealed value")]
    Form,
    #[error("it was sealed with master key {found}, not with {present}")]
    OtherKey { found: String, present: String },
    #[error("it is damaged, or was moved from another row")]
    Damaged,
}

impl Db {
    /// Seals a value for one place: `context` names table, column and row.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<String, DbError> {
        self.sealer().seal(context, plain)
    }

    /// Opens what [`Db::seal`] made for the same context.
    ///
    /// # Errors
    /// [`DbErrorKind::Sealed`].
    pub fn open_sealed(&self, context: &str, text: &str) -> Result<Secret<Vec<u8>>, DbError> {
        self.sealer().open(context, text)
    }

    /// Proves, once at start, that this is the master key the database was made with.
    pub(crate) async fn check_master_key(&self) -> Result<(), DbError> {
        let sealed = self.seal(CHECK_NAME, b"evercert")?;
        let insert = sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        );
        self.execute(
            "saving the check value of the master key",
            insert.bind(CHECK_NAME).bind(sealed),
        )
        .await?;
        let select = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(CHECK_NAME);
        let row = self
            .one("reading the check value of the master key", select)
            .await?;
        let Some(row) = row else { return Ok(()) };
        self.open_sealed(CHECK_NAME, &row.text("value")?).map(drop)
    }
}

impl Tx {
    /// Seals a value for one place, as [`Db::seal`].
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<String, DbError> {
        self.sealer().seal(context, plain)
    }
}

impl Sealer {
    pub(crate) fn new(master: &Secret<[u8; 32]>) -> Self {
        let mac = hmac::Key::new(hmac::HMAC_SHA256, master.expose());
        let tag = hmac::sign(&mac, b"evercert master key id");
        Self {
            key: aead_key(master.expose()),
            key_id: URL_SAFE_NO_PAD.encode(&tag.as_ref()[..6]),
        }
    }

    pub(crate) fn seal(&self, context: &str, plain: &[u8]) -> Result<String, DbError> {
        let data_key = random_key().map_err(|e| sealing_failed(context, e))?;
        let wrapped = encrypt(&self.key, context, data_key.expose())
            .map_err(|e| sealing_failed(context, e))?;
        let value = encrypt(&aead_key(data_key.expose()), context, plain)
            .map_err(|e| sealing_failed(context, e))?;
        Ok(format!(
            "{VERSION}.{}.{}.{}",
            self.key_id,
            URL_SAFE_NO_PAD.encode(wrapped),
            URL_SAFE_NO_PAD.encode(value)
        ))
    }

    pub(crate) fn open(&self, context: &str, text: &str) -> Result<Secret<Vec<u8>>, DbError> {
        self.try_open(context, text).map_err(|e| {
            DbError::because(
                DbErrorKind::Sealed,
                format!("opening the sealed value of {context}"),
                e,
            )
        })
    }

    fn try_open(&self, context: &str, text: &str) -> Result<Secret<Vec<u8>>, OpenError> {
        let mut parts = text.split('.');
        let (Some(VERSION), Some(key_id), Some(wrapped), Some(value), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(OpenError::Form);
        };
        if key_id != self.key_id {
            return Err(OpenError::OtherKey {
                found: key_id.to_owned(),
                present: self.key_id.clone(),
            });
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| OpenError::Damaged);
        let data_key = decrypt(&self.key, context, decode(wrapped)?)?;
        let data_key: &[u8; 32] = data_key
            .expose()
            .as_slice()
            .try_into()
            .map_err(|_| OpenError::Damaged)?;
        decrypt(&aead_key(data_key), context, decode(value)?)
    }
}

/// The length is that of AES-256, so the key is always accepted.
fn aead_key(bytes: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 keys have 32 bytes");
    LessSafeKey::new(key)
}

fn random_key() -> Result<Secret<[u8; 32]>, Unspecified> {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes)?;
    Ok(Secret::new(bytes))
}

fn encrypt(key: &LessSafeKey, context: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut nonce = [0u8; 12];
    rand::fill(&mut nonce)?;
    let mut body = plain.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(context.as_bytes()),
        &mut body,
    )?;
    Ok([nonce.as_slice(), &body].concat())
}

fn decrypt(
    key: &LessSafeKey,
    context: &str,
    mut nonce: Vec<u8>,
) -> Result<Secret<Vec<u8>>, OpenError> {
    if nonce.len() < 12 {
        return Err(OpenError::Damaged);
    }
    let mut body = nonce.split_off(12);
    let nonce = Nonce::try_assume_unique_for_key(&nonce).map_err(|_| OpenError::Damaged)?;
    let length = key
        .open_in_place(nonce, Aad::from(context.as_bytes()), &mut body)
        .map_err(|_| OpenError::Damaged)?
        .len();
    body.truncate(length);
    Ok(Secret::new(body))
}

fn sealing_failed(context: &str, source: Unspecified) -> DbError {
    DbError::because(
        DbErrorKind::Unavailable,
        format!("sealing the value of {context}"),
        source,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Secret::new([byte; 32]))
    }

    #[test]
    fn another_master_key_is_named_as_the_cause() {
        let sealed = sealer(1).seal("versions.key/ver_1", b"key").unwrap();

        let error = sealer(2).open("versions.key/ver_1", &sealed).unwrap_err();

        assert_eq!(error.kind(), DbErrorKind::Sealed);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("master key"), "{cause}");
        assert!(error.remedy().unwrap().contains("master.key"));
    }

    #[test]
    fn a_value_moved_to_another_row_does_not_open() {
        let sealed = sealer(1).seal("versions.key/ver_1", b"key").unwrap();

        assert!(sealer(1).open("versions.key/ver_2", &sealed).is_err());
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let sealer = sealer(1);

        assert_ne!(
            sealer.seal("c", b"x").unwrap(),
            sealer.seal("c", b"x").unwrap()
        );
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_again(plain: Vec<u8>, context in "\\PC{0,40}") {
            let sealer = sealer(7);
            let sealed = sealer.seal(&context, &plain).unwrap();
            let opened = sealer.open(&context, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &plain);
        }

        #[test]
        fn a_changed_character_is_noticed(at in 0usize..400, with in "[A-Za-z0-9_.-]") {
            let sealer = sealer(7);
            let sealed = sealer.seal("c", b"some private key").unwrap();
            let at = at % sealed.len();
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != sealed);
            // The last character of a base64 part may carry unused bits; decoding refuses those.
            prop_assert!(sealer.open("c", &changed).is_err());
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            prop_assert!(sealer(7).open("c", &text).is_err());
        }
    }
}
