//! What is known of a host while it is scanned.

use super::pace::{GAIN, Pace, Window};
use crate::net::WaitDecision;

/// A host on its way through the scan: 80 bytes, for there may be tens of thousands at a time.
#[derive(Clone, Debug)]
pub(super) struct HostScan {
    /// Its number among all addresses.
    pub(super) number: u64,
    /// The next step of its order of ports.
    pub(super) next: u32,
    /// Questions that wait for an answer and are not late.
    pub(super) open: u32,
    pub(super) window: Window,
    /// Smoothed round trip and its variance in microseconds (RFC 6298); 0: none was seen.
    rtt: u32,
    variance: u32,
    /// The shortest round trip that was seen.
    shortest: u32,
    /// Ports that answered the first time they were asked.
    answered: u32,
    /// Ports that answered only when asked again.
    answered_again: u32,
    /// Ports that did not answer in time when first asked.
    silent: u32,
    /// Ports whose second attempt has ended.
    again: u32,
    /// Second attempts begun.
    again_begun: u32,
    /// What share of questions is lost of late.
    loss: f32,
    /// How often a second look at once brought the verdict: a moving average, 255 is always.
    quick: u8,
    /// Whether it stands in the queue of those that may be asked.
    pub(super) queued: bool,
    pub(super) presence: HostState,
    /// Questions whether somebody is there that had no answer.
    pub(super) missed: u8,
}

/// Whether anybody is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostState {
    /// Not known yet.
    Unknown,
    /// Somebody is, or is taken to be.
    There,
    /// Nobody has answered.
    Absent,
}

/// So many silent ports are asked again before the rest is judged by them.
const SAMPLE: u32 = 200;
/// How often a silent port is asked again as long as nothing tells whether that helps.
const MIN_RETRIES: u8 = 2;
/// More than this brings nothing at any loss that can be worked with.
const MAX_RETRIES: u8 = 25;
/// Retrying ends when fewer answers than this are still to be expected: of all ports, open or closed.
const EXPECTED: f64 = 0.02;
/// An average above this makes the second look worth its system call.
const PROBE_TWICE_THRESHOLD: u8 = 40;
/// The kernel repeats a SYN after a second: an answer that late may be one to the repetition, and is a sample only where
/// nothing better is known.
const KERNEL_REPEATS: u64 = 1_000_000;
/// Linux answers the same SYN again at most every half second (`tcp_invalid_ratelimit`, 500 ms): asked sooner it is silent,
/// and that says nothing. With one tick of its slowest clock to spare.
const ANSWER_REPEATS: u64 = 510_000;

impl HostScan {
    pub(super) fn new(number: u64, first: u32, pace: &Pace, presence: HostState) -> Self {
        Self {
            number,
            next: first,
            open: 0,
            window: Window::new(pace.first_window, pace.widest),
            rtt: 0,
            variance: 0,
            shortest: u32::MAX,
            answered: 0,
            answered_again: 0,
            silent: 0,
            again: 0,
            again_begun: 0,
            loss: 0.0,
            quick: 128,
            queued: presence == HostState::There,
            presence,
            missed: 0,
        }
    }

    /// How long an attempt may wait, in microseconds. As long as no round trip is known, which may be a long one, the second
    /// attempt is given as much as there is: the kernel repeats it meanwhile. Where one is known, a port asked again is
    /// given four times as long, for it may be slower than others; and twice as long each time after that.
    pub(super) fn timeout(&self, pace: &Pace, attempt: u8) -> u64 {
        let timeout = match (self.rtt, attempt) {
            (0, 0 | 1) => pace.first_timeout,
            (0, _) => pace.max_timeout,
            (_, attempt) => {
                let times = [1, 4, 2][usize::from(attempt.clamp(1, 3)) - 1];
                let least = if pace.same && attempt > 1 { ANSWER_REPEATS } else { 0 };
                (self.expected().max(pace.least_timeout) * times).max(least)
            }
        };
        timeout.min(pace.max_timeout)
    }

    /// The time by which an answer should have come (RFC 6298, section 2), in microseconds.
    fn expected(&self) -> u64 {
        u64::from(self.rtt) + 4 * u64::from(self.variance)
    }

    /// What to think of an attempt that has waited so long.
    pub(super) fn patience(&self, pace: &Pace, attempt: u8, waited: u64) -> WaitDecision {
        let late = if self.rtt == 0 { pace.first_timeout } else { self.expected().max(pace.least_timeout) } / 2;
        match waited {
            waited if waited >= self.timeout(pace, attempt) => WaitDecision::Expired,
            waited if waited >= late.max(self.expected()) => WaitDecision::Late,
            _ => WaitDecision::Waits,
        }
    }

