//! The manufacturers of network cards, from the database that this machine has: of systemd, the IEEE, or nmap.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use crate::clean::Untrusted;
use crate::model::HardwareAddress;

/// Where distributions keep it. The first one that can be read is used.
const DATABASES: [&str; 5] = [
    "/usr/lib/udev/hwdb.d/20-OUI.hwdb",
    "/usr/share/ieee-data/oui.txt",
    "/var/lib/ieee-data/oui.txt",
    "/usr/share/hwdata/oui.txt",
    "/usr/share/nmap/nmap-mac-prefixes",
];
/// The largest one has 7 MB.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Names by the number that the IEEE assigned. Read when the first one is wanted.
#[derive(Default)]
pub(super) struct Manufacturers(Option<HashMap<u32, Untrusted>>);

impl Manufacturers {
    pub(super) fn name(&mut self, address: HardwareAddress) -> Option<Untrusted> {
        let number = address.manufacturer()?;
        self.0.get_or_insert_with(read).get(&number).cloned()
    }
}

fn read() -> HashMap<u32, Untrusted> {
    let texts = DATABASES.iter().filter_map(|path| {
        // Only a regular file is read: anything else could block or never end.
        let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
        let mut text = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
        Some(parse(&String::from_utf8_lossy(&text)))
    });
    texts.into_iter().find(|names| !names.is_empty()).unwrap_or_default()
}

/// Reads lines of any of the three: `OUI:00000C*` and the line after it, `00-00-0C   (hex)  Cisco Systems, Inc`, `00000C Cisco`.
/// Longer prefixes, which divide the block of a manufacturer further, are left out.
fn parse(text: &str) -> HashMap<u32, Untrusted> {
    let mut names = HashMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(prefix) = line.strip_prefix("OUI:") {
            current = prefix.strip_suffix('*').and_then(number);
        } else if let Some(name) = line.trim_start().strip_prefix("ID_OUI_FROM_DATABASE=") {
            names.extend(current.take().map(|number| (number, name.into())));
        } else if let Some((prefix, name)) = line.split_once("(hex)") {
            names.extend(number(&prefix.trim().replace('-', "")).map(|number| (number, name.trim().into())));
        } else if let Some((prefix, name)) = line.split_once(' ') {
            names.extend(number(prefix).map(|number| (number, name.trim().into())));
        }
    }
    names
}

/// Six hexadecimal digits.
fn number(text: &str) -> Option<u32> {
    let is_prefix = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(text, 16).ok().filter(|_| is_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_is_read() {
        for text in [
            "# x\n\nOUI:00000C*\n ID_OUI_FROM_DATABASE=Cisco Systems, Inc\n\nOUI:8C1F640*\n ID_OUI_FROM_DATABASE=Other\n",
            "OUI/MA-L   Organization\n00-00-0C   (hex)\t\tCisco Systems, Inc\n00000C     (base 16)\t\tCisco\n",
            "# nmap\n00000C Cisco Systems, Inc\n8C1F640 Other\n",
        ] {
            let names = parse(text);
            assert_eq!(names.len(), 1, "{text}");
            assert!(names[&0x0c].as_raw().contains("Cisco"), "{text}");
        }
        assert!(parse("what is this\n").is_empty());
    }

    #[test]
    fn an_address_that_software_chose_has_no_manufacturer() {
        let mut names = Manufacturers(Some(HashMap::from([(0x02_0000, "X".into())])));
        assert_eq!(names.name(HardwareAddress([2, 0, 0, 1, 2, 3])), None);
    }
}
