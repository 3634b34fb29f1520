//! Power, and room.

use super::in_mount_namespace;
use crate::support::{TempDir, needs_root};

/// Durability: `kill -9` cannot show what a cache of the kernel hides; a loss of power does.
#[test]
fn a_loss_of_power_takes_nothing_that_was_acknowledged() {
    needs_root("it mounts a file system");
    in_mount_namespace("durability::workload::lose_power", TempDir::new().path());
}

#[test]
fn a_full_disk_refuses_writes_with_the_reason_and_recovers() {
    needs_root("it mounts a file system");
    in_mount_namespace("durability::workload::fill_the_disk", TempDir::new().path());
}