    /// For how many milliseconds losses come to light that one window caused: a lost question is known as lost only
    /// when its time is over and the next one is answered.
    pub(super) fn loss_span(&self, pace: &Pace) -> u32 {
        let span = self.timeout(pace, 1).saturating_add(self.rtt.into()) / 1000;
        u32::try_from(span).unwrap_or(u32::MAX)
    }

    /// What share of questions is lost of late.
    pub(super) fn loss(&self) -> f32 {
        self.loss
    }

    /// Takes an answer to that attempt after so many microseconds; whether it tells of a loss. One that took longer than
    /// a first attempt may wait does not: the attempts before were only given up too early.
    pub(super) fn take_answer(&mut self, pace: &Pace, attempt: u8, micros: u64) -> bool {
        self.again += u32::from(attempt == 2);
        let unclear = pace.same && attempt > 1;
        // As long as nothing is known the answer may be the one that the first attempt did not wait for.
        let micros = if unclear && self.rtt == 0 { micros.saturating_add(pace.first_timeout) } else { micros };
        // It came sooner than any can, so it is an earlier attempt's (as RFC 5682 finds needless repetitions). Not by the
        // smoothed round trip: where we were not let run for a while that is too long, and losses would not be seen.
        let earlier = unclear && micros < u64::from(self.shortest) / 2;
        let attempt = if earlier || micros > pace.first_timeout { 1 } else { attempt };
        // Karn's rule (RFC 6298, section 3): what answers a repeated question is no sample.
        let sample = !unclear && (micros < KERNEL_REPEATS || self.expected() > KERNEL_REPEATS);
        if sample || self.rtt == 0 {
            self.take_round_trip(u32::try_from(micros).unwrap_or(u32::MAX));
        }
        if attempt == 1 {
            self.answered += 1;
        } else {
            self.answered_again += 1;
        }
        for _ in 1..attempt {
            self.loss += (1.0 - self.loss) * GAIN;
        }
        self.loss -= self.loss * GAIN;
        self.window.answered();
        attempt > 1
    }

    /// RFC 6298, section 2, with its gains of 1/8 and 1/4.
    fn take_round_trip(&mut self, sample: u32) {
        self.shortest = self.shortest.min(sample.max(1));
        if self.rtt == 0 {
            (self.rtt, self.variance) = (sample.max(1), sample / 2);
        } else {
            self.variance = self.variance - self.variance / 4 + self.rtt.abs_diff(sample) / 4;
            self.rtt = (self.rtt - self.rtt / 8 + sample / 8).max(1);
        }
    }

    /// Takes word that an attempt's answer is late: that it will not come, for all that the window has to do with it.
    pub(super) fn take_lateness(&mut self, attempt: u8) {
        self.silent += u32::from(attempt == 1);
        self.window.silent(self.hardly_answers());
    }

    /// Takes word that an attempt stayed without an answer.
    pub(super) fn take_silence(&mut self, attempt: u8) {
        self.again += u32::from(attempt == 2);
    }

    /// Takes word that what was late has come after all.
    pub(super) fn take_late_answer(&mut self, attempt: u8) {
        self.silent -= u32::from(attempt == 1 && self.silent > 0);
    }

    /// Whether it is silent at nearly everything that it is asked.
    pub(super) fn hardly_answers(&self) -> bool {
        u64::from(self.answered + self.answered_again) * 4 < u64::from(self.silent)
    }

    /// Takes word that an attempt ended and says nothing of the host.
    pub(super) fn leave(&mut self, attempt: u8) {
        self.again += u32::from(attempt == 2);
    }

    /// Takes word that a port is asked again.
    pub(super) fn begin_again(&mut self, attempt: u8) {
        self.again_begun += u32::from(attempt == 2);
    }

    /// Whether enough is being asked again already to judge all other silent ports by.
    pub(super) fn awaits_sample(&self) -> bool {
        self.again < SAMPLE && self.again_begun >= SAMPLE && self.answered + self.answered_again == 0
    }

