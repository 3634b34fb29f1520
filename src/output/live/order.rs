//! A row, and the orders of rows.

use std::cmp::Ordering;
use std::sync::Arc;

use super::RowMark;
use crate::model::{Address, Service, Transport};

/// A row at the time of the last `set`.
pub(super) struct Row {
    pub(super) service: Arc<Service>,
    /// Index of the endpoint.
    pub(super) endpoint: usize,
    pub(super) sign: Option<RowMark>,
    pub(super) changed: Vec<String>,
}

/// Sort key of the default order: by port.
pub(super) fn place(row: &Row) -> (Option<u16>, Option<Transport>, Option<&Address>) {
    let endpoint = row.service.endpoints.get(row.endpoint);
    let port = endpoint.and_then(|endpoint| endpoint.port);
    (port, endpoint.map(|endpoint| endpoint.transport), endpoint.map(|endpoint| &endpoint.address))
}

/// Natural order: `a9` before `a10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let ((number_a, rest_a), (number_b, rest_b)) = (leading_number(a), leading_number(b));
        let order = match (number_a, number_b) {
            (Some(one), Some(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            _ => a.chars().next().cmp(&b.chars().next()),
        };
        if order != Ordering::Equal || a.is_empty() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// The leading digits without leading zeros, and the rest; without digits, skips one character.
fn leading_number(text: &str) -> (Option<&str>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        let mut chars = text.chars();
        chars.next();
        return (None, chars.as_str());
    }
    (Some(text[..digits].trim_start_matches('0')), &text[digits..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut words = ["a10", "a9", "", "b", "a", "10", "9", "1.10.1", "1.9.1", "é", "a09b"];
        words.sort_by(|a, b| natural(a, b));
        assert_eq!(words, ["", "1.9.1", "1.10.1", "9", "10", "a", "a9", "a09b", "a10", "b", "é"]);
    }
}
