//! Aligned columns for lists of something other than services.
//!
//! In a pipe nothing is cut. At a terminal a grid fits the width: first the columns that may be cut become as narrow as is useful,
//! then the least useful columns go.

use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const GAP: &str = "  ";

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A column, and what becomes of it where a terminal is narrow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridColumn {
    name: &'static str,
    align: Align,
    /// The width to which its cells may be cut; `None` if they are of no use then.
    least: Option<usize>,
    /// When it goes, the lowest first; `None` if it stays.
    turn: Option<u8>,
}

impl GridColumn {
    /// A column that is never cut and stays.
    pub(crate) const fn new(name: &'static str, align: Align) -> Self {
        Self { name, align, least: None, turn: None }
    }

    /// The same for texts.
    pub(crate) const fn left(name: &'static str) -> Self {
        Self::new(name, Align::Left)
    }

    /// The same for numbers.
    pub(crate) const fn right(name: &'static str) -> Self {
        Self::new(name, Align::Right)
    }

    /// The same column, whose cells may be cut in the middle to this width.
    pub(crate) const fn cut(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// The same column, which may go: the lowest turn first.
    pub(crate) const fn goes(self, turn: u8) -> Self {
        Self { turn: Some(turn), ..self }
    }
}

/// The columns that have room, and their widths.
#[derive(Clone, Debug)]
pub(crate) struct GridLayout<const N: usize> {
    columns: [GridColumn; N],
    /// `None` for a column without room.
    widths: [Option<usize>; N],
    hidden: Vec<&'static str>,
}

impl<const N: usize> GridLayout<N> {
    /// Fits the columns of these rows into `width`, or makes each as wide as its widest cell.
    pub(crate) fn new<C: AsRef<str>>(columns: [GridColumn; N], rows: &[[C; N]], width: Option<u16>) -> Self {
        let widest: [usize; N] =
            std::array::from_fn(|at| rows.iter().map(|row| row[at].as_ref().width()).max().unwrap_or(0));
        let natural: [usize; N] = std::array::from_fn(|at| widest[at].max(columns[at].name.width()));
        let Some(width) = width else {
            return Self { columns, widths: natural.map(Some), hidden: Vec::new() };
        };

        let spans: [GridSpan; N] = std::array::from_fn(|at| GridSpan::of(&columns[at], natural[at], widest[at] == 0));
        let widths = fit(&spans, usize::from(width));
        let gone =
            columns.iter().zip(&widths).zip(&spans).filter(|((_, width), span)| width.is_none() && !span.is_empty);
        let hidden = gone.map(|((column, _), _)| column.name).collect();
        Self { columns, widths, hidden }
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> String {
        self.line(&self.columns.map(|column| column.name))
    }

    /// A row, without blanks at its end.
    pub(crate) fn line<C: AsRef<str>>(&self, row: &[C; N]) -> String {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(self.widths).zip(self.columns) {
            let Some(width) = width else { continue };
            let cell = cut_middle(cell.as_ref(), width);
            let blanks = " ".repeat(width.saturating_sub(cell.width()));
            match column.align {
                Align::Left => line.extend([&*cell, &*blanks, GAP]),
                Align::Right => line.extend([&*blanks, &*cell, GAP]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// The columns with content that have no room.
    pub(crate) fn hidden(&self) -> &[&'static str] {
        &self.hidden
    }

    /// Writes the names of the columns and the rows.
    ///
    /// # Errors
    /// If writing fails.
    pub(crate) fn write<C: AsRef<str>>(&self, out: &mut (dyn Write + Send), rows: &[[C; N]]) -> io::Result<()> {
        writeln!(out, "{}", self.header())?;
        rows.iter().try_for_each(|row| writeln!(out, "{}", self.line(row)))
    }
}

/// Writes a header and rows. Each column is as wide as its widest cell, and no line ends in blanks.
pub(crate) fn write_grid<const N: usize>(
    out: &mut (dyn Write + Send),
    columns: [(&'static str, Align); N],
    rows: &[[Cow<'_, str>; N]],
) -> io::Result<()> {
    GridLayout::new(columns.map(|(name, align)| GridColumn::new(name, align)), rows, None).write(out, rows)
}

/// The width of a column, and when it goes.
#[derive(Clone, Copy, Debug)]
struct GridSpan {
    natural: usize,
    least: usize,
    turn: Option<u8>,
    /// Whether no cell has a text.
    is_empty: bool,
}

impl GridSpan {
    fn of(column: &GridColumn, natural: usize, is_empty: bool) -> Self {
        let least = column.least.map_or(natural, |least| natural.min(least.max(column.name.len())));
        Self { natural, least, turn: column.turn, is_empty }
    }
}

/// The widths of the columns that fit. Spare room goes to the columns that are cut, from left to right.
fn fit<const N: usize>(spans: &[GridSpan; N], width: usize) -> [Option<usize>; N] {
    let whole = spans.map(|span| Some(span.natural));
    if total(&whole) <= width {
        return whole;
    }

    // A column without a text is not missed.
    let mut widths = spans.map(|span| (!span.is_empty || span.turn.is_none()).then_some(span.least));
    while total(&widths) > width {
        let kept = spans.iter().enumerate().filter(|(at, span)| widths[*at].is_some() && span.turn.is_some());
        let Some((next, _)) = kept.min_by_key(|(_, span)| span.turn) else { break };
        widths[next] = None;
    }

    let mut spare = width.saturating_sub(total(&widths));
    for (kept, span) in widths.iter_mut().zip(spans) {
        if let Some(kept) = kept {
            let more = spare.min(span.natural.saturating_sub(*kept));
            *kept += more;
            spare -= more;
        }
    }
    widths
}

/// The width of a line.
fn total(widths: &[Option<usize>]) -> usize {
    let kept = widths.iter().flatten();
    kept.clone().sum::<usize>() + GAP.len() * kept.count().saturating_sub(1)
}

/// A text without its middle: ids and paths differ at their ends.
fn cut_middle(text: &str, room: usize) -> Cow<'_, str> {
    if text.width() <= room {
        return text.into();
    }
    let tail_room = room.saturating_sub(1) / 2;
    let head = within(text.chars(), room.saturating_sub(1 + tail_room));
    let tail = within(text.chars().rev(), tail_room);
    let tail: String = tail.chars().rev().collect();
    format!("{head}…{tail}").into()
}

/// The first of these characters that have room.
fn within(chars: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let fitting = chars.take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    fitting.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        let columns = [("CODE", Align::Left), ("POINTS", Align::Right), ("TEXT", Align::Left)];
        write_grid(
            &mut out,
            columns,
            &[["refused", "5", ""], ["日本", "10", "two words"]].map(|row| row.map(Cow::from)),
        )
        .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "CODE     POINTS  TEXT\nrefused       5\n日本         10  two words\n");
    }

    const COLUMNS: [GridColumn; 5] = [
        GridColumn::left("ID").cut(8),
        GridColumn::left("ADDRESS"),
        GridColumn::left("ZONE").goes(1),
        GridColumn::left("NODE").goes(0),
        GridColumn::right("WEIGHT").goes(2),
    ];
    const ROWS: [[&str; 5]; 2] = [
        ["6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11", "10.0.0.7:8080", "eu-1", "web1", ""],
        ["web-2", "10.0.0.8:8080", "eu-2", "", ""],
    ];

    /// The lines at this width, and the columns without room.
    fn at(width: u16) -> (Vec<String>, Vec<&'static str>) {
        let layout = GridLayout::new(COLUMNS, &ROWS, Some(width));
        let lines = std::iter::once(layout.header()).chain(ROWS.iter().map(|row| layout.line(row)));
        let lines: Vec<String> = lines.collect();
        assert!(lines.iter().all(|line| line.width() <= usize::from(width)), "{width}: {lines:?}");
        (lines, layout.hidden().to_vec())
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_useful_column_first() {
        assert_eq!(at(200).0[1], "6c1f0a52-4a0c-4d0e-9c62-9f6a2b0d9a11  10.0.0.7:8080  eu-1  web1");
        let (lines, hidden) = at(60);
        assert_eq!(
            lines[1], "6c1f0a52-4a0c-4d…c62-9f6a2b0d9a11  10.0.0.7:8080  eu-1  web1",
            "the empty column goes unsaid"
        );
        assert!(hidden.is_empty());

        let (lines, hidden) = at(30);
        assert_eq!((lines[0].as_str(), hidden), ("ID         ADDRESS        ZONE", vec!["NODE"]));
        let (lines, hidden) = at(24);
        assert_eq!((lines[1].as_str(), hidden), ("6c1f…9a11  10.0.0.7:8080", vec!["ZONE", "NODE"]));
    }

    #[test]
    fn the_middle_is_cut_by_the_width_of_a_terminal() {
        assert_eq!(
            ["abcdef", "abc", "", "日本語"].map(|text| cut_middle(text, 5).into_owned()),
            ["ab…ef", "abc", "", "日…語"]
        );
        assert_eq!(["ab", "abc"].map(|text| cut_middle(text, 1).into_owned()), ["…", "…"]);
    }
}