    /// Whether a port that was silent so many times is worth another attempt: always for a few; then as long as, by the
    /// loss that is seen, an answer is still to be expected from any of them. Where nothing at all was answered, not
    /// even by the first hundreds when asked again, the silent ones are filtered and not lost.
    ///
    /// That none of the answers needed a second attempt does not say that none is lost: the estimate is Jeffreys', which
    /// leaves half an answer to doubt (Brown, Cai and DasGupta, Statistical Science 16, 2001).
    pub(super) fn is_worth_asking_again(&self, pace: &Pace, silences: u8) -> bool {
        if silences > pace.retries.unwrap_or(MAX_RETRIES) {
            return false;
        }
        let answers = f64::from(self.answered + self.answered_again);
        // The kernel repeats what waits so long, so that it was asked three times already.
        let repeated = answers == 0.0 && pace.max_timeout > KERNEL_REPEATS;
        let few = if repeated { MIN_RETRIES - 1 } else { MIN_RETRIES };
        if self.again < SAMPLE && silences <= pace.retries.unwrap_or(few) {
            return true;
        }
        if answers == 0.0 {
            return false;
        }
        // Others who ask the same host see as much.
        let (answers, again) = (answers * f64::from(pace.sharers), f64::from(self.answered_again * pace.sharers));
        // Losses come in bursts: what is lost of late counts where that is more.
        let loss = ((again + 0.5) / (answers + 1.0)).max(self.loss.into()).min(0.9);
        answers * loss.powi(silences.into()) > EXPECTED
    }

    /// Whether a second look right after the question is worth it.
    pub(super) fn is_quick(&self) -> bool {
        self.quick > PROBE_TWICE_THRESHOLD
    }

