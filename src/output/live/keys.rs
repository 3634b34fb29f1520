//! What the keys and the mouse do.

use std::sync::Arc;
use std::time::Instant;

use super::menu::{Menu, MenuKind};
use super::{KeyPress, Mode, MousePress, View, ViewAction};

/// Lines per page key in the details and in the help.
const PAGE: u16 = 5;
/// Rows per step of the mouse wheel.
const WHEEL_ROWS: usize = 3;
/// Longest filter, in characters; no listing needs a longer one.
const MAX_FILTER_CHARS: usize = 100;

/// The letter of a function key, as in htop.
fn of_function_key(key: KeyPress) -> KeyPress {
    let KeyPress::Function(number) = key else { return key };
    KeyPress::Letter(match number {
        1 => '?',
        2 => 'c',
        3 | 4 => '/',
        5 => 't',
        6 => 's',
        9 => 'K',
        10 => 'q',
        _ => return key,
    })
}

impl View {
    /// Handles a key.
    pub(crate) fn press(&mut self, key: KeyPress, now: Instant) -> ViewAction {
        match &self.mode {
            Mode::Table => self.press_in_table(of_function_key(key), now),
            Mode::Filter => {
                self.type_into_filter(key);
                ViewAction::None
            }
            Mode::Help(_) => {
                self.press_in_help(key);
                ViewAction::None
            }
            Mode::Menu(_) => {
                self.press_in_menu(key);
                ViewAction::None
            }
            Mode::Question(_) => {
                self.mode = Mode::Table;
                let is_yes = matches!(key, KeyPress::Letter('y' | 'Y'));
                if is_yes { ViewAction::Confirmed } else { ViewAction::Denied }
            }
        }
    }

    fn press_in_table(&mut self, key: KeyPress, now: Instant) -> ViewAction {
        match key {
            KeyPress::Escape => self.go_back(now),
            KeyPress::Letter('q') => return ViewAction::Quit,
            KeyPress::Letter('?' | 'h') => self.mode = Mode::Help(0),
            KeyPress::Letter('/') => self.mode = Mode::Filter,
            KeyPress::Letter('p' | ' ') => self.pause(),
            KeyPress::Letter('s') => self.mode = Mode::Menu(Menu::sort(self)),
            KeyPress::Letter('c') => self.mode = Mode::Menu(Menu::columns(self)),
            KeyPress::Letter('>') => self.rows.sort_by_neighbour(true),
            KeyPress::Letter('<') => self.rows.sort_by_neighbour(false),
            KeyPress::Letter('r') => self.rows.reverse(),
            KeyPress::Letter('t') if self.rows.tree || self.rows.has_processes() => self.rows.toggle_tree(),
            KeyPress::Letter('t') => self.say("the tree needs processes, which only `local` lists".to_owned(), now),
            KeyPress::Letter('y') => return self.copy(now),
            KeyPress::Letter('K') => return self.prepare_kill(),
            KeyPress::Right => self.skipped += 1,
            KeyPress::Left => self.skipped = self.skipped.saturating_sub(1),
            KeyPress::Enter => {
                (self.details, self.scrolled) = (!self.details, 0);
                self.rows.pin_cursor();
            }
            KeyPress::PageUp if self.details => self.scrolled = self.scrolled.saturating_sub(PAGE),
            KeyPress::PageDown if self.details => self.scrolled = self.scrolled.saturating_add(PAGE),
            key => {
                self.rows.move_cursor(key);
                self.scrolled = 0;
            }
        }
        ViewAction::None
    }

    /// Takes back the latest of what was opened. Never quits: a second Escape too many would go to the shell.
    fn go_back(&mut self, now: Instant) {
        if self.details {
            self.details = false;
        } else if !self.filter.is_empty() {
            self.set_filter(String::new());
        } else if self.skipped > 0 {
            self.skipped = 0;
        } else if self.rows.tree {
            self.rows.toggle_tree();
        } else {
            self.say("press q to quit".to_owned(), now);
        }
    }

