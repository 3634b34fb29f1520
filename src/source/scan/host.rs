//! The measurements of one host while it is scanned.

use super::pace::{GAIN, ScanTiming, Window};
use crate::net::WaitDecision;

/// A host in progress: 80 bytes, because tens of thousands can be in progress at a time.
#[derive(Clone, Debug)]
pub(super) struct HostScan {
    /// Its number among all addresses.
    pub(super) number: u64,
    /// The next step of its order of ports.
    pub(super) next: u32,
    /// Probes that wait for a reply and are not late.
    pub(super) open: u32,
    pub(super) window: Window,
    /// Smoothed round trip and its variance in microseconds (RFC 6298); 0: no sample yet.
    rtt: u32,
    variance: u32,
    /// The shortest round trip.
    shortest: u32,
    /// Ports that replied to the first attempt.
    answered: u32,
    /// Ports that replied only to a retry.
    answered_again: u32,
    /// Ports whose first attempt timed out.
    silent: u32,
    /// Ports whose second attempt has finished.
    again: u32,
    /// Second attempts sent.
    again_begun: u32,
    /// The recent share of lost probes.
    loss: f32,
    /// How often an immediate second check found the result: a moving average, 255 is always.
    quick: u8,
    /// Whether the host is in the ready queue.
    pub(super) queued: bool,
    pub(super) presence: HostState,
    /// Unanswered host discovery probes.
    pub(super) missed: u8,
}

/// Whether a host exists at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostState {
    /// Not known yet.
    Unknown,
    /// Found, or assumed to exist.
    Present,
    /// No reply.
    Absent,
}

/// Silent ports retried before the result decides about the others.
const SAMPLE: u32 = 200;
/// Retries of a silent port while it is unknown whether they help.
const MIN_RETRIES: u8 = 2;
/// More retries bring nothing at any loss that a scan can work with.
const MAX_RETRIES: u8 = 25;
/// Retries end when fewer replies than this are expected from all silent ports together.
const MIN_EXPECTED_REPLIES: f64 = 0.02;
/// An average above this makes the second check worth its system call.
const PROBE_TWICE_THRESHOLD: u8 = 40;
/// The kernel retransmits a SYN after a second: a later reply may belong to the retransmission, and is a sample only while
/// there is no better one.
const KERNEL_RETRANSMIT: u64 = 1_000_000;
/// Linux answers the same SYN again at most every half second (`tcp_invalid_ratelimit`, 500 ms): an earlier retry gets no
/// reply, which proves nothing. One tick of the slowest kernel clock is added.
const REPLY_RATE_LIMIT: u64 = 510_000;

