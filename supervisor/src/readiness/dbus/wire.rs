//! D-Bus messages as bytes, as far as we speak them.

use std::io;

use super::{CALL, MOST_WAITING};

/// A message to the bus itself, with at most one string.
pub(super) fn encode_call(serial: u32, member: &str, argument: Option<&str>) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(argument) = argument {
        put_string(&mut body, argument);
    }
    let mut fields = Vec::new();
    put_field(&mut fields, 1, "o", "/org/freedesktop/DBus");
    put_field(&mut fields, 2, "s", "org.freedesktop.DBus");
    put_field(&mut fields, 3, "s", member);
    put_field(&mut fields, 6, "s", "org.freedesktop.DBus");
    if argument.is_some() {
        pad(&mut fields, 8);
        fields.extend([8, 1, b'g', 0, 1, b's', 0]);
    }
    let mut message = vec![b'l', CALL, 0, 1];
    for number in [body.len() as u32, serial, fields.len() as u32] {
        message.extend(number.to_le_bytes());
    }
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn put_field(fields: &mut Vec<u8>, code: u8, kind: &str, value: &str) {
    pad(fields, 8);
    fields.extend([code, 1]);
    fields.extend(kind.bytes());
    fields.push(0);
    put_string(fields, value);
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    pad(bytes, 4);
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.push(0);
}

pub(super) fn pad(bytes: &mut Vec<u8>, boundary: usize) {
    bytes.resize(bytes.len().next_multiple_of(boundary), 0);
}

/// What we look at of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) reply_to: Option<u32>,
    pub(super) member: Option<String>,
    pub(super) body: Vec<u8>,
}

/// The first message in `bytes` and its length; `None` if it is not all there.
pub(super) fn decode(bytes: &[u8]) -> io::Result<Option<(Message, usize)>> {
    let mut header = Reader { bytes, at: 4 };
    let (Some(body_length), Some(_), Some(fields_length)) =
        (header.number(), header.number(), header.number())
    else {
        return Ok(None);
    };
    let [b'l', kind, ..] = *bytes else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let fields_end = 16usize.saturating_add(fields_length as usize);
    let body_start = fields_end.next_multiple_of(8);
    let end = body_start.saturating_add(body_length as usize);
    if end > MOST_WAITING {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (Some(fields), Some(body)) = (bytes.get(..fields_end), bytes.get(body_start..end)) else {
        return Ok(None);
    };
    let (reply_to, member) = read_fields(fields);
    Ok(Some((
        Message {
            kind,
            reply_to,
            member,
            body: body.to_owned(),
        },
        end,
    )))
}

fn read_fields(bytes: &[u8]) -> (Option<u32>, Option<String>) {
    let (mut reply_to, mut member) = (None, None);
    let mut reader = Reader { bytes, at: 16 };
    while let Some((code, value)) = reader.field() {
        match (code, value) {
            (5, Value::Number(serial)) => reply_to = Some(serial),
            (3, Value::Text(name)) => member = Some(name),
            _ => {}
        }
    }
    (reply_to, member)
}

enum Value {
    Number(u32),
    Text(String),
}

/// Reads little-endian values at their alignment.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        self.at = self.at.next_multiple_of(4);
        let bytes = self.bytes.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        self.text(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.byte()? as usize;
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Option<String> {
        let end = self.at.checked_add(length)?;
        let text = String::from_utf8_lossy(self.bytes.get(self.at..end)?).into_owned();
        self.at = end.checked_add(1)?;
        Some(text)
    }

    fn field(&mut self) -> Option<(u8, Value)> {
        self.at = self.at.next_multiple_of(8);
        let code = self.byte()?;
        let value = match self.signature()?.as_str() {
            "u" => Value::Number(self.number()?),
            "s" | "o" => Value::Text(self.string()?),
            "g" => Value::Text(self.signature()?),
            _ => return None,
        };
        Some((code, value))
    }
}
