//! Live figures of the process behind the row whose details are open: its share of a processor and its memory, over time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::history::level;

/// The interval between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// The number of samples that are kept and drawn.
const MAX_SAMPLES: usize = 20;

/// What was measured of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessSample {
    /// The processor time that it has used so far, in milliseconds.
    pub(crate) processor_ms: u64,
    /// Its resident memory in bytes.
    pub(crate) memory_bytes: u64,
}

/// The samples of one process.
#[derive(Debug, Default)]
pub(super) struct ProcessHistory {
    pid: Option<u32>,
    /// When the last sample was due, and what it was; `None` if the process could not be measured.
    last: Option<(Instant, Option<ProcessSample>)>,
    /// Shares of one processor in tenths of a percent, oldest first.
    shares: VecDeque<u64>,
    /// Memory in bytes, oldest first.
    memory: VecDeque<u64>,
}

impl ProcessHistory {
    /// Whether it is time to measure this process. The samples of another process are dropped.
    pub(super) fn is_due(&mut self, pid: u32, now: Instant) -> bool {
        if self.pid != Some(pid) {
            *self = Self { pid: Some(pid), ..Self::default() };
        }
        self.last.is_none_or(|(at, _)| now.saturating_duration_since(at) >= SAMPLE_INTERVAL)
    }

    /// Adds a sample; `None` if the process could not be measured.
    pub(super) fn record(&mut self, sample: Option<ProcessSample>, now: Instant) {
        let before = self.last.replace((now, sample));
        let Some(sample) = sample else {
            self.shares.clear();
            self.memory.clear();
            return;
        };

        if let Some((at, Some(before))) = before {
            let elapsed = u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX);
            let used = sample.processor_ms.saturating_sub(before.processor_ms);
            push(&mut self.shares, used.saturating_mul(1000) / elapsed.max(1));
        }
        push(&mut self.memory, sample.memory_bytes);
    }

    /// The share of one processor: the last one, and its course.
    pub(super) fn processor(&self) -> Option<String> {
        let share = self.shares.back()?;
        Some(format!("{}.{} %  {}", share / 10, share % 10, bars(&self.shares)))
    }

    /// The memory: at present, and its course.
    pub(super) fn memory(&self) -> Option<String> {
        let bytes = self.memory.back()?;
        Some(format!("{}.{}M  {}", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20, bars(&self.memory)))
    }
}

fn push(values: &mut VecDeque<u64>, value: u64) {
    if values.len() == MAX_SAMPLES {
        values.pop_front();
    }
    values.push_back(value);
}

/// One bar for each value; the highest value has the highest bar.
fn bars(values: &VecDeque<u64>) -> String {
    let highest = values.iter().copied().max().unwrap_or_default().max(1);
    let percent = values.iter().map(|value| u128::from(*value) * 100 / u128::from(highest));
    percent.map(|percent| level(u8::try_from(percent).unwrap_or(100))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(processor_ms: u64, memory_bytes: u64) -> Option<ProcessSample> {
        Some(ProcessSample { processor_ms, memory_bytes })
    }

    #[test]
    fn a_share_is_the_time_used_between_two_samples() {
        let (begin, mut history) = (Instant::now(), ProcessHistory::default());
        assert!(history.is_due(7, begin));
        history.record(sample(5_000, 10 << 20), begin);
        assert_eq!(history.processor(), None, "one sample tells no share");
        assert_eq!(history.memory().as_deref(), Some("10.0M  █"));
        assert!(!history.is_due(7, begin + SAMPLE_INTERVAL / 2));

        let later = begin + SAMPLE_INTERVAL;
        assert!(history.is_due(7, later));
        history.record(sample(5_125, 5 << 20), later);
        assert_eq!(history.processor().as_deref(), Some("12.5 %  █"));
        history.record(sample(5_125, 5 << 20), later + SAMPLE_INTERVAL * 2);
        assert_eq!(history.processor().as_deref(), Some("0.0 %  █▁"));
        assert_eq!(history.memory().as_deref(), Some("5.0M  █▄▄"));
    }

    #[test]
    fn another_process_begins_anew_and_one_that_ended_has_no_figures() {
        let (begin, mut history) = (Instant::now(), ProcessHistory::default());
        for (number, second) in (0..50).enumerate() {
            let now = begin + SAMPLE_INTERVAL * second;
            assert!(history.is_due(7, now));
            history.record(sample(number as u64, 1), now);
        }
        assert_eq!((history.shares.len(), history.memory.len()), (MAX_SAMPLES, MAX_SAMPLES));

        history.record(None, begin + SAMPLE_INTERVAL * 50);
        assert_eq!((history.processor(), history.memory()), (None, None));
        history.record(sample(9, 1), begin + SAMPLE_INTERVAL * 51);
        assert_eq!(history.processor(), None, "the time in between is unknown");
        assert!(history.is_due(8, begin + SAMPLE_INTERVAL * 51));
        assert_eq!(history.memory(), None);
    }
}
