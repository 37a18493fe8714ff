//! How many lines that others can cause are told. Pure.

/// So many at once; and one more each interval.
const MOST_AT_ONCE: u64 = 20;

/// In milliseconds.
const INTERVAL: u64 = 1_000;

/// A bucket of lines that fills up again.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// When the bucket is full again, in milliseconds.
    full_at: u64,
    left_out: u64,
}

/// Whether a line may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is left out and counted.
    No,
    /// It is told.
    Yes,
    /// It is told, after so many were left out.
    After(u64),
}

impl Throttle {
    /// Asks for one line at `now`, in milliseconds.
    pub(super) fn admit(&mut self, now: u64) -> Admitted {
        let full_at = self.full_at.max(now) + INTERVAL;
        if full_at > now + MOST_AT_ONCE * INTERVAL {
            self.left_out += 1;
            return Admitted::No;
        }
        self.full_at = full_at;
        match std::mem::take(&mut self.left_out) {
            0 => Admitted::Yes,
            count => Admitted::After(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted_and_single_lines_pass() {
        let mut throttle = Throttle::default();
        let admitted = |throttle: &mut Throttle, at| {
            (0..1_000)
                .filter(|_| throttle.admit(at) != Admitted::No)
                .count()
        };
        assert_eq!(admitted(&mut throttle, 5_000), 20);
        assert_eq!(throttle.admit(6_000), Admitted::After(980));
        assert_eq!(throttle.admit(6_000), Admitted::No);
        assert_eq!(throttle.admit(60_000), Admitted::After(1));
        assert_eq!(throttle.admit(60_000), Admitted::Yes);
    }
}
