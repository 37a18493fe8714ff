//! Values of unit files: yes and no, spans of time, sizes, limits.

/// `RLIM_INFINITY`.
pub const UNLIMITED: u64 = u64::MAX;

/// Reads a boolean.
pub fn boolean(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Ok(false),
        _ => Err(format!("{value:?} is neither yes nor no")),
    }
}

/// Reads a span of time in milliseconds; a bare number is seconds, `infinity` is `None`.
pub fn span(value: &str) -> Result<Option<u64>, String> {
    if value == "infinity" {
        return Ok(None);
    }
    let wrong = || format!("{value:?} is not a span of time such as 5s, 2min or 1h 30s");
    let mut total = 0.0;
    let mut rest = value.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let tail = tail.trim_start();
        let unit_end = tail
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        total += number * milliseconds(unit).ok_or_else(wrong)?;
        rest = tail.trim_start();
    }
    Ok(Some(total.round() as u64))
}

fn milliseconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" | "usec" => 0.001,
        "ms" | "msec" => 1.0,
        "" | "s" | "sec" | "second" | "seconds" => 1000.0,
        "m" | "min" | "minute" | "minutes" => 60_000.0,
        "h" | "hr" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        "w" | "week" | "weeks" => 604_800_000.0,
        _ => return None,
    })
}

/// Reads a size in bytes with K, M, G, T (1024); `infinity` is [`UNLIMITED`].
pub fn size(value: &str) -> Result<u64, String> {
    if value == "infinity" {
        return Ok(UNLIMITED);
    }
    let wrong = || format!("{value:?} is not a number or size");
    let (number, shift) = match value.char_indices().last() {
        Some((at, 'K')) => (value.get(..at), 10),
        Some((at, 'M')) => (value.get(..at), 20),
        Some((at, 'G')) => (value.get(..at), 30),
        Some((at, 'T')) => (value.get(..at), 40),
        _ => (Some(value), 0),
    };
    let number: u64 = number
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(wrong)?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// Reads a resource limit, `soft:hard` or one for both.
pub fn limit(value: &str) -> Result<(u64, u64), String> {
    let (soft, hard) = value.split_once(':').unwrap_or((value, value));
    Ok((size(soft)?, size(hard)?))
}

/// The number of a resource as setrlimit(2) has it on x86 and arm64, from the key behind `Limit`.
pub fn resource(name: &str) -> Option<i32> {
    Some(match name {
        "CPU" => 0,
        "FSIZE" => 1,
        "DATA" => 2,
        "STACK" => 3,
        "CORE" => 4,
        "RSS" => 5,
        "NPROC" => 6,
        "NOFILE" => 7,
        "MEMLOCK" => 8,
        "AS" => 9,
        "LOCKS" => 10,
        "SIGPENDING" => 11,
        "MSGQUEUE" => 12,
        "NICE" => 13,
        "RTPRIO" => 14,
        "RTTIME" => 15,
        _ => return None,
    })
}

/// Reads an octal file mode.
pub fn mode(value: &str) -> Result<u32, String> {
    match u32::from_str_radix(value, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err(format!("{value:?} is not an octal mode such as 0755")),
    }
}

/// Reads a whole number within bounds.
pub fn integer(value: &str, lowest: i32, highest: i32) -> Result<i32, String> {
    match value.parse() {
        Ok(number) if (lowest..=highest).contains(&number) => Ok(number),
        _ => Err(format!(
            "{value:?} is not a number from {lowest} to {highest}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        assert_eq!(span("5"), Ok(Some(5_000)));
        assert_eq!(span("100ms"), Ok(Some(100)));
        assert_eq!(span("1min 30s"), Ok(Some(90_000)));
        assert_eq!(span("1.5h"), Ok(Some(5_400_000)));
        assert_eq!(span("infinity"), Ok(None));
        for bad in ["", "x", "5 parsecs", "5s x", "s"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_limits() {
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(limit("1024:524288"), Ok((1024, 524_288)));
        assert_eq!(limit("infinity"), Ok((UNLIMITED, UNLIMITED)));
        assert!(size("99999999999T").is_err());
        assert!(size("").is_err());
        assert!(limit("a:b").is_err());
    }

    #[test]
    fn booleans_modes_numbers() {
        assert_eq!(boolean("Yes"), Ok(true));
        assert!(boolean("maybe").is_err());
        assert_eq!(mode("0755"), Ok(0o755));
        assert!(mode("99").is_err());
        assert!(integer("1001", -1000, 1000).is_err());
    }
}
