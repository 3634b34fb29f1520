//! The speed of a scan: limits for the whole scan, and windows that follow the network's capacity.

use std::time::Duration;

/// The limits of one thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanTiming {
    /// The initial number of open probes to one host.
    pub(super) first_window: f32,
    /// The maximum number of open probes to one host.
    pub(super) widest: f32,
    /// The timeout before the first reply, in microseconds.
    pub(super) first_timeout: u64,
    /// The minimum timeout in microseconds: a host that is busy for a moment is not silent.
    pub(super) least_timeout: u64,
    /// The maximum timeout of one attempt, in microseconds.
    pub(super) max_timeout: u64,
    /// The maximum number of retries of a silent port; `None`: as many as the measured loss requires.
    pub(super) retries: Option<u8>,
    /// Microseconds between two probes.
    pub(super) interval: Option<f64>,
    /// The number of threads that share each host's ports, and so see only a part of its replies.
    pub(super) sharers: u32,
    /// Whether all attempts at a port send the same packet, so that a reply does not show which attempt it belongs to.
    pub(super) same: bool,
}

/// How fast a scan goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TimingTemplate {
    /// At most 200 probes per second and 16 open at a time, for networks that must not be disturbed
    Polite,
    /// As fast as replies arrive
    #[default]
    Normal,
    /// Like normal, with shorter timeouts and a larger initial window, for a reliable network
    Fast,
}

/// The `--rate` of the polite template.
const POLITE_RATE: u32 = 200;

impl ScanTiming {
    /// The same for a host without a router on the way: two fifths of the timeout before the first reply, which is 200 ms in
    /// the normal template. Its round trip takes a few milliseconds, or 100 where a station sleeps between two beacons of its
    /// wireless network. A slower host loses nothing: silent ports are retried with the maximum timeout.
    pub(super) fn on_link(self) -> Self {
        Self { first_timeout: (self.first_timeout * 2 / 5).max(self.least_timeout), ..self }
    }

    /// The pace of each of `threads` threads.
    pub(super) fn new(
        template: TimingTemplate,
        timeout: Duration,
        retries: Option<u8>,
        rate: Option<u32>,
        threads: usize,
    ) -> Self {
        let max_timeout = micros(timeout).max(1);

        // RFC 6298 starts with a second; a port matters less than a connection, and is retried.
        let (first_window, widest, first_timeout, least_timeout) = match template {
            TimingTemplate::Polite => (4.0, 16.0, 1_000_000, 200_000),
            TimingTemplate::Normal => (256.0, 1e6, 500_000, 50_000),
            TimingTemplate::Fast => (1024.0, 1e6, 300_000, 30_000),
        };

        let share = f32::from(u16::try_from(threads).unwrap_or(u16::MAX)).max(1.0);
        let rate = rate.or((template == TimingTemplate::Polite).then_some(POLITE_RATE));

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

/// The number of probes that may be open at a time: doubles every round trip while replies arrive in time, then grows by one
/// per round trip, and shrinks when too many are lost (TCP's congestion avoidance, RFC 5681, applied to probes).
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: f32,
    /// The size up to which it doubles.
    threshold: f32,
    widest: f32,
    narrowest: f32,
    /// When it last shrank, in milliseconds on the thread's clock.
    cut: u32,
    /// The recent share of late replies.
    late: f32,
}

/// The weight of one probe in a share of late or lost ones.
pub(super) const GAIN: f32 = 1.0 / 256.0;
/// A loss up to this share, every seventh, is the line's own and not a reason to slow down. A window that is too wide for a
/// line of limited rate soon loses far more.
const TOLERATED: f32 = 0.15;

/// The growth of the window per unanswered probe in a round. The silence of a host that answers nothing says nothing about
/// the path to it, and with 256 open probes a filtered host would take minutes.
const SILENT_GROWTH: f32 = 7.0;

impl Window {
    pub(super) fn new(first: f32, widest: f32) -> Self {
        // A lower limit: loss with another cause than too many probes would close the window for nothing.
        Self { size: first, threshold: f32::INFINITY, widest, narrowest: (first / 2.0).max(1.0), cut: 0, late: 0.0 }
    }

    /// Whether one more probe may be open beside `open` others.
    pub(super) fn takes(&self, open: u32) -> bool {
        // At least one, or the scan would stop.
        open == 0 || (f64::from(open)) < f64::from(self.size)
    }

    /// Records a reply.
    pub(super) fn answered(&mut self) {
        self.late -= self.late * GAIN;
        self.grow(1.0);
    }

    /// Records a timeout; `alone`: from a host that hardly ever replies. It may be a loss, so many of them stop the doubling
    /// until that is known.
    pub(super) fn silent(&mut self, alone: bool) {
        self.late += (1.0 - self.late) * GAIN;
        if alone {
            // The timeouts that stopped the doubling were not losses, unless one was confirmed.
            if self.cut == 0 {
                self.threshold = f32::INFINITY;
            }
            self.size = (self.size + SILENT_GROWTH * self.step(false)).min(self.widest);
        }
    }

    /// Records the reply to a retry, which shows that the first probe or its reply was lost. If `share` exceeds the line's
    /// own loss, the window shrinks by `cut` of its size, once for all losses that show within `span` milliseconds.
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

    /// The growth per reply.
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
    fn silence_widens_only_where_no_host_ever_answers() {
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
    fn threads_share_their_limits() {
        let pace = ScanTiming::new(TimingTemplate::Polite, Duration::from_secs(3), None, Some(100), 2);
        assert!((pace.interval.unwrap() - 20_000.0).abs() < 1e-6);
        assert!((pace.widest - 8.0).abs() < 1e-6);
        let short = ScanTiming::new(TimingTemplate::Normal, Duration::from_millis(30), None, None, 1);
        assert_eq!((short.first_timeout, short.least_timeout), (30_000, 30_000));
        assert_eq!(short.on_link().first_timeout, 30_000);
    }
}
