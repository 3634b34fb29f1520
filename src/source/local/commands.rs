//! Reads command lines on a thread that may be left behind.
//!
//! The kernel reads a command line from the memory of its process, and waits for as long as another thread changes the
//! layout of that memory: for ever, if that one waits for a file system that does not reply any more. All other facts of a
//! process come without such a wait.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;

use crate::clean::Untrusted;

/// Longer command lines are cut off; the kernel allows megabytes.
const MAX_COMMAND_BYTES: usize = 32 * 1024;
/// Command lines that wait to be read, each with a descriptor.
const MAX_QUEUED: usize = 32;
/// An idle thread is woken for so many: a wake-up takes longer than reading one.
const WAKE_AT: usize = 24;
/// A thread that has been blocked in the kernel for longer is left behind,
const BLOCKED_AFTER: Duration = Duration::from_millis(250);
/// and one that the machine is too busy to run, after this time.
const MAX_READ_TIME: Duration = Duration::from_secs(5);
/// How often a waiting thread looks whether one is blocked.
const TICK: Duration = Duration::from_millis(50);
/// More threads are not left behind; command lines are then not read.
const MAX_LEFT_BEHIND: usize = 16;

/// The processes that threads of this program are blocked on.
static BLOCKED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CommandText {
    /// `None`: the process has none, or has ended.
    Read(Option<Untrusted>),
    /// The kernel did not reply.
    Blocked,
}

/// Command lines by the caller's numbers.
pub(super) type Commands = HashMap<u32, CommandText, FixedState>;

/// Reads command lines one after the other, beside its caller.
#[derive(Default)]
pub(super) struct CommandReader(Arc<CommandBacklog>);

#[derive(Default)]
struct CommandBacklog {
    state: Mutex<State>,
    /// There is something to read, or the reader is dropped.
    queued: Condvar,
    /// Everything queued was read.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<CommandFile>,
    reading: Option<CurrentRead>,
    done: Commands,
    /// Grows when a thread is left behind.
    generation: u32,
    /// There is a thread that reads.
    is_running: bool,
    is_closed: bool,
}

struct CommandFile {
    number: u32,
    pid: u32,
    file: OwnedFd,
}

struct CurrentRead {
    number: u32,
    pid: u32,
    since: Instant,
    thread: u32,
}

impl CommandReader {
    /// Queues the open `cmdline` file of a process. Waits while the queue is full, until `stop`.
    pub(super) fn add(&self, number: u32, pid: u32, file: OwnedFd, stop: &dyn Fn() -> bool) {
        let mut state = self.0.state();
        if blocked().contains(&pid) {
            state.done.insert(number, CommandText::Blocked);
            return;
        }

        while state.queue.len() >= MAX_QUEUED {
            state = self.wait(state, stop);
        }
        state.queue.push_back(CommandFile { number, pid, file });
        if !state.is_running {
            self.start(&mut state);
        }
        // From there on the thread reads until the queue is empty.
        let is_due = state.queue.len() == WAKE_AT;
        drop(state);
        if is_due {
            self.0.queued.notify_one();
        }
    }

    /// Waits for everything that was queued, until `stop`.
    pub(super) fn finish(&self, stop: &dyn Fn() -> bool) -> Commands {
        let mut state = self.0.state();
        while state.is_busy() {
            state = self.wait(state, stop);
        }
        std::mem::take(&mut state.done)
    }

    /// Waits for a change, and leaves a blocked thread behind.
    fn wait<'s>(&'s self, state: MutexGuard<'s, State>, stop: &dyn Fn() -> bool) -> MutexGuard<'s, State> {
        self.0.queued.notify_one();
        let (mut state, waited) = self.0.idle.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
        if stop() {
            state.give_up();
            state.leave_behind();
        } else if waited.timed_out() && state.reading.as_ref().is_some_and(CurrentRead::is_blocked) {
            state.leave_behind();
            if !state.queue.is_empty() {
                self.start(&mut state);
            }
        }
        state
    }

    /// Starts a thread, unless too many were left behind.
    fn start(&self, state: &mut State) {
        let (shared, generation) = (Arc::clone(&self.0), state.generation);
        if blocked().len() >= MAX_LEFT_BEHIND {
            state.give_up();
            return;
        }

        let thread = thread::Builder::new().name("commands".to_owned());
        state.is_running = thread.spawn(move || shared.read_all(generation)).is_ok();
        if !state.is_running {
            // Where threads are short, one does it all.
            let mut buffer = vec![0; MAX_COMMAND_BYTES];
            for CommandFile { number, file, .. } in state.queue.drain(..) {
                state.done.insert(number, CommandText::Read(read(&file, &mut buffer)));
            }
        }
    }
}

