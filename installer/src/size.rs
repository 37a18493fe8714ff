//! Amounts of bytes as people write and read them.

/// Suffixes of `100G` and the like, in powers of 1024, as in all tools that partition disks.
const SUFFIXES: [(char, u32); 4] = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
/// Units in which sizes are shown: powers of 1000, as on the disks' labels.
const UNITS: [(&str, u64); 4] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
];

/// Reads `100G`, `512M`, `1.5T` or a number of bytes.
///
/// # Errors
/// When it is none of these.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("invalid size {text:?}; valid: 100G, 512M, 1.5T");
    let upper = text.trim().to_ascii_uppercase();
    let upper = upper.trim_end_matches("IB").trim_end_matches('B');
    let suffix = SUFFIXES.iter().find(|(letter, _)| upper.ends_with(*letter));
    let Some((letter, power)) = suffix else {
        return upper.parse().map_err(|_| wrong());
    };
    let number: f64 = upper
        .trim_end_matches(*letter)
        .parse()
        .map_err(|_| wrong())?;
    if !(0.0..=1e9).contains(&number) {
        return Err(wrong());
    }
    // In this range neither sign nor size can be lost, and half a byte does not matter.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bytes = (number * f64::from(1_u32 << (power - 10)) * 1024.0) as u64;
    Ok(bytes)
}

/// Writes a size so that it is read as the same: `100G`.
pub fn exact(bytes: u64) -> String {
    let fits = |(_, power): &&(char, u32)| bytes > 0 && bytes.is_multiple_of(1 << power);
    match SUFFIXES.iter().rev().find(fits) {
        Some((letter, power)) => format!("{}{letter}", bytes >> power),
        None => bytes.to_string(),
    }
}

/// Shows a size with two or three digits: `8.6 GB`, `210 MB`.
pub fn show(bytes: u64) -> String {
    let Some((unit, factor)) = UNITS.iter().find(|(_, factor)| bytes >= *factor) else {
        return format!("{bytes} bytes");
    };
    let tenths = bytes / (factor / 10);
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        assert_eq!(parse("100G"), Ok(100 << 30));
        assert_eq!(parse("1.5TiB"), Ok(3 << 39));
        assert_eq!(parse("512mb"), Ok(512 << 20));
        assert_eq!(parse("4097"), Ok(4097));
        for text in ["100G", "1536G", "3K", "4097", "0"] {
            assert_eq!(exact(parse(text).unwrap()), text);
        }
        assert!(parse("many").is_err() && parse("-1G").is_err() && parse("G").is_err());
    }

    #[test]
    fn sizes_are_shown_as_on_labels() {
        assert_eq!(show(8_589_934_592), "8.5 GB");
        assert_eq!(show(500_107_862_016), "500 GB");
        assert_eq!(show(12), "12 bytes");
    }
}
