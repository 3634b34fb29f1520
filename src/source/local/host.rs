//! Facts of this machine.

use jiff::Timestamp;
use sysinfo::System;

use super::owners::boot_time;
use crate::clean::Untrusted;
use crate::model::HostFacts;

/// Reads them; what cannot be read is left out.
pub(super) fn read() -> HostFacts {
    HostFacts {
        name: System::host_name().ok().map(Untrusted::from),
        os: System::long_os_version().ok().map(Untrusted::from),
        kernel: System::kernel_version().ok().map(Untrusted::from),
        architecture: Some(System::cpu_arch()).filter(|name| !name.is_empty()).map(Untrusted::from),
        // Not from /proc/stat: for that file the kernel counts all interrupts, which takes longer than everything else here.
        booted: boot_time().and_then(|time| Timestamp::from_second(time.as_second()).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_kernel_and_has_started() {
        let facts = read();
        assert!(facts.kernel.is_some_and(|kernel| kernel.as_raw().contains('.')));
        assert!(facts.booted.is_some_and(|booted| booted < Timestamp::now()));
    }
}
