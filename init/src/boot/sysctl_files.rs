//! `sysctl.d` of the release: settings that Kubernetes and a safe machine need. The configuration's own come after.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Applies every `/etc/sysctl.d/*.conf`, in order of name; a setting that the kernel lacks is no error when its line
/// begins with `-` (sysctl.d(5)).
///
/// # Errors
/// Those settings that could not be made, all of them in one message.
pub fn apply(directory: &Path) -> Result<()> {
    let mut settings = BTreeMap::new();
    for text in read_all(directory)? {
        settings.extend(parse(&text));
    }
    let failures: Vec<String> = settings
        .iter()
        .filter_map(|(key, setting)| setting.write(key).err())
        .collect();
    anyhow::ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn read_all(directory: &Path) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "conf"));
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display())))
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    value: String,
    may_be_missing: bool,
}

impl Setting {
    fn write(&self, key: &str) -> Result<(), String> {
        let path = Path::new("/proc/sys").join(key.replace('.', "/"));
        if self.may_be_missing && !path.exists() {
            return Ok(());
        }
        fs::write(&path, &self.value)
            .map_err(|error| format!("setting {key} to {}: {error}", self.value))
    }
}

fn parse(text: &str) -> impl Iterator<Item = (String, Setting)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| {
            let may_be_missing = key.starts_with('-');
            let key = key.trim_start_matches('-').trim().to_string();
            let value = value.trim().to_string();
            (
                key,
                Setting {
                    value,
                    may_be_missing,
                },
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_skipped_and_a_dash_means_optional() {
        let settings: Vec<_> = parse("# x\n\nvm.max_map_count = 262144\n-kernel.a=1 2\n").collect();
        assert_eq!(settings[0].0, "vm.max_map_count");
        assert_eq!(settings[0].1.value, "262144");
        assert!(settings[1].1.may_be_missing);
        assert_eq!(settings[1].1.value, "1 2");
    }
}
