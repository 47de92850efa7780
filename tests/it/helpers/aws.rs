//! What AWS does: it checks a signature, and it writes frames.
//!
//! Both are worked out from the specification and from nothing that the gateway uses, so that they can disagree with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::upstream::Seen;

/// Checks the signature of `seen` over the bytes that came, and gives the names of the headers that it covers.
pub fn signed_headers(seen: &Seen, access_key: &str, secret: &str, region: &str) -> Vec<String> {
    let authorization = seen.header("authorization").expect("it is signed");
    let rest = authorization
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .expect("SigV4");
    let (credential, rest) = rest.split_once(", SignedHeaders=").expect("headers");
    let (names, signature) = rest.split_once(", Signature=").expect("a signature");
    let at = seen.header("x-amz-date").expect("a time");
    let day = &at[..8];
    let scope = format!("{day}/{region}/bedrock/aws4_request");
    assert_eq!(credential, format!("{access_key}/{scope}"));

    let path = seen.line.split(' ').nth(1).expect("a path");
    let body = hex(&Sha256::digest(seen.body.as_bytes()));
    assert_eq!(seen.header("x-amz-content-sha256"), Some(body.as_str()));
    let headers = names.split(';').fold(String::new(), |text, name| {
        text + name + ":" + seen.header(name).expect("a signed header came") + "\n"
    });
    let request = format!("POST\n{}\n\n{headers}\n{names}\n{body}", encoded(path));
    let digest = hex(&Sha256::digest(request.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}");
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
    for part in [region, "bedrock", "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    assert_eq!(
        signature,
        hex(&hmac(&key, text.as_bytes())),
        "for {request}"
    );
    names.split(';').map(str::to_owned).collect()
}

/// A frame of an event stream that carries one of Claude's events.
pub fn chunk(event: &str) -> Vec<u8> {
    let payload = format!(r#"{{"bytes":"{}","p":"abc"}}"#, STANDARD.encode(event));
    frame(
        &[(":message-type", "event"), (":event-type", "chunk")],
        &payload,
    )
}

/// A frame that tells an exception.
pub fn exception(kind: &str, message: &str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", kind)];
    frame(&headers, &format!(r#"{{"message":"{message}"}}"#))
}

fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).expect("short"));
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let number = |n: usize| u32::try_from(n).expect("short").to_be_bytes();
    let mut frame = number(written.len() + payload.len() + 16).to_vec();
    frame.extend_from_slice(&number(written.len()));
    frame.extend_from_slice(&crc(&frame).to_be_bytes());
    frame.extend_from_slice(&written);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc(&frame).to_be_bytes());
    frame
}

/// CRC-32 of ISO-HDLC, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

/// A path as it is signed: every byte that is not plain is encoded, the `%` of what is encoded already among them.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |text, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if plain {
            text + &char::from(byte).to_string()
        } else {
            text + &format!("%{byte:02X}")
        }
    })
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let with = |pad: u8, text: &[u8]| {
        let padded: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        Sha256::digest([&padded, text].concat()).to_vec()
    };
    with(0x5c, &with(0x36, text))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
