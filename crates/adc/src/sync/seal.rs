//! A stream of bytes sealed with AES-256-GCM, chunk by chunk, so that a large cache needs little memory.
//!
//! File: magic, 16 octets of salt, then chunks of a four-octet length and a ciphertext. The file's key is derived from
//! the master key and the salt (HKDF-SHA-256), the nonce is the chunk's number, and the associated data says whether
//! the chunk is the last, so that chunks can be neither reordered nor cut off.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use evercert_types::Secret;
use zeroize::Zeroizing;

const MAGIC: &[u8; 16] = b"evercert-zt-v1\r\n";
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;

/// The key that caches are sealed with.
pub(crate) type MasterKey = Secret<[u8; 32]>;

/// Seals what is written to it; [`SealingWriter::finish`] must be called at the end.
pub(crate) struct SealingWriter<W> {
    out: W,
    key: LessSafeKey,
    number: u64,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> SealingWriter<W> {
    /// Begins a sealed stream.
    ///
    /// # Errors
    /// When `out` fails, or the system gives no random octets.
    pub(crate) fn new(mut out: W, master: &MasterKey) -> io::Result<Self> {
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| broken("no random octets"))?;
        out.write_all(MAGIC)?;
        out.write_all(&salt)?;
        Ok(Self {
            out,
            key: file_key(master, &salt)?,
            number: 0,
            buffer: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)),
        })
    }

    /// Seals the last chunk and hands the stream back.
    ///
    /// # Errors
    /// When the stream fails.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.number);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from([u8::from(last)]), &mut *self.buffer)
            .map_err(|_| broken("sealing failed"))?;
        self.number += 1;
        let length = u32::try_from(self.buffer.len()).map_err(|_| broken("a chunk is too long"))?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == CHUNK {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens what a [`SealingWriter`] sealed; every octet it yields was authenticated.
pub(crate) struct OpeningReader<R> {
    input: R,
    key: LessSafeKey,
    number: u64,
    chunk: Zeroizing<Vec<u8>>,
    read: usize,
    ended: bool,
}

impl<R: Read> OpeningReader<R> {
    /// Begins to open a sealed stream.
    ///
    /// # Errors
    /// `InvalidData` when it is none; or as `input` fails.
    pub(crate) fn new(mut input: R, master: &MasterKey) -> io::Result<Self> {
        let mut head = [0; 32];
        input.read_exact(&mut head)?;
        let (magic, salt) = head.split_at(16);
        if magic != MAGIC {
            return Err(broken("it does not begin as a sealed cache does"));
        }
        Ok(Self {
            key: file_key(master, salt)?,
            input,
            number: 0,
            chunk: Zeroizing::default(),
            read: 0,
            ended: false,
        })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if !(TAG..=CHUNK + TAG).contains(&length) {
            return Err(broken("a chunk has an impossible length"));
        }
        self.chunk.resize(length, 0);
        self.input.read_exact(&mut self.chunk)?;
        self.ended = self.open_chunk()?;
        self.number += 1;
        self.chunk.truncate(length - TAG);
        self.read = 0;
        Ok(())
    }

    /// Whether it was the last; the copy is needed because a failed attempt spoils the bytes.
    fn open_chunk(&mut self) -> io::Result<bool> {
        let sealed = self.chunk.clone();
        for last in [false, true] {
            self.chunk.copy_from_slice(&sealed);
            let aad = Aad::from([u8::from(last)]);
            let opened = self
                .key
                .open_in_place(nonce(self.number), aad, &mut self.chunk);
            if opened.is_ok() {
                return Ok(last);
            }
        }
        Err(broken("a seal is broken, or the key is another"))
    }
}

impl<R: Read> Read for OpeningReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let available = &self.chunk[self.read..];
        let taken = available.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&available[..taken]);
        self.read += taken;
        Ok(taken)
    }
}

fn file_key(master: &MasterKey, salt: &[u8]) -> io::Result<LessSafeKey> {
    let failed = |_| broken("the key could not be derived");
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(master.expose());
    let material = pseudorandom
        .expand(&[b"zerotouch.cache"], &AES_256_GCM)
        .map_err(failed)?;
    Ok(LessSafeKey::new(UnboundKey::from(material)))
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal(plain: &[u8], key: &MasterKey) -> Vec<u8> {
        let mut writer = SealingWriter::new(Vec::new(), key).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn open(sealed: &[u8], key: &MasterKey) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        OpeningReader::new(sealed, key)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn plain(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 7 % 251) as u8).collect()
    }

    #[test]
    fn streams_of_any_length_round_trip() {
        let key = Secret::new([7; 32]);
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain = plain(length);
            let sealed = seal(&plain, &key);
            assert_eq!(open(&sealed, &key).unwrap(), plain, "{length}");
            assert!(length < 16 || !sealed.windows(16).any(|part| part == &plain[..16]));
        }
    }

    #[test]
    fn another_key_a_cut_and_a_swap_are_found() {
        let key = Secret::new([7; 32]);
        let sealed = seal(&plain(2 * CHUNK + 5), &key);

        assert!(open(&sealed, &Secret::new([8; 32])).is_err());
        let chunk = 4 + CHUNK + TAG;
        assert!(open(&sealed[..32 + 2 * chunk], &key).is_err());
        let mut swapped = sealed.clone();
        swapped[32..32 + chunk].copy_from_slice(&sealed[32 + chunk..32 + 2 * chunk]);
        assert!(open(&swapped, &key).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_changed_octet_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let key = Secret::new([7; 32]);
            let mut sealed = seal(&plain(1000), &key);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(open(&sealed, &key).is_err());
        }
    }
}
