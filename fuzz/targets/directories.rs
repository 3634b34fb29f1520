//! Directories, files and remote desktops: binary headers and BER.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portolan::fuzz::speak(&["ldap", "rdp", "smb", "snmp", "vnc"], input));
