//! Google Compute Engine.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::Value as Json;

use crate::Metadata;
use crate::http::{Http, Service, at_either};

/// By its addresses: its name is in no name server but Google's.
const ROOTS: [&str; 2] = [
    "http://169.254.169.254/computeMetadata/v1",
    "http://[fd20:ce::254]/computeMetadata/v1",
];

pub(super) fn read(http: &dyn Http) -> Result<Option<Metadata>> {
    at_either(ROOTS, |root| read_at(root, http))
}

fn read_at(root: &'static str, http: &dyn Http) -> Result<Option<Metadata>> {
    let service = Service::new(http, root).header("Metadata-Flavor", "Google");
    let Some(name) = service.text("/instance/hostname")? else {
        return Ok(None);
    };
    let userdata = match service.bytes("/instance/attributes/user-data")? {
        None => service.bytes("/instance/attributes/userdata")?,
        some => some,
    };
    Ok(Some(Metadata {
        // box.us-central1-a.c.project.internal may be longer than the kernel takes.
        hostname: name.split('.').next().map(str::to_owned),
        local_hostname: None,
        keys: all_keys(&service)?,
        userdata,
    }))
}

/// The instance's keys, and the project's unless the instance refuses them.
fn all_keys(service: &Service<'_>) -> Result<Vec<String>> {
    let own = service
        .text("/instance/attributes/ssh-keys")?
        .unwrap_or_default();
    let now = now();
    let mut found = keys(&own, &now);
    let blocked = service.text("/instance/attributes/block-project-ssh-keys")?;
    if !blocked.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        found.extend(keys(
            &service
                .text("/project/attributes/ssh-keys")?
                .unwrap_or_default(),
            &now,
        ));
    }
    Ok(found)
}

/// `USER:ssh-rsa KEY COMMENT` → `ssh-rsa KEY COMMENT`, one a line. There is one user here. Keys that Google's tools made for a
/// while, `… google-ssh {"userName": …, "expireOn": "2026-01-31T10:00:00+0000"}`, are left out behind that time.
pub fn keys(lines: &str, now: &str) -> Vec<String> {
    let key = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
    lines
        .lines()
        .filter_map(key)
        .filter(|key| !key.is_empty() && !is_expired(key, now))
        .collect()
}

/// A time that cannot be read is none to trust a key by.
fn is_expired(key: &str, now: &str) -> bool {
    let Some((_, json)) = key.split_once(" google-ssh ") else {
        return false;
    };
    let json = serde_json::from_str::<Json>(json.trim()).ok();
    let until = json.as_ref().and_then(|json| json.get("expireOn"));
    match until.and_then(Json::as_str).map(in_utc) {
        Some(Some(until)) => until.as_str() <= now,
        Some(None) => true,
        // Without a time it is a key for ever, and other text a comment.
        None => until.is_some(),
    }
}

/// `2026-01-31T10:00:00+0000` or `…Z` → `2026-01-31T10:00:00`, which sorts as times do. Google writes no other zone.
fn in_utc(time: &str) -> Option<String> {
    let (time, zone) = time.split_at_checked(19)?;
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let is_utc = matches!(zone, "Z" | "+0000" | "+00:00" | "-0000");
    let is_time = time.chars().enumerate().all(|(at, c)| match at {
        4 | 7 => c == '-',
        10 => c == 'T',
        13 | 16 => c == ':',
        _ => c.is_ascii_digit(),
    });
    (is_utc && is_time).then(|| time.to_owned())
}

/// The present time as Google writes it, in UTC.
fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The date that lies this many days behind 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_whose_time_is_over_are_left_out() {
        let key = |until: &str| {
            format!("me:ssh-rsa A google-ssh {{\"userName\":\"me@x\",\"expireOn\":{until}}}")
        };
        let found = |until: &str| keys(&key(until), "2026-01-31T10:00:00").len();
        for over in [
            "\"2026-01-31T09:59:59+0000\"",
            "\"2026-01-31T10:00:00Z\"",
            "\"soon\"",
            "5",
            "\"2027-01-31T10:00:00+0200\"",
        ] {
            assert_eq!(found(over), 0, "{over}");
        }
        for left in [
            "\"2026-01-31T10:00:01+0000\"",
            "\"2026-12-01T00:00:00.123Z\"",
        ] {
            assert_eq!(found(left), 1, "{left}");
        }
        let others = "me:ssh-rsa A google-ssh\nme:ssh-rsa B google-ssh {\"userName\":\"me\"}\nme:ssh-rsa C me@x\n";
        assert_eq!(keys(others, "2026-01-31T10:00:00").len(), 3);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (20_788, (2026, 12, 1)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected);
        }
    }
}