    /// Takes word of whether a second look brought the verdict.
    pub(super) fn take_look(&mut self, helped: bool) {
        self.quick = if helped { self.quick + (u8::MAX - self.quick).div_ceil(8) } else { self.quick - self.quick / 8 };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::scan::pace::TimingTemplate;

    fn host() -> (HostScan, Pace) {
        let pace = Pace::new(TimingTemplate::Normal, Duration::from_secs(3), None, None, 1);
        (HostScan::new(0, 0, &pace, HostState::There), pace)
    }

    #[test]
    fn a_host_is_small() {
        assert!(size_of::<HostScan>() <= 80, "{}", size_of::<HostScan>());
    }

    #[test]
    fn the_timeout_follows_the_round_trip() {
        let (mut host, pace) = host();
        assert_eq!(host.timeout(&pace, 1), 500_000);
        host.take_answer(&pace, 1, 200_000);
        assert_eq!(host.timeout(&pace, 1), 600_000);
        (0..50).for_each(|_| {
            host.take_answer(&pace, 1, 200_000);
        });
        assert!((200_000..210_000).contains(&host.timeout(&pace, 1)), "{}", host.timeout(&pace, 1));
        assert_eq!(host.timeout(&pace, 2), host.timeout(&pace, 1) * 4);
        assert_eq!(host.timeout(&pace, 3), host.timeout(&pace, 1) * 2);
        let short = Pace { max_timeout: 250_000, ..pace };
        assert_eq!(host.timeout(&short, 2), 250_000, "never longer than asked for");
        (0..100).for_each(|_| {
            host.take_answer(&pace, 1, 50);
        });
        assert_eq!(host.timeout(&pace, 1), 50_000, "never shorter than the floor");
        host.take_answer(&pace, 1, 1_500_000);
        assert_eq!(host.timeout(&pace, 1), 50_000, "an answer to a repeated SYN is no sample");
    }

    #[test]
    fn an_answer_to_the_same_question_again_is_no_sample() {
        let (mut host, pace) = host();
        let pace = Pace { same: true, ..pace };
        assert!(!host.take_answer(&pace, 2, 100_000), "it may be the first attempt's");
        assert_eq!(host.rtt, 600_000, "and then took so long");
        assert!(!host.take_answer(&pace, 2, 100_000), "sooner than any can come");
        assert!(host.take_answer(&pace, 2, 400_000));
        assert_eq!((host.rtt, host.variance), (600_000, 300_000));
        host.take_answer(&pace, 1, 50_000);
        assert!(host.rtt > 500_000 && host.take_answer(&pace, 2, 30_000), "one of all was that fast");
        (0..50).for_each(|_| {
            host.take_answer(&pace, 1, 50_000);
        });
        assert!(host.rtt < 60_000);
        assert!(host.timeout(&pace, 1) < 100_000);
        assert_eq!([2, 3].map(|attempt| host.timeout(&pace, attempt)), [510_000; 2], "sooner it is not answered");
    }

    #[test]
    fn a_round_trip_longer_than_the_kernels_patience_is_learned() {
        let (mut host, pace) = host();
        assert_eq!(host.timeout(&pace, 2), 3_000_000);
        (0..50).for_each(|_| {
            host.take_answer(&pace, 2, 1_200_000);
        });
        assert!((1_200_000..1_300_000).contains(&host.timeout(&pace, 1)), "{}", host.timeout(&pace, 1));
    }

    #[test]
    fn what_is_late_leaves_the_window_before_it_is_given_up() {
        let (mut host, pace) = host();
        assert_eq!(host.patience(&pace, 1, 249_999), WaitDecision::Waits);
        assert_eq!(host.patience(&pace, 1, 250_000), WaitDecision::Late);
        assert_eq!(host.patience(&pace, 1, 500_000), WaitDecision::Expired);
        (0..100).for_each(|_| {
            host.take_answer(&pace, 1, 50);
        });
        let at = |micros| host.patience(&pace, 1, micros);
        assert_eq!(
            [at(24_999), at(25_000), at(50_000)],
            [WaitDecision::Waits, WaitDecision::Late, WaitDecision::Expired]
        );
        assert_eq!(host.patience(&pace, 2, 50_000), WaitDecision::Late);
    }

    #[test]
    fn silence_is_asked_again_a_few_times_until_it_is_known_to_be_a_filter() {
        let (mut host, pace) = host();
        assert!(host.is_worth_asking_again(&pace, 1) && !host.is_worth_asking_again(&pace, 2));
        let short = Pace { max_timeout: 100_000, ..pace };
        assert!(host.is_worth_asking_again(&short, 2) && !host.is_worth_asking_again(&short, 3));
        for _ in 0..SAMPLE {
            host.take_lateness(1);
            host.begin_again(2);
        }
        assert!(host.awaits_sample());
        (0..SAMPLE).for_each(|_| host.take_silence(2));
        assert!(!host.awaits_sample() && !host.is_worth_asking_again(&pace, 1));
    }

    #[test]
    fn a_host_that_answers_at_all_is_asked_again_for_what_may_be_lost() {
        let (mut host, pace) = host();
        (0..20).for_each(|_| {
            host.take_answer(&pace, 1, 100);
        });
        for _ in 0..SAMPLE {
            host.take_lateness(1);
            host.begin_again(2);
            host.take_silence(2);
        }
        assert!(host.is_worth_asking_again(&pace, 1), "one in forty may be lost");
        assert!(!host.is_worth_asking_again(&pace, 2), "and lost again one in 1,600");
    }

    #[test]
    fn what_others_see_of_the_host_is_counted_in() {
        let (mut host, pace) = host();
        (0..10).for_each(|_| {
            host.take_answer(&pace, 1, 100);
        });
        for _ in 0..SAMPLE {
            host.take_lateness(1);
            host.begin_again(2);
            host.take_silence(2);
        }
        assert!(host.is_worth_asking_again(&pace, 2), "0.021 of ten may be lost twice");
        let shared = Pace { sharers: 2, ..pace };
        assert!(host.is_worth_asking_again(&shared, 1) && !host.is_worth_asking_again(&shared, 2));
    }

    #[test]
    fn an_answer_that_only_comes_late_is_no_loss() {
        let (mut host, pace) = host();
        assert!(!host.take_answer(&pace, 2, 700_000) && host.take_answer(&pace, 2, 100));
    }

    #[test]
    fn loss_is_asked_again_until_nothing_more_is_expected() {
        let (mut host, pace) = host();
        for n in 0..1000 {
            if n % 10 < 7 {
                host.take_answer(&pace, 1, 100);
            } else {
                host.take_lateness(1);
                host.begin_again(2);
                host.take_answer(&pace, 2, 100);
            }
        }
        assert!(host.is_worth_asking_again(&pace, 8), "1,000 ports, 30% lost: 0.066 are still to come");
        assert!(!host.is_worth_asking_again(&pace, 9));
        let told = Pace { retries: Some(3), ..pace };
        assert!(host.is_worth_asking_again(&told, 3) && !host.is_worth_asking_again(&told, 4));
        let once = Pace { retries: Some(0), ..pace };
        assert!(!host.is_worth_asking_again(&once, 1));
    }

    #[test]
    fn the_share_of_losses_follows_the_answers() {
        let (mut host, pace) = host();
        (0..2000).for_each(|n| {
            host.take_answer(&pace, if n % 100 == 0 { 2 } else { 1 }, 100);
        });
        assert!((0.005..0.03).contains(&host.loss()), "{}", host.loss());
        (0..2000).for_each(|_| {
            host.take_answer(&pace, 4, 100);
        });
        assert!((0.7..0.8).contains(&host.loss()), "{}", host.loss());
        assert_eq!(host.loss_span(&pace), 50);
    }

    #[test]
    fn the_second_look_is_dropped_where_it_never_helps() {
        let (mut host, _) = host();
        (0..10).for_each(|_| host.take_look(false));
        assert!(!host.is_quick());
        (0..10).for_each(|_| host.take_look(true));
        assert!(host.is_quick());
    }
}
