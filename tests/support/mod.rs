//! Scenes to run portolan in: a network namespace of the test's own, programs that listen there, and the truth
//! about them.
//!
//! Nothing here looks at what listens outside a scene, and what is ended is only what was started here.
// Each test and bench program that takes this in uses a part of it.
#![allow(dead_code, unused_imports)]

mod cgroup;
mod examples;
mod listing;
mod process;
mod scene;
mod servers;
mod terminal;

pub use cgroup::Cgroup;
pub use examples::examples;
pub use listing::{Listing, Outcome, Row, Truth, assert_same, key_of};
pub use process::{Ended, Lines, TempDir, finish, hear, hold, kill, make_program, output, tool};
pub use scene::{
    Fixture, Isolation, Portolan, Scene, UNPRIVILEGED_UID, fixture_path, is_root, needs_root, portolan_path,
};
pub use servers::{KINDS, Kind, Server, Servers};
pub use terminal::Tmux;

use std::time::Duration;

/// How long anything may take before a test calls it hung. No test measures time by it.
pub const HANG: Duration = Duration::from_mins(1);
