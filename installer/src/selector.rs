//! Which disk is meant: a path, an id, a serial number, the smallest, the largest, or one of a range of sizes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::facts::DiskFacts;
use crate::size;

/// How a disk is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Its node, or a link to it below `/dev/disk`.
    Path(PathBuf),
    /// The name of one of its links in `/dev/disk/by-id`.
    Id(String),
    /// Its serial number.
    Serial(String),
    /// The smallest that is large enough.
    Smallest,
    /// The largest.
    Largest,
    /// The only one of at least and at most so many bytes.
    Size(u64, u64),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.split_once(':') {
            _ if text.starts_with('/') => Ok(Self::Path(text.into())),
            None if text == "smallest" => Ok(Self::Smallest),
            None if text == "largest" => Ok(Self::Largest),
            // `sda`, as the lists of disks show it.
            None if is_name(text) => Ok(Self::Path(Path::new("/dev").join(text))),
            Some(("id", id)) if !id.is_empty() => Ok(Self::Id(id.into())),
            Some(("serial", serial)) if !serial.is_empty() => Ok(Self::Serial(serial.into())),
            Some(("size", range)) => size_range(range),
            _ => Err(format!(
                "{text:?} names no disk; it can be a path such as /dev/sda or /dev/disk/by-id/…, id:NAME, serial:NUMBER, \
                 smallest, largest, or size:100G..200G"
            )),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn size_range(range: &str) -> Result<Selector, String> {
    let (least, most) = range
        .split_once("..")
        .ok_or_else(|| format!("invalid range of sizes {range:?}; valid: size:100G..200G"))?;
    let bound = |text: &str, open| match text.trim() {
        "" => Ok(open),
        text => size::parse(text),
    };
    let (least, most) = (bound(least, 0)?, bound(most, u64::MAX)?);
    if least > most {
        return Err(format!(
            "{range:?} is an empty range: {} is more than {}",
            size::show(least),
            size::show(most)
        ));
    }
    Ok(Selector::Size(least, most))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Serial(serial) => write!(f, "serial:{serial}"),
            Self::Smallest => f.write_str("smallest"),
            Self::Largest => f.write_str("largest"),
            Self::Size(least, most) if *most == u64::MAX => {
                write!(f, "size:{}..", size::exact(*least))
            }
            Self::Size(least, most) => {
                write!(f, "size:{}..{}", size::exact(*least), size::exact(*most))
            }
        }
    }
}

/// What a selector comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This disk.
    One(&'a DiskFacts),
    /// No disk fits.
    None,
    /// Several fit equally well.
    Several(Vec<&'a DiskFacts>),
}

impl Selector {
    /// Whether disks are compared, instead of one being named.
    pub fn is_comparison(&self) -> bool {
        matches!(self, Self::Smallest | Self::Largest | Self::Size(..))
    }

    /// Chooses. Paths, ids and serial numbers look at all disks; the others only at candidates, those which can be installed to,
    /// and of them at built-in ones as long as there are any: nobody means the stick that happens to be plugged in.
    pub fn choose<'a>(&self, all: &'a [DiskFacts], candidates: &[&'a DiskFacts]) -> Choice<'a> {
        let candidates = &built_in(candidates);
        match self {
            Self::Path(path) => only(all.iter().filter(|disk| is_at(disk, path)).collect()),
            Self::Id(id) => {
                let path = Path::new("/dev/disk/by-id").join(id);
                only(all.iter().filter(|disk| is_at(disk, &path)).collect())
            }
            Self::Serial(serial) => {
                let same = |disk: &&DiskFacts| disk.disk.serial.eq_ignore_ascii_case(serial);
                only(all.iter().filter(same).collect())
            }
            Self::Smallest => extreme(candidates, candidates.iter().map(|d| d.disk.size).min()),
            Self::Largest => extreme(candidates, candidates.iter().map(|d| d.disk.size).max()),
            Self::Size(least, most) => {
                let fits = |disk: &&DiskFacts| (*least..=*most).contains(&disk.disk.size);
                only(candidates.iter().copied().filter(fits).collect())
            }
        }
    }
}

/// Built-in ones, or all where none is.
fn built_in<'a>(disks: &[&'a DiskFacts]) -> Vec<&'a DiskFacts> {
    let inside = |disk: &&DiskFacts| disk.disk.outside.is_none();
    let found: Vec<_> = disks.iter().copied().filter(inside).collect();
    if found.is_empty() {
        disks.to_vec()
    } else {
        found
    }
}

fn is_at(disk: &DiskFacts, path: &Path) -> bool {
    disk.disk.device == path || disk.disk.links.iter().any(|link| link == path)
}

fn extreme<'a>(candidates: &[&'a DiskFacts], size: Option<u64>) -> Choice<'a> {
    only(
        candidates
            .iter()
            .copied()
            .filter(|disk| Some(disk.disk.size) == size)
            .collect(),
    )
}

fn only(found: Vec<&DiskFacts>) -> Choice<'_> {
    match found.as_slice() {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => Choice::Several(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::examples::disk;

    fn select(text: &str) -> Selector {
        text.parse().unwrap()
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(select("/dev/sda"), Selector::Path("/dev/sda".into()));
        assert_eq!(select("nvme0n1"), Selector::Path("/dev/nvme0n1".into()));
        assert_eq!(select("id:ata-X"), Selector::Id("ata-X".into()));
        assert_eq!(select("size:1G..2G"), Selector::Size(1 << 30, 2 << 30));
        assert_eq!(select("size:1G.."), Selector::Size(1 << 30, u64::MAX));
        for wrong in ["", "serial:", "size:1G", "size:9G..1G", "disk:1", "../x"] {
            let error = wrong.parse::<Selector>().unwrap_err();
            assert!(error.len() > 20, "{wrong}: {error}");
        }
    }

    #[test]
    fn paths_links_and_serials_find_their_disk() {
        let mut disks = vec![disk("/dev/sda", 10), disk("/dev/sdb", 20)];
        disks[1].disk.serial = "WD-123".into();
        disks[1].disk.links = vec!["/dev/disk/by-id/ata-WD-123".into()];
        for text in [
            "/dev/sdb",
            "serial:wd-123",
            "id:ata-WD-123",
            "/dev/disk/by-id/ata-WD-123",
        ] {
            assert_eq!(select(text).choose(&disks, &[]), Choice::One(&disks[1]));
        }
        assert_eq!(select("/dev/sdz").choose(&disks, &[]), Choice::None);
    }

    #[test]
    fn equal_disks_are_ambiguous() {
        let disks = [
            disk("/dev/sda", 10),
            disk("/dev/sdb", 10),
            disk("/dev/sdc", 30),
        ];
        let candidates: Vec<&DiskFacts> = disks.iter().collect();
        let smallest = select("smallest").choose(&disks, &candidates);
        assert_eq!(smallest, Choice::Several(vec![&disks[0], &disks[1]]));
        let largest = select("largest").choose(&disks, &candidates);
        assert_eq!(largest, Choice::One(&disks[2]));
        let range = select("size:20..40").choose(&disks, &candidates);
        assert_eq!(range, Choice::One(&disks[2]));
    }
}
