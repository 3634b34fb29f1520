//! How fast to ask: limits that hold for the whole scan, and windows that follow what the network takes.

use std::time::Duration;

/// What bounds the pace of one thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Questions to one host that may be open at the beginning.
    pub(super) first_window: f32,
    /// Questions to one host that may ever be open.
    pub(super) widest: f32,
    /// How long to wait for an answer as long as none has come, in microseconds.
    pub(super) first_timeout: u64,
    /// The least that is ever waited, in microseconds: a host that is busy for a moment is not silent.
    pub(super) least_timeout: u64,
    /// The most that one attempt is given, in microseconds.
    pub(super) max_timeout: u64,
    /// How often a silent port is asked again at most; `None`: as the loss that is seen asks for.
    pub(super) retries: Option<u8>,
    /// Microseconds between two questions.
    pub(super) interval: Option<f64>,
    /// How many threads share each host's ports, so that each sees only its part of the answers.
    pub(super) sharers: u32,
    /// Whether all attempts at a port send the same question, so that an answer does not tell which of them it is for.
    pub(super) same: bool,
}

/// The paces that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TimingTemplate {
    /// At most 200 questions a second and 16 open at a time, for networks that must not notice
    Polite,
    /// As fast as answers come
    #[default]
    Normal,
    /// The same with shorter waits and a wider beginning, for a network known to be good
    Fast,
}

/// What `--rate` is where a tempo has one of its own.
const POLITE_RATE: u32 = 200;

impl Pace {
    /// The pace of each of so many threads.
    pub(super) fn new(
        tempo: TimingTemplate,
        timeout: Duration,
        retries: Option<u8>,
        rate: Option<u32>,
        threads: usize,
    ) -> Self {
        let max_timeout = micros(timeout).max(1);
        // RFC 6298 begins with a second; a port is worth less than a connection, and is asked again.
        let (first_window, widest, first_timeout, least_timeout) = match tempo {
            TimingTemplate::Polite => (4.0, 16.0, 1_000_000, 200_000),
            TimingTemplate::Normal => (256.0, 1e6, 500_000, 50_000),
            TimingTemplate::Fast => (1024.0, 1e6, 300_000, 30_000),
        };
        let share = f32::from(u16::try_from(threads).unwrap_or(u16::MAX)).max(1.0);
        let rate = rate.or((tempo == TimingTemplate::Polite).then_some(POLITE_RATE));
        Self {
            first_window: (first_window / share).max(1.0),
            widest: (widest / share).max(1.0),
            first_timeout: first_timeout.min(max_timeout),
            least_timeout: least_timeout.min(max_timeout),
            max_timeout,
            retries,
            interval: rate.map(|rate| 1e6 * f64::from(share) / f64::from(rate.max(1))),
            sharers: 1,
            same: false,
        }
    }
}

/// A duration in microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How many questions may be open at a time: doubled every round trip while answers come in time, then one more each, and
/// cut where too many were lost (the congestion avoidance of TCP, RFC 5681, applied to questions).
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: f32,
    /// Up to here it doubles.
    threshold: f32,
    widest: f32,
    narrowest: f32,
    /// When it was cut, in milliseconds on the thread's clock.
    cut: u32,
    /// What share of the answers is late of late.
    late: f32,
}

/// What one question weighs in a share of late or of lost ones.
pub(super) const GAIN: f32 = 1.0 / 256.0;
/// A share of losses up to this is the line's own and no reason to slow down: every seventh. A window that is too wide
/// for a line of limited rate soon loses far more.
const TOLERATED: f32 = 0.15;

/// What a round of questions to which nobody answers may grow the window by, for each of them. Silence of a host that
/// answers nothing says nothing of the way there, and with 256 open questions a filtered host would take minutes.
const SILENT_GROWTH: f32 = 7.0;

impl Window {
    pub(super) fn new(first: f32, widest: f32) -> Self {
        // Loss that does not come from too many questions would close the window for nothing.
        Self { size: first, threshold: f32::INFINITY, widest, narrowest: (first / 2.0).max(1.0), cut: 0, late: 0.0 }
    }

    /// Whether one more question may be open beside these.
    pub(super) fn takes(&self, open: u32) -> bool {
        // At least one, or nothing would ever move again.
        open == 0 || (f64::from(open)) < f64::from(self.size)
    }