impl Drop for CommandReader {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.queued.notify_all();
    }
}

impl State {
    fn is_busy(&self) -> bool {
        !self.queue.is_empty() || self.reading.is_some()
    }

    /// Reads nothing more of what is queued.
    fn give_up(&mut self) {
        let numbers = self.queue.drain(..).map(|file| file.number);
        self.done.extend(numbers.map(|number| (number, CommandText::Blocked)));
    }

    /// Lets the current thread do what it does, without waiting for it.
    fn leave_behind(&mut self) {
        if let Some(CurrentRead { number, pid, .. }) = self.reading.take() {
            self.done.insert(number, CommandText::Blocked);
            blocked().push(pid);
            self.generation += 1;
            self.is_running = false;
        }
    }
}

impl CurrentRead {
    fn is_blocked(&self) -> bool {
        let elapsed = self.since.elapsed();
        elapsed >= MAX_READ_TIME || (elapsed >= BLOCKED_AFTER && is_asleep(self.thread))
    }
}

impl CommandBacklog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is queued, until the reader is dropped or this thread was left behind.
    fn read_all(&self, generation: u32) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        let mut buffer = vec![0; MAX_COMMAND_BYTES];
        let mut state = self.state();
        loop {
            if state.generation != generation {
                return;
            }
            let Some(CommandFile { number, pid, file }) = state.queue.pop_front() else {
                if state.is_closed {
                    return;
                }
                self.idle.notify_all();
                state = self.queued.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };

            state.reading = Some(CurrentRead { number, pid, since: Instant::now(), thread });
            drop(state);
            let command = read(&file, &mut buffer);

            state = self.state();
            if state.generation != generation {
                // It was left behind, and the process can be asked again.
                let mut blocked = blocked();
                if let Some(at) = blocked.iter().position(|&blocked| blocked == pid) {
                    blocked.swap_remove(at);
                }
                return;
            }
            state.reading = None;
            state.done.insert(number, CommandText::Read(command));
        }
    }
}

fn blocked() -> MutexGuard<'static, Vec<u32>> {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a thread of this process waits for something: not for a processor.
fn is_asleep(thread: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| !rest.starts_with('R'))
}

/// A command line, its arguments joined by spaces.
fn read(file: &OwnedFd, buffer: &mut [u8]) -> Option<Untrusted> {
    let length = rustix::io::retry_on_intr(|| rustix::io::read(file.as_fd(), &mut *buffer)).ok()?;
    let command = buffer.get_mut(..length)?;
    command.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');

    let whole = command.len() < MAX_COMMAND_BYTES;
    // A program that writes its state over its arguments fills the rest with blanks.
    let command = command.trim_ascii_end();
    // What is cut off at the limit may end in a part of a character, and says that it is cut.
    match std::str::from_utf8(command) {
        Err(error) if !whole && error.error_len().is_none() => {
            let text = String::from_utf8_lossy(&command[..error.valid_up_to()]);
            Some(Untrusted::from(format!("{text}…")))
        }
        Ok(text) if !whole => Some(Untrusted::from(format!("{text}…"))),
        _ => Some(Untrusted::from_bytes(command)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A pipe without anything in it blocks its reader as a dead process does.
    #[test]
    fn a_read_that_never_ends_delays_only_itself() {
        let reader = CommandReader::default();
        let (silent, mut end) = std::io::pipe().unwrap();
        reader.add(0, 4_000_000_001, silent.into(), &|| false);
        for number in 1..100 {
            let (file, mut end) = std::io::pipe().unwrap();
            end.write_all(b"a\0b\0").unwrap();
            reader.add(number, number, file.into(), &|| false);
        }

        let commands = reader.finish(&|| false);
        assert_eq!((commands.len(), &commands[&0]), (100, &CommandText::Blocked));
        assert!((1..100).all(|number| commands[&number] == CommandText::Read(Some("a b".into()))), "{commands:?}");

        // As long as it lasts, the process is not asked again.
        let (file, _end) = std::io::pipe().unwrap();
        reader.add(0, 4_000_000_001, file.into(), &|| false);
        assert_eq!(reader.finish(&|| false)[&0], CommandText::Blocked);
        end.write_all(b"x").unwrap();
        while blocked().contains(&4_000_000_001) {
            thread::yield_now();
        }
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let reader = CommandReader::default();
        let (silent, _end) = std::io::pipe().unwrap();
        reader.add(0, 4_000_000_002, silent.into(), &|| false);
        assert_eq!(reader.finish(&|| true)[&0], CommandText::Blocked);
    }
}
