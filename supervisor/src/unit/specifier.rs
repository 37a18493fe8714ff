//! `%` specifiers in unit files.

use super::name::{Name, unescape};

/// Replaces specifiers in a value. One that is not known is an error that names it.
pub fn expand(value: &str, unit: &Name<'_>) -> Result<String, String> {
    let mut result = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            result.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => result.push('%'),
            Some(specifier) => result.push_str(&replace(specifier, unit)?),
            None => result.push('%'),
        }
    }
    Ok(result)
}

fn replace(specifier: char, unit: &Name<'_>) -> Result<String, String> {
    let instance = unit.instance.unwrap_or_default();
    Ok(match specifier {
        'i' => instance.to_owned(),
        'I' => unescape(instance),
        'n' => unit.full.to_owned(),
        'N' => stem(unit).to_owned(),
        'p' => unit.prefix.to_owned(),
        'P' => unescape(unit.prefix),
        'f' if instance.is_empty() => format!("/{}", unescape(unit.prefix)),
        'f' => format!("/{}", unescape(instance)),
        't' => "/run".to_owned(),
        'S' => "/var/lib".to_owned(),
        'C' => "/var/cache".to_owned(),
        'L' => "/var/log".to_owned(),
        'E' => "/etc".to_owned(),
        'T' => "/tmp".to_owned(),
        'V' => "/var/tmp".to_owned(),
        'u' | 'g' => "root".to_owned(),
        'U' | 'G' => "0".to_owned(),
        'h' => "/root".to_owned(),
        'H' => read("/proc/sys/kernel/hostname"),
        'l' => read("/proc/sys/kernel/hostname")
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned(),
        'm' => read("/etc/machine-id"),
        'b' => read("/proc/sys/kernel/random/boot_id").replace('-', ""),
        'v' => read("/proc/sys/kernel/osrelease"),
        other => return Err(format!("the specifier %{other} is not known")),
    })
}

fn stem<'a>(unit: &Name<'a>) -> &'a str {
    unit.full
        .rsplit_once('.')
        .map_or(unit.full, |(stem, _)| stem)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_instances() {
        let name = Name::parse(r"serial-getty@dev-ttyS0\x2db.service").unwrap();
        let expand = |text| expand(text, &name).unwrap();
        assert_eq!(expand("%i"), r"dev-ttyS0\x2db");
        assert_eq!(expand("/%I"), "/dev/ttyS0-b");
        assert_eq!(
            expand("%p|%n"),
            r"serial-getty|serial-getty@dev-ttyS0\x2db.service"
        );
        assert_eq!(expand("%t/x 100%% %"), "/run/x 100% %");
    }

    #[test]
    fn unknown_ones_are_named() {
        let name = Name::parse("a.service").unwrap();
        assert_eq!(
            super::expand("%Z", &name).unwrap_err(),
            "the specifier %Z is not known"
        );
    }
}
