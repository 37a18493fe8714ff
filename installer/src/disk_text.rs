//! Disks in one line each, for lists, questions and refusals.

use system::content::Content;

use crate::facts::{DiskFacts, Table};
use crate::size;

/// `/dev/sda  500 GB  SATA  Samsung SSD 860, serial S3Z9: GPT, ext4 "K3OS_STATE"`.
pub fn line(facts: &DiskFacts) -> String {
    let disk = &facts.disk;
    let mut name = disk.model.clone();
    if !disk.serial.is_empty() {
        let comma = if name.is_empty() { "" } else { ", " };
        name = format!("{name}{comma}serial {}", disk.serial);
    }
    let fields = [
        disk.device.display().to_string(),
        size::show(disk.size),
        disk.bus.to_owned(),
        name,
    ];
    let fields: Vec<String> = fields.into_iter().filter(|f| !f.is_empty()).collect();
    format!("{}: {}", fields.join("  "), contents(facts))
}

/// What is on it, in words.
pub fn contents(facts: &DiskFacts) -> String {
    let table = match facts.table {
        Table::None => None,
        Table::Gpt(0) => Some("GPT without partitions".to_owned()),
        Table::Gpt(_) => Some("GPT".to_owned()),
        Table::Mbr => Some("MBR".to_owned()),
    };
    let mut parts: Vec<String> = table.into_iter().collect();
    parts.extend(facts.volumes().filter_map(|volume| named(volume.content)));
    if parts.is_empty() {
        "nothing that is known".to_owned()
    } else {
        parts.join(", ")
    }
}

fn named(content: &Content) -> Option<String> {
    match (content.kind, content.label.as_str()) {
        ("", _) => None,
        (kind, "") => Some(kind.to_owned()),
        (kind, label) => Some(format!("{kind} {label:?}")),
    }
}

/// All of them, one a line, indented.
pub fn list<'a>(disks: impl IntoIterator<Item = &'a DiskFacts>) -> String {
    let lines: Vec<String> = disks
        .into_iter()
        .map(|disk| format!("  {}", line(disk)))
        .collect();
    if lines.is_empty() {
        "  (none)".to_owned()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::examples::{disk, with_state};

    #[test]
    fn a_line_says_what_would_be_lost() {
        let disk = with_state(disk("/dev/sda", 500_107_862_016), "K3OS_STATE", 0);
        assert_eq!(
            line(&disk),
            "/dev/sda  500 GB  SATA  QEMU HARDDISK, serial S-dev-sda: GPT, ext4 \"K3OS_STATE\""
        );
        assert!(list([]).contains("none"));
    }
}
