//! When the state of a file system is worth a word. Pure.

use system::space::Space;

/// Less than this is little on any disk, in bytes.
const LEAST: u64 = 64 << 20;

/// Something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// There is little room left, or now none.
    Filling,
    /// There is room again.
    RoomAgain,
}

/// How much of a file system is left.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    #[default]
    Enough,
    /// Less than a twentieth, or less than [`LEAST`].
    Little,
    /// Less than a hundredth.
    None,
}

/// Remembers what was told, so that each state is told once until there is room again.
#[derive(Debug, Default)]
pub struct Levels {
    told: Level,
}

impl Levels {
    /// Takes the present state; returns what is to be told of it.
    pub fn take(&mut self, space: Space) -> Option<News> {
        let level = level(space);
        if level > self.told {
            self.told = level;
            return Some(News::Filling);
        }
        // Clearly more than when it was told: at the mark itself it would go to and fro.
        if self.told > Level::Enough && space.free > little(space.total) / 2 * 3 {
            self.told = Level::Enough;
            return Some(News::RoomAgain);
        }
        None
    }
}

/// Whether nothing useful fits any more.
pub fn is_full(space: Space) -> bool {
    space.free < space.total / 100 || space.free == 0
}

fn level(space: Space) -> Level {
    if is_full(space) {
        Level::None
    } else if space.free < little(space.total) {
        Level::Little
    } else {
        Level::Enough
    }
}

/// The mark below which there is little room. A tiny file system is not told full while half of it is free.
fn little(total: u64) -> u64 {
    (total / 20).max(LEAST).min(total / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn after(free: &[u64]) -> Vec<Option<News>> {
        let mut levels = Levels::default();
        let take = |free: &u64| {
            levels.take(Space {
                total: 4000 * MB,
                free: free * MB,
            })
        };
        free.iter().map(take).collect()
    }

    #[test]
    fn each_state_is_told_once() {
        let news = after(&[3000, 150, 120, 150, 10, 0, 5, 60, 0]);
        let told: Vec<_> = news.iter().map(Option::is_some).collect();
        assert_eq!(
            told,
            [false, true, false, false, true, false, false, false, false]
        );
        assert!(!news.contains(&Some(News::RoomAgain)));
    }

    #[test]
    fn it_is_told_anew_after_a_recovery() {
        let (filling, room) = (Some(News::Filling), Some(News::RoomAgain));
        assert_eq!(after(&[0, 250, 350, 0]), [filling, None, room, filling]);
    }

    #[test]
    fn small_file_systems_have_marks_that_fit() {
        let enough = |total: u64, free: u64| {
            let (total, free) = (total << 20, free << 20);
            level(Space { total, free }) == Level::Enough
        };
        assert!(!enough(600, 60));
        assert!(enough(600, 70));
        assert!(enough(64, 40));
        assert!(!enough(0, 0));
    }
}
