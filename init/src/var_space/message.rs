//! The words for a full `/var`. Pure.

use std::path::PathBuf;

use system::space::Space;

use super::level::is_full;

/// What is full, and what fills it: `/var is full (0 of 3.1 GB left). The largest: /var/lib/hog 2.9 GB. …`.
pub fn filling(space: Space, largest: &[(PathBuf, u64)]) -> String {
    let how = if is_full(space) {
        "full"
    } else {
        "nearly full"
    };
    let named: Vec<String> = largest
        .iter()
        .map(|(path, bytes)| format!("{} {}", printable(&path.to_string_lossy()), size(*bytes)))
        .collect();
    let named = match named.is_empty() {
        true => String::new(),
        false => format!(" The largest: {}.", named.join(", ")),
    };
    format!(
        "/var is {how} ({}).{named} Remove what is not needed.",
        left(space)
    )
}

/// That it is over.
pub fn room_again(space: Space) -> String {
    format!("/var has room again ({}).", left(space))
}

fn left(space: Space) -> String {
    format!("{} of {} left", size(space.free), size(space.total))
}

/// A file's name may hold anything; a console must not be told to do anything by it.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Bytes for people: `0`, `640 kB`, `3 MB`, `2.9 GB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes == 0 {
        return "0".into();
    }
    // In tenths of the unit, so that rounding is done once.
    let (mut tenths, mut unit) = (bytes.div_ceil(100), 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths.div_ceil(1000), unit + 1);
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    match (tenths / 10, tenths % 10) {
        (whole, 0) => format!("{whole} {unit}"),
        (whole, _) if whole >= 10 => format!("{whole} {unit}"),
        (whole, tenth) => format!("{whole}.{tenth} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    #[test]
    fn it_says_what_is_left_and_what_is_large() {
        let space = |free| Space {
            total: 3_100_000_000,
            free,
        };
        let largest = [
            ("/var/lib/hog".into(), 2_900_000_000),
            ("/var/lib/rancher".into(), 120_000_000),
            ("/var/log".into(), 3_000_000),
        ];
        assert_eq!(
            filling(space(0), &largest),
            "/var is full (0 of 3.1 GB left). The largest: /var/lib/hog 2.9 GB, /var/lib/rancher 120 MB, \
             /var/log 3 MB. Remove what is not needed."
        );
        assert_eq!(
            filling(space(100_000_000), &[]),
            "/var is nearly full (100 MB of 3.1 GB left). Remove what is not needed."
        );
        assert_eq!(
            room_again(space(2 * GB)),
            "/var has room again (2 GB of 3.1 GB left)."
        );
    }

    #[test]
    fn names_cannot_play_tricks_on_a_terminal() {
        let space = Space { total: GB, free: 0 };
        let text = filling(space, &[("/var/\u{1b}[2J\n\\d".into(), GB)]);
        assert!(text.contains("/var/?[2J?\\d 1 GB"), "{text}");
    }

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (bytes, text) in [
            (0, "0"),
            (1, "0.1 kB"),
            (999_999, "1 MB"),
            (9_940_000, "10 MB"),
            (640_000, "640 kB"),
            (2_850_000_000, "2.9 GB"),
            (5_000 * GB, "5 TB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