    /// An answer came.
    pub(super) fn answered(&mut self) {
        self.late -= self.late * GAIN;
        self.grow(1.0);
    }

    /// No answer came in time; `alone`: from a host that hardly ever answers. Perhaps a loss: until it is known, where
    /// there are many, no doubling.
    pub(super) fn silent(&mut self, alone: bool) {
        self.late += (1.0 - self.late) * GAIN;
        if alone {
            // What stopped the doubling before was no loss, as long as none has shown.
            if self.cut == 0 {
                self.threshold = f32::INFINITY;
            }
            self.size = (self.size + SILENT_GROWTH * self.step(false)).min(self.widest);
        }
    }

    /// A question that was silent has been answered when it was asked again, so it or its answer was lost. Where the share
    /// of those is more than a line loses by itself, the window is cut by `cut` of its size, once for all losses that
    /// come to light within `span` milliseconds.
    pub(super) fn lost(&mut self, now: u32, span: u32, share: f32, cut: f32) {
        if share > TOLERATED && now.saturating_sub(self.cut) >= span.max(1) {
            self.threshold = (self.size * (1.0 - cut)).max(self.narrowest);
            self.size = self.threshold;
            self.cut = now;
        }
    }

    fn grow(&mut self, by: f32) {
        self.size = (self.size + by * self.step(self.late > TOLERATED)).min(self.widest);
    }

    /// What one answer widens it by.
    fn step(&self, hold: bool) -> f32 {
        if self.size < self.threshold && !hold { 1.0 } else { 1.0 / self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(window: &mut Window, count: usize, what: impl Fn(&mut Window)) -> f32 {
        (0..count).for_each(|_| what(window));
        window.size
    }

    #[test]
    fn a_window_doubles_until_a_loss_and_then_grows_by_one_each_round() {
        let mut window = Window::new(256.0, 1e6);
        assert!((after(&mut window, 256, Window::answered) - 512.0).abs() < 1.0);
        window.lost(90, 20, 0.1, 0.5);
        assert!((window.size - 512.0).abs() < 1.0, "one in ten is the line's own");
        window.lost(100, 20, 0.5, 0.5);
        window.lost(110, 20, 0.5, 0.5);
        assert!((window.size - 256.0).abs() < 1.0, "one loss in a round trip counts once");
        let more = after(&mut window, 256, Window::answered);
        assert!((more - 257.0).abs() < 0.1, "{more}");
    }

    #[test]
    fn silence_widens_only_where_nobody_ever_answers() {
        let mut window = Window::new(256.0, 5000.0);
        assert!((after(&mut window, 256, |window| window.silent(true)) - 2048.0).abs() < 1.0);
        assert!((after(&mut window, 100, |window| window.silent(false)) - 2048.0).abs() < 1.0);
        let more = after(&mut window, 100, Window::answered);
        assert!(more < 2050.0, "suspected losses hold the doubling: {more}");
        assert!(after(&mut window, 2048, Window::answered) > 3000.0, "until answers come in time again");
        assert!(after(&mut Window::new(256.0, 5000.0), 100_000, Window::answered) <= 5000.0);
    }

    #[test]
    fn a_window_never_closes() {
        let mut window = Window::new(1.0, 1e6);
        (1..100).for_each(|round| window.lost(round * 100, 1, 0.5, 0.5));
        assert!(window.takes(0) && !window.takes(1));
        let mut window = Window::new(256.0, 1e6);
        (1..100).for_each(|round| window.lost(round * 100, 1, 0.5, 0.5));
        assert!(window.takes(127) && !window.takes(128));
    }

    #[test]
    fn threads_share_what_bounds_them() {
        let pace = Pace::new(TimingTemplate::Polite, Duration::from_secs(3), None, Some(100), 2);
        assert!((pace.interval.unwrap() - 20_000.0).abs() < 1e-6);
        assert!((pace.widest - 8.0).abs() < 1e-6);
        let short = Pace::new(TimingTemplate::Normal, Duration::from_millis(30), None, None, 1);
        assert_eq!((short.first_timeout, short.least_timeout), (30_000, 30_000));
    }
}
