//! An HTTP response, independent of the HTTP version.

pub(super) struct HttpReply {
    pub(super) code: u16,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl HttpReply {
    pub(super) fn new(code: u16, fields: &http::HeaderMap, body: Vec<u8>) -> Self {
        let fields = fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        Self { code, fields: fields.collect(), body }
    }

    /// The values of a header, by its lower-case name.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_slice())
    }
}
