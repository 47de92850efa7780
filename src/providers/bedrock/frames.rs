//! The frames of an AWS event stream, cut out of bytes that end anywhere.
//!
//! A frame is its own length, the length of its headers and a checksum of these two, then headers, payload, and a
//! checksum of it all. The first twelve bytes are judged before the rest is waited for: a length that is damaged would
//! otherwise be believed, and memory held for it.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, Bytes, BytesMut};

/// Cuts frames out of a stream.
#[derive(Debug, Default)]
pub struct Frames {
    held: BytesMut,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame(Message);

/// Bytes that are no frame. What follows them cannot be told apart, so the stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream holds something that is no frame")]
pub struct Broken;

/// Both lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The checksum at the end.
const CHECKSUM_BYTES: usize = 4;
/// The longest frame that is believed; AWS writes none of this size.
pub const LONGEST_BYTES: usize = 16 * 1024 * 1024;

impl Frames {
    /// Takes what came.
    pub fn take(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more has come.
    ///
    /// # Errors
    /// Where there can be none.
    pub fn cut(&mut self) -> Result<Option<Frame>, Broken> {
        let Some(mut prelude) = self.held.get(..PRELUDE_BYTES) else {
            return Ok(None);
        };
        let counted = crc32fast::hash(&prelude[..8]);
        let length = usize::try_from(prelude.get_u32()).map_err(|_| Broken)?;
        let _headers = prelude.get_u32();
        if prelude.get_u32() != counted
            || !(PRELUDE_BYTES + CHECKSUM_BYTES..=LONGEST_BYTES).contains(&length)
        {
            return Err(Broken);
        }
        if self.held.len() < length {
            return Ok(None);
        }
        let whole = self.held.split_to(length).freeze();
        let message = read_message_from(whole).map_err(|_| Broken)?;
        Ok(Some(Frame(message)))
    }

    /// Whether a frame has begun and not ended.
    pub fn is_amid(&self) -> bool {
        !self.held.is_empty()
    }
}

impl Frame {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.0.headers();
        let header = headers
            .iter()
            .find(|header| header.name().as_str() == name)?;
        Some(header.value().as_string().ok()?.as_str())
    }

    /// What the frame carries.
    pub fn payload(&self) -> &Bytes {
        self.0.payload()
    }
}

/// Frames as AWS writes them, for tests.
#[cfg(test)]
pub mod written {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    /// A frame of these headers, byte by byte.
    ///
    /// # Panics
    /// Where a test writes more than fits.
    pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        for (name, value) in headers {
            written.push(u8::try_from(name.len()).expect("short"));
            written.extend_from_slice(name.as_bytes());
            written.push(7);
            written.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
            written.extend_from_slice(value.as_bytes());
        }
        let length = 12 + written.len() + payload.len() + 4;
        let mut frame = Vec::new();
        frame.extend_from_slice(&u32::try_from(length).expect("short").to_be_bytes());
        frame.extend_from_slice(&u32::try_from(written.len()).expect("short").to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(&written);
        frame.extend_from_slice(payload);
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    /// A frame that carries one event of Claude's.
    pub fn chunk(event: &str) -> Vec<u8> {
        let payload = json!({"bytes": STANDARD.encode(event), "p": "abcdefgh"}).to_string();
        frame(
            &[
                (":event-type", "chunk"),
                (":content-type", "application/json"),
                (":message-type", "event"),
            ],
            payload.as_bytes(),
        )
    }

    /// A frame that tells an exception.
    pub fn exception(kind: &str, message: &str) -> Vec<u8> {
        let payload = json!({"message": message}).to_string();
        frame(
            &[
                (":exception-type", kind),
                (":content-type", "application/json"),
                (":message-type", "exception"),
            ],
            payload.as_bytes(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Frame>, Broken> {
        let mut frames = Frames::default();
        frames.take(bytes);
        let mut read = Vec::new();
        while let Some(frame) = frames.cut()? {
            read.push(frame);
        }
        Ok(read)
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frames = read(&written::exception("throttlingException", "slow down")).expect("whole");
        let [frame] = &frames[..] else {
            panic!("one frame");
        };
        assert_eq!(frame.header(":exception-type"), Some("throttlingException"));
        assert_eq!(frame.header(":none"), None);
        assert_eq!(frame.payload().as_ref(), br#"{"message":"slow down"}"#);
    }

    #[test]
    fn a_damaged_byte_anywhere_is_noticed() {
        let good = written::chunk(r#"{"type":"ping"}"#);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(read(&bad), Err(Broken), "byte {at}");
        }
    }

    #[test]
    fn a_length_beyond_belief_is_not_waited_for() {
        for length in [0_u32, 1, 15, 16 * 1024 * 1024 + 1, u32::MAX] {
            let mut frame = length.to_be_bytes().to_vec();
            frame.extend_from_slice(&0_u32.to_be_bytes());
            frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
            assert_eq!(read(&frame), Err(Broken), "{length}");
        }
    }

    #[test]
    fn headers_longer_than_their_frame_are_no_headers() {
        let mut frame = 16_u32.to_be_bytes().to_vec();
        frame.extend_from_slice(&9_u32.to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
        assert_eq!(read(&frame), Err(Broken));
    }
}
