//! A box over the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::menu::{Menu, MenuKind};
use super::text::put;

/// Opens a box for `lines` in the middle of an area, as large as they need and the area allows; returns its inside.
pub(super) fn open(buffer: &mut Buffer, area: Rect, title: &str, lines: &[String]) -> Rect {
    let widest = lines.iter().map(|line| line.width()).chain([title.width()]).max().unwrap_or_default();
    let width = u16::try_from(widest + 2).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };

    Clear.render(place, buffer);
    let block = Block::bordered().title(title);
    let inside = block.inner(place);
    block.render(place, buffer);
    inside
}

impl Menu {
    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let lines: Vec<String> = self.lines().into_iter().map(|line| format!(" {line} ")).collect();
        let inside = open(buffer, area, self.title(), &lines);

        let first = (self.cursor + 1).saturating_sub(inside.height.into());
        for (y, (number, line)) in (inside.top()..inside.bottom()).zip(lines.iter().enumerate().skip(first)) {
            let area = Rect { y, height: 1, ..inside };
            put(buffer, area, line, Style::new());
            if number == self.cursor {
                put(buffer, area, ">", Style::new());
                buffer.set_style(area, Style::from(Modifier::REVERSED));
            }
        }
    }

    /// The keys of this menu.
    pub(super) fn keys(&self) -> &'static [&'static str] {
        match self.kind {
            MenuKind::Sort => &["Enter sort", "Escape back", "↑↓ move"],
            MenuKind::Columns => &["Space show/hide", "Escape back", "↑↓ move"],
        }
    }
}
