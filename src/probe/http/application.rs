//! Applications that are recognised by their HTTP responses.

use super::page::HttpPage;
use crate::model::Identity;

/// An application with its own HTTP interface.
pub(super) trait Application: Sync {
    /// Whether the front page suggests this application, so that its own request is worth sending.
    fn suspects(&self, front: &HttpPage) -> bool;

    /// The request whose response identifies the application.
    fn request(&self) -> PageRequest;

    /// Recognises the application in a response: to its own request, the front page, or the request of another application.
    fn recognise(&self, page: &HttpPage) -> Option<Identity>;
}

/// A request beyond the front page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest {
    pub(super) path: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
}

impl PageRequest {
    pub(super) const fn page(path: &'static str) -> Self {
        Self { path, fields: &[] }
    }
}

/// A string in a JSON document, by its pointer.
pub(super) fn at<'v>(value: &'v serde_json::Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

#[cfg(test)]
pub(super) fn page(path: &'static str, text: &str) -> HttpPage {
    HttpPage { path, ..HttpPage::from_start(text.as_bytes()).unwrap() }
}
