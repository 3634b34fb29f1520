//! What servers write of themselves: replies in lines, and a product with its version.

use super::Talk;
use crate::clean::Untrusted;
use crate::model::Fact;
use crate::net::ConnectionError;

/// The longest reply that is read.
const MAX_REPLY: usize = 8 * 1024;
/// So many words of a list are kept.
const MAX_WORDS: usize = 64;

/// Puts a question, if it is not empty, and reads until the answer is whole, ends, or is longer than any should be.
pub(super) async fn answer(
    talk: &mut Talk<'_>,
    question: &[u8],
    is_whole: impl FnMut(&[u8]) -> bool + Send,
) -> Result<Vec<u8>, ConnectionError> {
    if !question.is_empty() {
        talk.peer.write(question).await?;
    }
    let mut answer = Vec::new();
    talk.peer.read_until(&mut answer, MAX_REPLY, is_whole).await?;
    Ok(answer)
}

/// Whether a reply of SMTP or FTP is whole: its last line has no dash after the code (RFC 5321, 4.2.1).
pub(super) fn is_reply(bytes: &[u8]) -> bool {
    let whole = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    whole.into_iter().any(|line| code(line).is_some() && line.get(3) != Some(&b'-'))
}

/// The code that a line of such a reply begins with.
pub(super) fn code(line: &[u8]) -> Option<&[u8]> {
    line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit))
}

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What follows the name of a header in a head such as HTTP's, whatever the case of the name.
pub(super) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(head).skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// The words of a list, as a fact; `None` where there are none.
pub(super) fn list<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<Fact> {
    let words: Vec<Untrusted> =
        words.filter(|word| !word.is_empty()).take(MAX_WORDS).map(Untrusted::from_bytes).collect();
    (!words.is_empty()).then(|| words.into())
}

/// Which of these names stands in the text, whatever the case of its letters.
pub(super) fn which(text: &[u8], names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| contains(text, name))
}

/// Whether a word stands in the text, whatever the case of its letters.
pub(super) fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Product and version in `name 1.2.3`, `name/1.2.3 more` or `name (1.2.3 (more))`: what stands before the first word that
/// begins with a digit, and that word. `None` where there is no such word.
pub(super) fn product_and_version(text: &[u8]) -> Option<(Untrusted, Untrusted)> {
    let is_between = |byte: u8| matches!(byte, b' ' | b'/' | b'-' | b'_' | b'(');
    let starts = |at: &usize| text[*at].is_ascii_digit() && (*at > 0 && is_between(text[*at - 1]));
    let at = (0..text.len()).find(starts)?;
    let product = text[..at].trim_ascii().trim_ascii_end();
    let end = product.iter().rposition(|byte| !is_between(*byte))?;
    Some((Untrusted::from_bytes(&product[..=end]), version(&text[at..])))
}

/// The version that a text begins with: up to a space, a bracket or a comma.
pub(super) fn version(text: &[u8]) -> Untrusted {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b',' | b';' | b'[' | b']');
    Untrusted::from_bytes(text.split(is_end).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parted(text: &str) -> Option<(String, String)> {
        let (product, version) = product_and_version(text.as_bytes())?;
        Some((product.as_raw().to_owned(), version.as_raw().to_owned()))
    }

    #[test]
    fn a_product_ends_where_its_version_begins() {
        for (text, product, version) in [
            ("kamailio (5.6.3 (x86_64/linux))", "kamailio", "5.6.3"),
            ("Asterisk PBX 18.10.0~dfsg", "Asterisk PBX", "18.10.0~dfsg"),
            ("GStreamer RTSP server/1.22", "GStreamer RTSP server", "1.22"),
            ("dnsmasq-2.90", "dnsmasq", "2.90"),
            ("mosquitto version 2.0.11", "mosquitto version", "2.0.11"),
        ] {
            assert_eq!(parted(text), Some((product.to_owned(), version.to_owned())));
        }
        assert_eq!((parted("no version"), parted("9.18.1"), parted(" 1"), parted("")), (None, None, None, None));
    }

    #[test]
    fn a_header_is_found_by_its_name() {
        let head = b"SIP/2.0 200 OK\r\nserver:  x 1 \r\n\r\nVia: no\r\n";
        assert_eq!((header(head, "Server"), header(head, "Via")), (Some(&b"x 1"[..]), None));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text: Vec<u8>, name in "[a-z]{0,4}") {
            let _ = (product_and_version(&text), is_reply(&text), header(&text, &name), version(&text));
        }
    }
}