impl HostScan {
    pub(super) fn new(number: u64, first: u32, pace: &ScanTiming, presence: HostState) -> Self {
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
            queued: presence == HostState::Present,
            presence,
            missed: 0,
        }
    }

    /// The timeout of an attempt in microseconds. Without a known round trip, which may be long, the second attempt gets
    /// the maximum: the kernel retransmits it meanwhile. With one, a retry gets four times the usual timeout, because the
    /// port may be slower than others, and later retries get twice the usual timeout.
    pub(super) fn timeout(&self, pace: &ScanTiming, attempt: u8) -> u64 {
        let timeout = match (self.rtt, attempt) {
            (0, 0 | 1) => pace.first_timeout,
            (0, _) => pace.max_timeout,
            (_, attempt) => {
                let times = [1, 4, 2][usize::from(attempt.clamp(1, 3)) - 1];
                let least = if pace.same && attempt > 1 { REPLY_RATE_LIMIT } else { 0 };
                (self.expected().max(pace.least_timeout) * times).max(least)
            }
        };
        timeout.min(pace.max_timeout)
    }

    /// The time by which a reply is expected (RFC 6298, section 2), in microseconds.
    fn expected(&self) -> u64 {
        u64::from(self.rtt) + 4 * u64::from(self.variance)
    }

    /// What to do with an attempt after `waited` microseconds.
    pub(super) fn wait_decision(&self, pace: &ScanTiming, attempt: u8, waited: u64) -> WaitDecision {
        let late = if self.rtt == 0 { pace.first_timeout } else { self.expected().max(pace.least_timeout) } / 2;

        match waited {
            waited if waited >= self.timeout(pace, attempt) => WaitDecision::Expired,
            waited if waited >= late.max(self.expected()) => WaitDecision::Late,
            _ => WaitDecision::Waits,
        }
    }

    /// For how many milliseconds losses show that one window caused: a lost probe is known as lost only after its timeout
    /// and the reply to its retry.
    pub(super) fn loss_span(&self, pace: &ScanTiming) -> u32 {
        let span = self.timeout(pace, 1).saturating_add(self.rtt.into()) / 1000;
        u32::try_from(span).unwrap_or(u32::MAX)
    }

    /// The recent share of lost probes.
    pub(super) fn loss(&self) -> f32 {
        self.loss
    }

    /// Records a reply to an attempt after `micros` and returns whether it shows a loss. A reply that took longer than a
    /// first attempt may wait does not: the attempts before ended too early.
    pub(super) fn record_reply(&mut self, pace: &ScanTiming, attempt: u8, micros: u64) -> bool {
        self.again += u32::from(attempt == 2);
        let unclear = pace.same && attempt > 1;
        // Without a known round trip, this may be the reply that the first attempt did not wait for.
        let micros = if unclear && self.rtt == 0 { micros.saturating_add(pace.first_timeout) } else { micros };

        // A reply faster than any other belongs to an earlier attempt (as RFC 5682 finds spurious retransmissions). The
        // smoothed round trip is no measure here: after a stall of this process it is too long and would hide losses.
        let earlier = unclear && micros < u64::from(self.shortest) / 2;
        let attempt = if earlier || micros > pace.first_timeout { 1 } else { attempt };

        // Karn's rule (RFC 6298, section 3): a reply to a repeated probe is not a sample.
        let sample = !unclear && (micros < KERNEL_RETRANSMIT || self.expected() > KERNEL_RETRANSMIT);
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

    /// Records that an attempt's reply is late. For the window the reply counts as lost.
    pub(super) fn record_late(&mut self, attempt: u8) {
        self.silent += u32::from(attempt == 1);
        self.window.silent(self.is_mostly_silent());
    }

    /// Records that an attempt got no reply.
    pub(super) fn record_silence(&mut self, attempt: u8) {
        self.again += u32::from(attempt == 2);
    }

    /// Records that a late reply has arrived.
    pub(super) fn record_late_reply(&mut self, attempt: u8) {
        self.silent -= u32::from(attempt == 1 && self.silent > 0);
    }

    /// Whether the host leaves most probes unanswered.
    pub(super) fn is_mostly_silent(&self) -> bool {
        u64::from(self.answered + self.answered_again) * 4 < u64::from(self.silent)
    }

    /// Records that an attempt ended without information about the host.
    pub(super) fn abandon(&mut self, attempt: u8) {
        self.again += u32::from(attempt == 2);
    }

    /// Records the start of a retry.
    pub(super) fn start_retry(&mut self, attempt: u8) {
        self.again_begun += u32::from(attempt == 2);
    }

    /// Whether enough retries are in progress to decide about all other silent ports.
    pub(super) fn awaits_sample(&self) -> bool {
        self.again < SAMPLE && self.again_begun >= SAMPLE && self.answered + self.answered_again == 0
    }

    /// Whether a port that was silent `silences` times is worth a retry: always for a few; then while, at the measured
    /// loss, a reply is still expected from any of them. If nothing replied at all, not even to the first hundreds of
    /// retries, the silent ports are filtered and not lost.
    ///
    /// Replies without any retry do not prove a loss of zero: the estimate is Jeffreys', which adds half a reply of doubt
    /// (Brown, Cai and DasGupta, Statistical Science 16, 2001).
    pub(super) fn is_worth_retrying(&self, pace: &ScanTiming, silences: u8) -> bool {
        if silences > pace.retries.unwrap_or(MAX_RETRIES) {
            return false;
        }

        let answers = f64::from(self.answered + self.answered_again);
        // The kernel retransmits within so long a wait: the port has seen three attempts.
        let repeated = answers == 0.0 && pace.max_timeout > KERNEL_RETRANSMIT;
        let few = if repeated { MIN_RETRIES - 1 } else { MIN_RETRIES };
        if self.again < SAMPLE && silences <= pace.retries.unwrap_or(few) {
            return true;
        }
        if answers == 0.0 {
            return false;
        }

        // The other threads that share this host see as many replies.
        let (answers, again) = (answers * f64::from(pace.sharers), f64::from(self.answered_again * pace.sharers));
        // Losses come in bursts: the recent loss counts if it is higher.
        let loss = ((again + 0.5) / (answers + 1.0)).max(self.loss.into()).min(0.9);
        answers * loss.powi(silences.into()) > MIN_EXPECTED_REPLIES
    }

    /// Whether an immediate second check after a probe is worth its cost.
    pub(super) fn is_quick(&self) -> bool {
        self.quick > PROBE_TWICE_THRESHOLD
    }

    /// Records whether a second check found the result.
    pub(super) fn record_recheck(&mut self, helped: bool) {
        self.quick = if helped { self.quick + (u8::MAX - self.quick).div_ceil(8) } else { self.quick - self.quick / 8 };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::scan::pace::TimingTemplate;

    fn host() -> (HostScan, ScanTiming) {
        let pace = ScanTiming::new(TimingTemplate::Normal, Duration::from_secs(3), None, None, 1);
        (HostScan::new(0, 0, &pace, HostState::Present), pace)
    }

    #[test]
    fn a_host_is_small() {
        assert!(size_of::<HostScan>() <= 80, "{}", size_of::<HostScan>());
    }

    #[test]
    fn the_timeout_follows_the_round_trip() {
        let (mut host, pace) = host();
        assert_eq!(host.timeout(&pace, 1), 500_000);
        host.record_reply(&pace, 1, 200_000);
        assert_eq!(host.timeout(&pace, 1), 600_000);
        (0..50).for_each(|_| {
            host.record_reply(&pace, 1, 200_000);
        });
        assert!((200_000..210_000).contains(&host.timeout(&pace, 1)), "{}", host.timeout(&pace, 1));
        assert_eq!(host.timeout(&pace, 2), host.timeout(&pace, 1) * 4);
        assert_eq!(host.timeout(&pace, 3), host.timeout(&pace, 1) * 2);

        let short = ScanTiming { max_timeout: 250_000, ..pace };
        assert_eq!(host.timeout(&short, 2), 250_000, "never longer than asked for");

        (0..100).for_each(|_| {
            host.record_reply(&pace, 1, 50);
        });
        assert_eq!(host.timeout(&pace, 1), 50_000, "never shorter than the floor");
        host.record_reply(&pace, 1, 1_500_000);
        assert_eq!(host.timeout(&pace, 1), 50_000, "an answer to a repeated SYN is not a sample");
    }

    #[test]
    fn an_answer_to_the_same_probe_again_is_not_a_sample() {
        let (mut host, pace) = host();
        let pace = ScanTiming { same: true, ..pace };
        assert!(!host.record_reply(&pace, 2, 100_000), "it may be the first attempt's");
        assert_eq!(host.rtt, 600_000, "and then took so long");
        assert!(!host.record_reply(&pace, 2, 100_000), "sooner than any can come");
        assert!(host.record_reply(&pace, 2, 400_000));
        assert_eq!((host.rtt, host.variance), (600_000, 300_000));
        host.record_reply(&pace, 1, 50_000);
        assert!(host.rtt > 500_000 && host.record_reply(&pace, 2, 30_000), "one of all was that fast");
        (0..50).for_each(|_| {
            host.record_reply(&pace, 1, 50_000);
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
            host.record_reply(&pace, 2, 1_200_000);
        });
        assert!((1_200_000..1_300_000).contains(&host.timeout(&pace, 1)), "{}", host.timeout(&pace, 1));
    }

    #[test]
    fn late_probes_leave_the_window_before_they_expire() {
        let (mut host, pace) = host();
        assert_eq!(host.wait_decision(&pace, 1, 249_999), WaitDecision::Waits);
        assert_eq!(host.wait_decision(&pace, 1, 250_000), WaitDecision::Late);
        assert_eq!(host.wait_decision(&pace, 1, 500_000), WaitDecision::Expired);
        (0..100).for_each(|_| {
            host.record_reply(&pace, 1, 50);
        });

        assert_eq!(
            [24_999, 25_000, 50_000].map(|micros| host.wait_decision(&pace, 1, micros)),
            [WaitDecision::Waits, WaitDecision::Late, WaitDecision::Expired]
        );
        assert_eq!(host.wait_decision(&pace, 2, 50_000), WaitDecision::Late);
    }

    #[test]
    fn silence_is_retried_until_it_is_known_to_be_a_filter() {
        let (mut host, pace) = host();
        assert!(host.is_worth_retrying(&pace, 1) && !host.is_worth_retrying(&pace, 2));

        let short = ScanTiming { max_timeout: 100_000, ..pace };
        assert!(host.is_worth_retrying(&short, 2) && !host.is_worth_retrying(&short, 3));
        for _ in 0..SAMPLE {
            host.record_late(1);
            host.start_retry(2);
        }
        assert!(host.awaits_sample());

        (0..SAMPLE).for_each(|_| host.record_silence(2));
        assert!(!host.awaits_sample() && !host.is_worth_retrying(&pace, 1));
    }

    #[test]
    fn a_replying_host_is_retried_while_probes_may_be_lost() {
        let (mut host, pace) = host();
        (0..20).for_each(|_| {
            host.record_reply(&pace, 1, 100);
        });
        for _ in 0..SAMPLE {
            host.record_late(1);
            host.start_retry(2);
            host.record_silence(2);
        }
        assert!(host.is_worth_retrying(&pace, 1), "one in forty may be lost");
        assert!(!host.is_worth_retrying(&pace, 2), "and lost again one in 1,600");
    }

    #[test]
    fn measurements_of_other_threads_count() {
        let (mut host, pace) = host();
        (0..10).for_each(|_| {
            host.record_reply(&pace, 1, 100);
        });

        for _ in 0..SAMPLE {
            host.record_late(1);
            host.start_retry(2);
            host.record_silence(2);
        }

        assert!(host.is_worth_retrying(&pace, 2), "0.021 of ten may be lost twice");

        let shared = ScanTiming { sharers: 2, ..pace };
        assert!(host.is_worth_retrying(&shared, 1) && !host.is_worth_retrying(&shared, 2));
    }

    #[test]
    fn an_answer_that_only_comes_late_is_no_loss() {
        let (mut host, pace) = host();
        assert!(!host.record_reply(&pace, 2, 700_000) && host.record_reply(&pace, 2, 100));
    }

    #[test]
    fn loss_is_retried_until_no_reply_is_expected() {
        let (mut host, pace) = host();
        for n in 0..1000 {
            if n % 10 < 7 {
                host.record_reply(&pace, 1, 100);
            } else {
                host.record_late(1);
                host.start_retry(2);
                host.record_reply(&pace, 2, 100);
            }
        }

        assert!(host.is_worth_retrying(&pace, 8), "1,000 ports, 30% lost: 0.066 are still to come");
        assert!(!host.is_worth_retrying(&pace, 9));

        let limited = ScanTiming { retries: Some(3), ..pace };
        assert!(host.is_worth_retrying(&limited, 3) && !host.is_worth_retrying(&limited, 4));
        let once = ScanTiming { retries: Some(0), ..pace };
        assert!(!host.is_worth_retrying(&once, 1));
    }

    #[test]
    fn the_share_of_losses_follows_the_answers() {
        let (mut host, pace) = host();
        (0..2000).for_each(|n| {
            host.record_reply(&pace, if n % 100 == 0 { 2 } else { 1 }, 100);
        });
        assert!((0.005..0.03).contains(&host.loss()), "{}", host.loss());
        (0..2000).for_each(|_| {
            host.record_reply(&pace, 4, 100);
        });
        assert!((0.7..0.8).contains(&host.loss()), "{}", host.loss());
        assert_eq!(host.loss_span(&pace), 50);
    }

    #[test]
    fn the_second_check_is_dropped_if_it_never_helps() {
        let (mut host, _) = host();
        (0..10).for_each(|_| host.record_recheck(false));
        assert!(!host.is_quick());
        (0..10).for_each(|_| host.record_recheck(true));
        assert!(host.is_quick());
    }
}
