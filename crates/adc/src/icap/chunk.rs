//! The chunked coding of encapsulated bodies (RFC 9112 §7.1), with the ICAP extension `ieof` (RFC 3507 §4.5).

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// End of a body.
pub(super) const LAST: &[u8] = b"0\r\n\r\n";
/// End of a preview that was the whole body.
pub(super) const LAST_OF_PREVIEW: &[u8] = b"0; ieof\r\n\r\n";

/// Longest chunk-size line, and longest trailer section.
const LINE: usize = 16 << 10;
/// Most bytes of a chunk handed on at once.
const PART: usize = 64 << 10;

/// Appends one chunk; nothing for no data, which would end the body.
pub(super) fn encode(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// A chunked body that cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body's chunked coding is broken: {0}")]
pub(crate) struct ChunkError(&'static str);

/// What came out of the coding.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Data, never empty.
    Data(Bytes),
    /// The end, with the trailers.
    End(HeaderMap),
}

/// Reads a chunked body from a buffer that grows.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    trailers: HeaderMap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Ended,
}

impl Decoder {
    /// The next piece; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the coding is broken; the connection is of no use then.
    pub(super) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, ChunkError> {
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = line(buffer)? else {
                        return Ok(None);
                    };
                    self.state = match size(&line)? {
                        0 => State::Trailers,
                        size => State::Data(size),
                    };
                }
                State::Data(left) => return Ok(self.data(left, buffer)),
                State::DataEnd => match line(buffer)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => self.state = State::Size,
                    Some(_) => return Err(ChunkError("a chunk is longer than it says")),
                },
                State::Trailers => match line(buffer)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => {
                        self.state = State::Ended;
                        return Ok(Some(Piece::End(std::mem::take(&mut self.trailers))));
                    }
                    Some(line) => self.trailer(&line)?,
                },
                State::Ended => return Ok(Some(Piece::End(HeaderMap::new()))),
            }
        }
    }

    fn data(&mut self, left: u64, buffer: &mut BytesMut) -> Option<Piece> {
        if buffer.is_empty() {
            return None;
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PART);
        let data = buffer.split_to(wanted.min(buffer.len())).freeze();
        self.state = match left - data.len() as u64 {
            0 => State::DataEnd,
            left => State::Data(left),
        };
        Some(Piece::Data(data))
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        const BAD: ChunkError = ChunkError("a trailer is no header field");
        let colon = line.iter().position(|byte| *byte == b':').ok_or(BAD)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| BAD)?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| BAD)?;
        if self.trailers.len() >= 100 {
            return Err(ChunkError("there are more than 100 trailers"));
        }
        self.trailers.append(name, value);
        Ok(())
    }
}

/// Takes a line without its end; `None` when it is not complete.
fn line(buffer: &mut BytesMut) -> Result<Option<Bytes>, ChunkError> {
    let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
        return match buffer.len() > LINE {
            true => Err(ChunkError("a line is too long")),
            false => Ok(None),
        };
    };
    let mut line = buffer.split_to(end).freeze();
    buffer.advance(1);
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    Ok(Some(line))
}

fn size(line: &[u8]) -> Result<u64, ChunkError> {
    const BAD: ChunkError = ChunkError("a chunk size is no hexadecimal number");
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits.trim_ascii()).map_err(|_| BAD)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(BAD);
    }
    u64::from_str_radix(text, 16).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(portions: &[&[u8]]) -> Result<(Vec<u8>, HeaderMap, usize), ChunkError> {
        let (mut decoder, mut buffer, mut body) = (Decoder::default(), BytesMut::new(), Vec::new());
        for portion in portions {
            buffer.extend_from_slice(portion);
            while let Some(piece) = decoder.decode(&mut buffer)? {
                match piece {
                    Piece::Data(data) => body.extend_from_slice(&data),
                    Piece::End(trailers) => return Ok((body, trailers, buffer.len())),
                }
            }
        }
        Err(ChunkError("unfinished"))
    }

    #[test]
    fn chunks_extensions_and_trailers_are_read_and_what_follows_is_left() {
        let (body, trailers, left) =
            decode(&[b"4;x=y\r\nabcd\r\n1\r\ne\r\n0; ieof\r\nX-Sum: 7\r\n\r\nICAP"]).unwrap();

        assert_eq!((body.as_slice(), left), (&b"abcde"[..], 4));
        assert_eq!(trailers["x-sum"], "7");
    }

    #[test]
    fn broken_codings_are_refused() {
        for text in [
            &b"zz\r\n"[..],
            b"-1\r\n",
            b"\r\nabc",
            b"3\r\nabcd\r\n",
            b"0\r\nno colon\r\n\r\n",
        ] {
            let error = decode(&[text]).unwrap_err();
            assert_ne!(error, ChunkError("unfinished"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded_in_any_portions(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6),
            cut in 1usize..20,
        ) {
            let mut coded = Vec::new();
            for part in &parts {
                encode(part, &mut coded);
            }
            coded.extend_from_slice(LAST);
            let portions: Vec<&[u8]> = coded.chunks(cut).collect();

            let (body, trailers, left) = decode(&portions).unwrap();
            prop_assert_eq!(body, parts.concat());
            prop_assert!(trailers.is_empty() && left == 0);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&[&bytes]).map_or(true, |(body, ..)| body.len() <= bytes.len()));
        }
    }
}
