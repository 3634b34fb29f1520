//! Which columns fit a terminal: the least important are hidden first.

use super::GAP;
use super::field::Field;
use crate::model::ColumnVisibility;

/// Columns by their worth, the most valuable first: what a service is like comes before where it belongs to. Others come
/// after these, from left to right.
const WORTH: [&str; 31] = [
    "state",
    "score",
    "grade",
    "ready",
    "finding",
    "reason",
    "problem",
    "findings",
    "status",
    "checks",
    "process",
    "name",
    "version",
    "pid",
    "checked",
    "holder",
    "user",
    "namespace",
    "host",
    "type",
    "scope",
    "rtt",
    "port_name",
    "pod",
    "service_score",
    "flapping",
    "tags",
    "routes",
    "node",
    "tls",
    "zone",
];

impl Span {
    /// The natural and the minimal width of a column, and when it is hidden. `place`: its place from the left; `is_named`:
    /// whether the name tells more than the process.
    pub(super) fn of(
        field: Field,
        natural: usize,
        place: usize,
        identified: bool,
        is_named: bool,
        chosen: bool,
    ) -> Self {
        let header = field.name().len();
        let cut = match field {
            Field::Of(column) => column.cut,
            Field::Proto | Field::Port => false,
            // An address is truncated only if it is a long path.
            Field::Address => natural > MAX_ADDRESS,
            Field::Service | Field::Name | Field::Namespace => true,
        };

        let goes =
            if chosen { DropOrder::Last(usize::MAX - place) } else { drop_order(field, place, identified, is_named) };
        let least = match goes {
            _ if field == Field::Address => MIN_PATH,
            DropOrder::Requested(_) => MIN_REQUESTED,
            _ => MIN_TEXT,
        };
        Self { natural, least: if cut { natural.min(header.max(least)) } else { natural }, goes }
    }
}

fn drop_order(field: Field, place: usize, identified: bool, is_named: bool) -> DropOrder {
    match field {
        Field::Proto | Field::Address | Field::Port => DropOrder::Never,
        Field::Service if identified => DropOrder::Requested(usize::MAX - place),
        // A guess from the port number, and a name that the process has too.
        Field::Service => DropOrder::Second(place),
        Field::Name if !is_named => DropOrder::Second(place),
        Field::Of(column) if column.shown == ColumnVisibility::Asked => DropOrder::Requested(usize::MAX - place),
        Field::Of(column) if column.shown == ColumnVisibility::Wide => DropOrder::First(usize::MAX - place),
        _ => {
            let rank = WORTH.iter().position(|name| *name == field.name()).unwrap_or(WORTH.len() + place);
            DropOrder::Last(usize::MAX - rank)
        }
    }
}

/// The width of a column, in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Without truncation.
    natural: usize,
    /// Truncated as far as the cell stays useful.
    least: usize,
    goes: DropOrder,
}

/// When a column is dropped if the terminal is too narrow, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DropOrder {
    First(usize),
    Second(usize),
    Last(usize),
    Requested(usize),
    Never,
}

/// Minimal width of a truncated text.
const MIN_TEXT: usize = 8;
/// Minimal width of a truncated column that an option requested: holds most products with their versions.
const MIN_REQUESTED: usize = 24;
/// The longest IPv6 address with brackets and port, which is never truncated; longer addresses are paths.
const MAX_ADDRESS: usize = 47;
/// Minimal width of a truncated path.
const MIN_PATH: usize = 30;
/// Width of the header's mark for hidden columns, with the gap before it.
const MORE: usize = 3;

/// The columns that fit, and their widths. Spare room goes first to columns requested by an option, then from left to
/// right.
pub(super) fn fit(spans: &[Span], width: usize) -> Vec<(usize, usize)> {
    let mut spans = spans.to_vec();
    let mut kept: Vec<usize> = (0..spans.len()).collect();
    while kept.len() > 1 && needed_width(&spans, &kept) > width {
        let next = kept.iter().copied().min_by_key(|&at| spans[at].goes);
        match next.map(|at| (at, spans[at].goes)) {
            None | Some((_, DropOrder::Never)) => break,
            // Half a product is better than none.
            Some((at, DropOrder::Requested(_))) if spans[at].least > MIN_TEXT => {
                let requested = spans.iter_mut().filter(|span| matches!(span.goes, DropOrder::Requested(_)));
                requested.for_each(|span| span.least = span.least.min(MIN_TEXT));
            }
            Some((goes, _)) => kept.retain(|&at| at != goes),
        }
    }

    let mut spare = width.saturating_sub(needed_width(&spans, &kept));
    let mut fitted: Vec<(usize, usize)> = kept.into_iter().map(|at| (at, spans[at].least)).collect();

    for requested in [true, false] {
        for (at, width) in
            fitted.iter_mut().filter(|(at, _)| matches!(spans[*at].goes, DropOrder::Requested(_)) == requested)
        {
            let more = spare.min(spans[*at].natural - spans[*at].least);
            spare -= more;
            *width += more;
        }
    }

    fitted
}

/// The width of the kept columns at their minimum, with gaps and the mark for hidden columns.
fn needed_width(spans: &[Span], kept: &[usize]) -> usize {
    let more = if kept.len() < spans.len() { MORE } else { 0 };
    kept.iter().map(|&at| spans[at].least).sum::<usize>() + GAP.len() * kept.len().saturating_sub(1) + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: usize) -> Vec<(usize, usize)> {
        let spans = [
            (5, 5, DropOrder::Never),
            (15, 15, DropOrder::Never),
            (12, 8, DropOrder::Second(2)),
            (20, 8, DropOrder::Last(1)),
            (8, 8, DropOrder::First(0)),
        ];
        fit(&spans.map(|(natural, least, goes)| Span { natural, least, goes }), width)
    }

    #[test]
    fn columns_are_truncated_first_and_dropped_next() {
        assert_eq!(fitted(100), [(0, 5), (1, 15), (2, 12), (3, 20), (4, 8)], "there is room for everything");
        assert_eq!(fitted(60), [(0, 5), (1, 15), (2, 12), (3, 12), (4, 8)]);
        assert_eq!(fitted(52), [(0, 5), (1, 15), (2, 8), (3, 8), (4, 8)], "everything is as narrow as it may be");
        assert_eq!(fitted(51), [(0, 5), (1, 15), (2, 12), (3, 10)], "one goes, the others get its room");
        assert_eq!(fitted(40), [(0, 5), (1, 15), (3, 13)]);
        assert_eq!(fitted(1), [(0, 5), (1, 15)], "the first two always stay");
    }

    #[test]
    fn requested_columns_are_truncated_last() {
        let spans = [
            (5, 5, DropOrder::Never),
            (15, 15, DropOrder::Never),
            (10, 10, DropOrder::Requested(2)),
            (30, 24, DropOrder::Requested(1)),
            (20, 8, DropOrder::Last(0)),
        ];
        let spans = spans.map(|(natural, least, goes)| Span { natural, least, goes });
        assert_eq!(fit(&spans, 76), [(0, 5), (1, 15), (2, 10), (3, 30), (4, 8)], "the others are cut first");
        assert_eq!(fit(&spans, 69), [(0, 5), (1, 15), (2, 10), (3, 30)], "and go first");

        assert_eq!(fit(&spans, 50), [(0, 5), (1, 15), (2, 10), (3, 11)], "they are cut when all others are gone");
        assert_eq!(fit(&spans, 40), [(0, 5), (1, 15), (2, 10)], "the protocol outlasts the version");
        assert_eq!(fit(&spans, 20), [(0, 5), (1, 15)]);
    }
}
