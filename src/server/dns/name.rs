//! Domain names as they stand in a message.

/// The longest name, with the length of each label and the empty label at its end (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 255;
/// The longest label.
const MAX_LABEL_BYTES: usize = 63;

/// A domain name: labels, each after its length, and the empty label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct DomainName(Vec<u8>);

impl DomainName {
    /// The name of a text such as `service.consul`, with or without the dot at its end. `None` for a text with an empty or
    /// too long label, or one that is too long as a whole.
    pub(in crate::server) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            push_label(&mut wire, label.as_bytes())?;
        }
        Self::ended(wire)
    }

    /// This name below others: `parse("portolan")` with the labels `web`, `service` is `web.service.portolan`. A label may
    /// hold dots, and is then several.
    pub(super) fn below(&self, labels: &[&str]) -> Option<Self> {
        let mut wire = Vec::with_capacity(MAX_NAME_BYTES);
        for label in labels.iter().flat_map(|text| text.split('.')) {
            push_label(&mut wire, label.as_bytes())?;
        }
        wire.extend_from_slice(&self.0[..self.0.len() - 1]);
        Self::ended(wire)
    }

    fn ended(mut wire: Vec<u8>) -> Option<Self> {
        wire.push(0);
        (wire.len() <= MAX_NAME_BYTES).then_some(Self(wire))
    }

    /// Its bytes in a message, without compression.
    pub(super) fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels of a name below this one, the leftmost first; `None` if it is not below. Case does not count.
    pub(super) fn labels_below<'q>(&self, name: &'q [u8]) -> Option<Vec<&'q [u8]>> {
        let length = name.len().checked_sub(self.0.len())?;
        let (below, own) = name.split_at_checked(length)?;
        // Lengths are at most 63, which is no letter: a comparison without case compares them exactly.
        if !own.eq_ignore_ascii_case(&self.0) {
            return None;
        }
        // The cut has to be at the beginning of a label.
        labels(below)
    }
}

/// The labels of a part of a name; `None` if it ends within a label.
pub(super) fn labels(mut wire: &[u8]) -> Option<Vec<&[u8]>> {
    let mut labels = Vec::with_capacity(8);
    while let Some((length, rest)) = wire.split_first() {
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        labels.push(label);
        wire = rest;
    }
    Some(labels)
}

fn push_label(wire: &mut Vec<u8>, label: &[u8]) -> Option<()> {
    let length = u8::try_from(label.len()).ok().filter(|_| (1..=MAX_LABEL_BYTES).contains(&label.len()))?;
    wire.push(length);
    wire.extend_from_slice(label);
    Some(())
}

/// The length of the name at the beginning of `bytes`, with its empty label. `None` if it is cut off, too long, or
/// compressed: the first name of a message has nothing to point to.
pub(super) fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        if length > MAX_LABEL_BYTES {
            return None;
        }
        at += 1 + length;
        if at > MAX_NAME_BYTES {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// The length of a name that may end with a pointer. Where that points to does not matter.
pub(super) fn skipped_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        match length {
            0 => return Some(at + 1),
            1..=MAX_LABEL_BYTES => at += 1 + length,
            0xc0.. => return bytes.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
        if at > MAX_NAME_BYTES {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_within_the_limits_of_the_protocol() {
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        for (text, is_name) in [
            ("portolan", true),
            ("service.consul.", true),
            (&longest, true),
            (&format!("{longest}c"), false),
            (&"a".repeat(64), false),
            ("", false),
            ("a..b", false),
            (".", false),
        ] {
            let name = DomainName::parse(text);
            assert_eq!(name.is_some(), is_name, "{text}");
            if let Some(name) = name {
                assert_eq!(plain_length(name.as_wire()), Some(name.as_wire().len()), "{text}");
                assert_eq!(skipped_length(name.as_wire()), Some(name.as_wire().len()), "{text}");
            }
        }
        assert_eq!(plain_length(b"\x03abc"), None, "cut off");
        assert_eq!(plain_length(b"\xc0\x0c"), None, "a pointer");
        assert_eq!(skipped_length(b"\x01a\xc0\x0crest"), Some(4));
        assert_eq!(skipped_length(b"\x40a"), None, "an extended label");
    }

    fn below(domain: &DomainName, text: &str) -> Option<Vec<String>> {
        let name = DomainName::parse(text).unwrap();
        let labels = domain.labels_below(name.as_wire())?;
        Some(labels.iter().map(|label| String::from_utf8_lossy(label).into_owned()).collect())
    }

    #[test]
    fn a_name_is_below_another_only_at_the_beginning_of_a_label() {
        let domain = DomainName::parse("portolan").unwrap();
        assert_eq!(below(&domain, "web.Service.PORTOLAN"), Some(vec!["web".to_owned(), "Service".to_owned()]));
        assert_eq!(below(&domain, "portolan"), Some(vec![]));
        assert_eq!(below(&domain, "xportolan"), None);
        assert_eq!(below(&domain, "portolan.org"), None);
        // A label that ends with the bytes of the domain, its length included.
        let trap = b"\x0aab\x08portolan\x00";
        assert_eq!(domain.labels_below(&trap[..]), None);
    }
}
