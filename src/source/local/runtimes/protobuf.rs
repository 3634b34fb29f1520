//! Reads messages of Protocol Buffers (protobuf.dev, "Encoding"), as far as texts and messages go.

/// The fields of a message that have a length: numbers and contents. It ends at the first byte that is no field.
pub(super) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let key = varint(&mut bytes)?;
            match key & 7 {
                0 => _ = varint(&mut bytes)?,
                1 => bytes = bytes.get(8..)?,
                5 => bytes = bytes.get(4..)?,
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (content, rest) = bytes.split_at_checked(length)?;
                    bytes = rest;
                    return Some((key >> 3, content));
                }
                _ => return None,
            }
        }
    })
}

/// The text of the first field with a number; empty if there is none.
pub(super) fn text(message: &[u8], wanted: u64) -> String {
    let field = fields(message).find(|(number, _)| *number == wanted);
    field.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_with_a_length_are_found_among_others() {
        let message = b"\x08\x96\x01\x12\x03abc\x1d\0\0\0\0\x22\x00\x12\x01d";
        let all: Vec<(u64, &[u8])> = fields(message).collect();
        assert_eq!(all, [(2, &b"abc"[..]), (4, b""), (2, b"d")]);
        assert_eq!((text(message, 2), text(message, 9)), ("abc".into(), String::new()));
    }

    proptest! {
        #[test]
        fn no_message_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = fields(&bytes).count();
        }
    }
}