    fn press_in_help(&mut self, key: KeyPress) {
        let Mode::Help(scrolled) = &mut self.mode else { return };
        match key {
            KeyPress::Up | KeyPress::Letter('k') => *scrolled = scrolled.saturating_sub(1),
            KeyPress::Down | KeyPress::Letter('j') => *scrolled = scrolled.saturating_add(1),
            KeyPress::PageUp => *scrolled = scrolled.saturating_sub(PAGE),
            KeyPress::PageDown => *scrolled = scrolled.saturating_add(PAGE),
            KeyPress::Escape | KeyPress::Enter | KeyPress::Function(1 | 10) | KeyPress::Letter('?' | 'h' | 'q') => {
                self.mode = Mode::Table;
            }
            _ => {}
        }
    }

    fn press_in_menu(&mut self, key: KeyPress) {
        let Mode::Menu(menu) = &mut self.mode else { return };
        match (key, menu.kind) {
            (KeyPress::Escape | KeyPress::Letter('q'), _) | (KeyPress::Enter, MenuKind::Columns) => {
                self.mode = Mode::Table;
            }
            (KeyPress::Enter, MenuKind::Sort) => {
                let field = menu.selected();
                self.mode = Mode::Table;
                self.rows.sort_by(field);
            }
            (KeyPress::Letter(' '), MenuKind::Columns) => {
                menu.toggle();
                let chosen = menu.chosen();
                self.rows.choose(chosen, &self.page, &self.filter);
            }
            (key, _) => menu.move_cursor(key),
        }
    }

    fn type_into_filter(&mut self, key: KeyPress) {
        let mut filter = self.filter.clone();

        match key {
            KeyPress::Letter(letter) if filter.chars().count() < MAX_FILTER_CHARS => filter.push(letter),
            KeyPress::Backspace => drop(filter.pop()),
            KeyPress::Erase => filter.clear(),
            KeyPress::Enter => self.mode = Mode::Table,
            KeyPress::Escape => {
                self.mode = Mode::Table;
                filter.clear();
            }
            key => self.rows.move_cursor(key),
        }

        if filter != self.filter {
            self.set_filter(filter);
        }
    }

    fn set_filter(&mut self, filter: String) {
        self.rows.filter(&filter);
        self.filter = filter;
    }

    fn pause(&mut self) {
        self.paused = if self.paused.is_some() { None } else { Some(0) };
    }

    /// The cells of the row, separated by tabs as spreadsheets expect it.
    fn copy(&mut self, now: Instant) -> ViewAction {
        let Some(cells) = self.rows.selected_cells() else { return ViewAction::None };
        let text = cells.join("\t");
        self.say("sent the row to the terminal's clipboard".to_owned(), now);
        ViewAction::Copy(text)
    }

    fn prepare_kill(&mut self) -> ViewAction {
        self.rows.pin_cursor();
        self.rows.selected().map_or(ViewAction::None, |row| ViewAction::PrepareKill(Arc::clone(&row.service)))
    }

    /// Asks a question; any key but `y` is a no.
    pub(crate) fn ask(&mut self, question: String) {
        self.mode = Mode::Question(question);
    }

    /// Handles the mouse.
    pub(crate) fn point(&mut self, press: MousePress, (x, y): (u16, u16)) {
        let is_up = press == MousePress::WheelUp;
        let key = if is_up { KeyPress::Up } else { KeyPress::Down };

        match (&mut self.mode, press) {
            (Mode::Table | Mode::Filter, MousePress::Click) => self.click(x, y),
            (Mode::Table | Mode::Filter, _) if self.places.is_in_details(x, y) => {
                self.scrolled = if is_up { self.scrolled.saturating_sub(1) } else { self.scrolled.saturating_add(1) };
            }
            (Mode::Table | Mode::Filter, _) => (0..WHEEL_ROWS).for_each(|_| self.rows.move_cursor(key)),
            (Mode::Help(_), MousePress::WheelUp | MousePress::WheelDown) => self.press_in_help(key),
            (Mode::Menu(menu), MousePress::WheelUp | MousePress::WheelDown) => menu.move_cursor(key),
            (Mode::Help(_) | Mode::Menu(_) | Mode::Question(_), _) => {}
        }
    }

    /// Selects the row, or sorts by the column whose name was clicked; twice reverses.
    fn click(&mut self, x: u16, y: u16) {
        if let Some(field) = self.places.header_at(x, y) {
            if self.rows.sorted_by == Some(field) {
                self.rows.reverse();
            } else {
                self.rows.sort_by(Some(field));
            }
        } else if let Some(line) = self.places.line_at(x, y) {
            self.rows.select(line);
            self.scrolled = 0;
        }
    }
}
