//! Texts in the room that there is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The beginning of the text that fits.
pub(super) fn start_of(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > room
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// The end of the text that fits, where the input cursor is.
pub(super) fn end_of(text: &str, room: usize) -> &str {
    let mut ends = text.char_indices().map(|(at, _)| &text[at..]);
    ends.find(|end| end.width() <= room).unwrap_or_default()
}

/// Writes a text on one line, truncated with a mark if it is too long.
pub(super) fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let room = usize::from(area.width);
    if text.width() <= room {
        buffer.set_stringn(area.x, area.y, text, room, style);
        return;
    }

    let cut = start_of(text, room - 1);
    let (x, _) = buffer.set_stringn(area.x, area.y, cut, room, style);
    buffer.set_stringn(x, area.y, "…", 1, style);
}
