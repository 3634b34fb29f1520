//! Text from servers: replies in lines, headers, and products with versions.

use super::Talk;
use crate::clean::Untrusted;
use crate::model::Fact;
use crate::net::ConnectionError;

/// The longest reply that is read.
const MAX_REPLY: usize = 8 * 1024;
/// The most words of a list that are kept.
const MAX_WORDS: usize = 64;

/// Sends a request, unless it is empty, and reads until the reply is complete, ends, or exceeds the limit.
pub(super) async fn exchange(
    talk: &mut Talk<'_>,
    request: &[u8],
    is_complete: impl FnMut(&[u8]) -> bool + Send,
) -> Result<Vec<u8>, ConnectionError> {
    if !request.is_empty() {
        talk.peer.write(request).await?;
    }

    let mut reply = Vec::new();
    talk.peer.read_until(&mut reply, MAX_REPLY, is_complete).await?;
    Ok(reply)
}

/// Whether an SMTP or FTP reply is complete: its last line has no dash after the code (RFC 5321, 4.2.1).
pub(super) fn is_reply(bytes: &[u8]) -> bool {
    let mut complete_lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    complete_lines.any(|line| code(line).is_some() && line.get(3) != Some(&b'-'))
}

/// The code at the start of a line of such a reply.
pub(super) fn code(line: &[u8]) -> Option<&[u8]> {
    line.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit))
}

/// Whether a line has a code in three parts beside its own (RFC 3463), which only servers of mail send: after it, as in
/// `421 4.7.0 Try again later`, or at the end, as qmail writes it in `421 out of memory (#4.3.0)`.
pub(super) fn has_enhanced_code(line: &[u8]) -> bool {
    let Some((&[class, _, _, b' ' | b'-'], rest)) = line.split_first_chunk::<4>() else { return false };
    let rest = lines(rest).next().unwrap_or_default();
    let first = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let last = rest.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let last = last.strip_prefix(b"(#").and_then(|code| code.strip_suffix(b")"));
    is_enhanced_code(first, class) || last.is_some_and(|code| is_enhanced_code(code, class))
}

/// Whether a word is a code in three parts, the first of them the first digit of the reply's own code.
fn is_enhanced_code(word: &[u8], class: u8) -> bool {
    let mut parts = word.split(|byte| *byte == b'.');
    parts.next() == Some(&[class]) && parts.clone().count() == 2 && parts.all(is_short_number)
}

/// Whether a line is a temporary or a permanent error with a code of three digits (RFC 5321, 4.2; RFC 959, 4.2; RFC 3977, 3.2).
pub(super) fn is_error(line: &[u8]) -> bool {
    matches!(line, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..])
}

fn is_short_number(text: &[u8]) -> bool {
    (1..=3).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// The number of a code, for the fact `refusal_code`.
pub(super) fn refusal_code(code: &[u8]) -> i32 {
    code.iter().fold(0, |number, digit| number * 10 + i32::from(digit.wrapping_sub(b'0')))
}

/// The lines of a text, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value of a header in an HTTP-like head. The name is case-insensitive.
pub(super) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(head).skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// The words of a list as a fact; `None` if there are none.
pub(super) fn list<'a>(words: impl Iterator<Item = &'a [u8]>) -> Option<Fact> {
    let words: Vec<Untrusted> =
        words.filter(|word| !word.is_empty()).take(MAX_WORDS).map(Untrusted::from_bytes).collect();
    (!words.is_empty()).then(|| words.into())
}

/// The first of `names` that the text contains, ignoring case, and the text after it.
pub(super) fn find_name<'a>(text: &'a [u8], names: &[&'static str]) -> Option<(&'static str, &'a [u8])> {
    let name = names.iter().copied().find(|name| contains(text, name))?;
    let at = text.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))?;
    Some((name, text[at + name.len()..].trim_ascii_start()))
}

/// Whether the text contains a word, ignoring case.
pub(super) fn contains(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Product and version in `name 1.2.3`, `name/1.2.3 more` or `name (1.2.3 (more))`: the text before the first word that
/// starts with a digit, and that word. `None` if there is no such word.
pub(super) fn product_and_version(text: &[u8]) -> Option<(Untrusted, Untrusted)> {
    let start = (1..text.len()).find(|at| text[*at].is_ascii_digit() && is_separator(text[*at - 1]))?;
    let product = text[..start].trim_ascii().trim_ascii_end();
    let end = product.iter().rposition(|byte| !is_separator(*byte))?;
    Some((Untrusted::from_bytes(&product[..=end]), version(&text[start..])))
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'/' | b'-' | b'_' | b'(')
}

/// The version at the start of a text: up to a space, a bracket or a comma.
pub(super) fn version(text: &[u8]) -> Untrusted {
    let mut words = text.split(|byte| byte.is_ascii_whitespace() || b"(),;[]".contains(byte));
    Untrusted::from_bytes(words.next().unwrap_or_default())
}

/// The version at the start of a text, if the text starts with a digit.
pub(super) fn leading_version(text: &[u8]) -> Option<Untrusted> {
    text.first().is_some_and(u8::is_ascii_digit).then(|| version(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(String, String)> {
        let (product, version) = product_and_version(text.as_bytes())?;
        Some((product.as_raw().to_owned(), version.as_raw().to_owned()))
    }

    #[test]
    fn a_product_ends_where_its_version_starts() {
        for (text, product, version) in [
            ("kamailio (5.6.3 (x86_64/linux))", "kamailio", "5.6.3"),
            ("Asterisk PBX 18.10.0~dfsg", "Asterisk PBX", "18.10.0~dfsg"),
            ("GStreamer RTSP server/1.22", "GStreamer RTSP server", "1.22"),
            ("dnsmasq-2.90", "dnsmasq", "2.90"),
            ("mosquitto version 2.0.11", "mosquitto version", "2.0.11"),
        ] {
            assert_eq!(parsed(text), Some((product.to_owned(), version.to_owned())));
        }
        assert_eq!((parsed("no version"), parsed("9.18.1"), parsed(" 1"), parsed("")), (None, None, None, None));
    }

    #[test]
    fn a_header_is_found_by_its_name() {
        let head = b"SIP/2.0 200 OK\r\nserver:  x 1 \r\n\r\nVia: no\r\n";
        assert_eq!((header(head, "Server"), header(head, "Via")), (Some(&b"x 1"[..]), None));
    }

    proptest! {
        #[test]
        fn any_text_is_accepted(text: Vec<u8>, name in "[a-z]{0,4}") {
            let _ = (product_and_version(&text), is_reply(&text), header(&text, &name), version(&text));
        }
    }
}
