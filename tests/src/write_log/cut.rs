//! What a power cut at a point of the log leaves: pure.

use super::format::{Entry, Kind, WriteLog};
use super::random::Random;

/// What may be torn: a disk writes so many bytes wholly or not at all.
const ATOM: u64 = 4096;

/// A part of a request's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where on the disk, bytes.
    pub at: u64,
    /// How much, bytes.
    pub length: u64,
    /// Where in the log, bytes.
    pub data: u64,
}

/// A cut: how much of the log is surely on the disk, and what else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The log's length at the cut, bytes.
    pub at: u64,
    /// So many requests are on the disk, all of them.
    pub durable: usize,
    /// What the cache had written by itself, in the order of the requests.
    pub kept: Vec<Piece>,
    /// What it had not, and nobody will.
    pub lost: Vec<Piece>,
}

impl Cut {
    /// A cut when the log had `at` bytes. How much is lost is itself left to chance: nothing, all, or any part.
    pub fn at(log: &WriteLog, at: u64, random: &mut Random) -> Self {
        let seen = log.entries.partition_point(|entry| entry.end <= at);
        let entries = &log.entries[..seen];
        let flush = entries.iter().rposition(|entry| entry.kind == Kind::Flush);
        let durable = flush.map_or(0, |flush| flush + 1);
        let mut cut = Self {
            at,
            durable,
            kept: Vec::new(),
            lost: Vec::new(),
        };
        let survivors = random.below(5);
        for entry in &entries[durable..] {
            for piece in pieces(entry) {
                let is_kept = entry.kind == Kind::WriteThrough || random.below(4) < survivors;
                match is_kept {
                    true => cut.kept.push(piece),
                    false => cut.lost.push(piece),
                }
            }
        }
        cut
    }
}

/// The data of a request in parts that are not torn. Without data, none: what a discard leaves may well be what was there.
fn pieces(entry: &Entry) -> Vec<Piece> {
    if !matches!(entry.kind, Kind::Write | Kind::WriteThrough) {
        return Vec::new();
    }
    let end = entry.at + entry.length;
    let (mut at, mut pieces) = (entry.at, Vec::new());
    while at < end {
        let next = ((at / ATOM + 1) * ATOM).min(end);
        pieces.push(Piece {
            at,
            length: next - at,
            data: entry.data + (at - entry.at),
        });
        at = next;
    }
    pieces
}

/// `count` points of the log between two of its lengths, ascending: a quarter of `marks` (where something was promised, which is right behind a flush), the rest anywhere.
pub fn points(marks: &[u64], from: u64, to: u64, count: usize, random: &mut Random) -> Vec<u64> {
    let promised = marks.len().min(count.div_ceil(4));
    let mut points: Vec<u64> = (0..promised)
        .map(|number| marks[number * marks.len() / promised.max(1)])
        .collect();
    while points.len() < count && from < to {
        points.push(from + random.below(to - from));
    }
    points.sort_unstable();
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_log::format::tests::log;

    fn cuts(requests: &[Option<(u64, u8)>], at: usize) -> Vec<Cut> {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir.path().join("log"), requests);
        let end = log.entries[at].end;
        (0..64)
            .map(|seed| Cut::at(&log, end, &mut Random::new(seed)))
            .collect()
    }

    #[test]
    fn what_a_flush_covered_is_never_lost() {
        for cut in cuts(&[Some((1, 1)), None, Some((2, 2)), Some((3, 3))], 2) {
            assert_eq!(cut.durable, 2);
            assert_eq!(
                cut.kept.len() + cut.lost.len(),
                1,
                "not what comes after the cut"
            );
        }
    }

    #[test]
    fn what_no_flush_covered_is_lost_wholly_partly_or_not_at_all() {
        let requests: Vec<_> = (0..8).map(|sector| Some((sector * 8, 1))).collect();
        let lost: Vec<usize> = cuts(&requests, 7)
            .iter()
            .map(|cut| cut.lost.len())
            .collect();
        assert!(lost.contains(&0) && lost.contains(&8), "{lost:?}");
        assert!(lost.iter().any(|lost| (1..8).contains(lost)), "{lost:?}");
    }

    #[test]
    fn a_write_is_torn_where_a_disk_may_tear_it() {
        let entry = Entry {
            kind: Kind::Write,
            at: 3584,
            length: 8704,
            data: 10_000,
            end: 0,
        };
        let parts: Vec<_> = pieces(&entry)
            .iter()
            .map(|p| (p.at, p.length, p.data))
            .collect();
        let wanted = [
            (3584, 512, 10_000),
            (4096, 4096, 10_512),
            (8192, 4096, 14_608),
        ];
        assert_eq!(parts, wanted);
    }

    #[test]
    fn what_is_written_through_stays() {
        let entry = |kind| Entry {
            kind,
            at: 0,
            length: 512,
            data: 512,
            end: 1024,
        };
        let log = WriteLog {
            path: "/log".into(),
            entries: vec![entry(Kind::WriteThrough)],
        };
        for seed in 0..32 {
            assert_eq!(Cut::at(&log, 1024, &mut Random::new(seed)).lost, []);
        }
    }

    #[test]
    fn points_are_as_many_as_wanted_in_order_and_a_quarter_of_them_promises() {
        let marks: Vec<u64> = (0..100).map(|number| number * 10).collect();
        let points = points(&marks, 0, 10_000, 20, &mut Random::new(1));
        assert!(points.len() == 20 && points.is_sorted());
        assert!(points.iter().filter(|point| marks.contains(point)).count() >= 5);
    }
}
