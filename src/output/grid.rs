//! Aligned columns for lists of something other than services.

use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

const GAP: &str = "  ";

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Writes a header and rows. Each column is as wide as its widest cell, and no line ends in blanks.
pub(crate) fn write_grid<const N: usize>(
    out: &mut (dyn Write + Send),
    columns: [(&str, Align); N],
    rows: &[[Cow<'_, str>; N]],
) -> io::Result<()> {
    let header = columns.map(|(name, _)| Cow::Borrowed(name));
    let mut widths = [0; N];
    for row in std::iter::once(&header).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }

    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(columns) {
            let blanks = " ".repeat(width - cell.width());
            match align {
                Align::Left => line.extend([cell, &*blanks, GAP]),
                Align::Right => line.extend([&*blanks, cell, GAP]),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }

    Ok(())
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
}
