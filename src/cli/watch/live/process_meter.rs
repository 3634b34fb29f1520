//! Measures the process whose details are open.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::model::Process;
use crate::output::ProcessSample;

/// The most seconds by which two ways to read the start of one process differ.
const START_TOLERANCE: u64 = 2;

/// Measures processes.
#[derive(Default)]
pub(super) struct ProcessMeter(Option<System>);

impl ProcessMeter {
    /// Measures a process; `None` if it has ended, or another one has its id.
    pub(super) fn measure(&mut self, process: &Process) -> Option<ProcessSample> {
        let pid = Pid::from_u32(process.pid);
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        if self.0.is_none() {
            self.0 = System::new().ok();
        }
        let system = self.0.as_mut()?;
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, kind);
        let measured = system.process(pid)?;

        let started = u64::try_from(process.started?.as_second()).ok()?;
        let is_same = measured.start_time().abs_diff(started) <= START_TOLERANCE;
        is_same
            .then(|| ProcessSample { processor_ms: measured.accumulated_cpu_time(), memory_bytes: measured.memory() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Local;

    #[test]
    fn a_process_is_measured_and_one_with_its_id_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = Some(listener.local_addr().unwrap().port().to_string().parse().unwrap());
        let listing = Local { ports, ..Local::default() }.listing().unwrap();
        let own = listing.services[0].detail.main_process().unwrap();

        let mut meter = ProcessMeter::default();
        let sample = meter.measure(own).unwrap();
        assert!(sample.memory_bytes > 1 << 20, "{sample:?}");
        let begin = std::time::Instant::now();
        while meter.measure(own).unwrap().processor_ms == sample.processor_ms {
            assert!(begin.elapsed() < std::time::Duration::from_mins(1), "this loop uses the processor");
        }

        let earlier = own.started.map(|started| started - jiff::Span::new().hours(1));
        assert_eq!(meter.measure(&Process { started: earlier, ..Process::clone(own) }), None);
        assert_eq!(meter.measure(&Process { pid: u32::MAX >> 1, ..Process::clone(own) }), None);
    }
}
