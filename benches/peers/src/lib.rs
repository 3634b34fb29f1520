//! What the benches share: a counting allocator, interleaved rounds, medians.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Barrier;
use std::time::Duration;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread; per thread, so that counting costs two nanoseconds and no shared line.
pub struct Counting;

// SAFETY: every call goes on to the system's allocator; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        hold(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn hold(bytes: i64) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

/// Allocations this thread has made.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The most bytes this thread held at once during `work`, beyond what it held before; all must stay on this thread.
pub fn peak_bytes(work: impl FnOnce()) -> i64 {
    let before = HELD.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

/// A random sequence that costs a nanosecond: xorshift64* (Vigna 2016).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * bound as u64) >> 32) as usize
    }
}

/// The processor time of this thread: what others do on the machine does not count.
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The processor time of all threads of this process.
pub fn all_processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Nanoseconds of processor time per operation, when `threads` threads each do `operations` of them at the same time.
pub fn per_operation(threads: usize, operations: usize, work: impl Fn(usize) + Sync) -> f64 {
    let start = Barrier::new(threads);
    let total: Duration = std::thread::scope(|scope| {
        let run = |n| {
            let (start, work) = (&start, &work);
            move || {
                start.wait();
                let begun = processor_time();
                work(n);
                processor_time() - begun
            }
        };
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(run(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    total.as_nanos() as f64 / threads as f64 / operations as f64
}

/// The measurements of one candidate, one figure a round.
pub struct Row {
    pub name: String,
    pub columns: Vec<Vec<f64>>,
    pub note: String,
}

impl Row {
    pub fn new(name: &str, columns: usize) -> Self {
        Self { name: name.to_owned(), columns: vec![Vec::new(); columns], note: String::new() }
    }
}

pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() { f64::NAN } else { sorted[sorted.len() / 2] }
}

/// Prints medians, in brackets each one's ratio to the first row's, and the least figure.
pub fn print(title: &str, heads: &[&str], rows: &[Row]) {
    println!("\n{title}");
    print!("{:<34}", "");
    heads.iter().for_each(|head| print!("{head:>24}"));
    println!();
    for row in rows {
        print!("{:<34}", row.name);
        for (n, column) in row.columns.iter().enumerate() {
            let (own, first) = (median(column), median(&rows[0].columns[n]));
            let least = column.iter().copied().fold(f64::INFINITY, f64::min);
            print!("{:>24}", format!("{own:.1} ({:.2}) {least:.1}", own / first));
        }
        println!("  {}", row.note);
    }
}

/// A line about the machine, for the stored runs.
pub fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown").to_owned();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine: {model}, {cores} cores, Linux {}, load before {}", kernel.trim(), load.trim());
}
