//! The release's own manifests, copied into the manifests directory at start.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::keep;

/// `%{NAME}%` in a bundled manifest and what it stands for.
pub type Substitution = (&'static str, String);

/// Copies each bundled manifest with its substitutions made; removes those that are disabled. A manifest may be disabled by its file's name without the extension.
///
/// # Errors
/// Reading or writing any of them.
pub fn install(
    from: &Path,
    to: &Path,
    values: &[Substitution],
    is_disabled: impl Fn(&str) -> bool,
) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let source = entry
            .with_context(|| format!("reading {}", from.display()))?
            .path();
        let (Some(name), Some(stem)) = (source.file_name(), source.file_stem()) else {
            continue;
        };
        let target = to.join(name);
        if is_disabled(&stem.to_string_lossy()) {
            remove(&target)?;
            continue;
        }
        let text =
            fs::read_to_string(&source).with_context(|| format!("reading {}", source.display()))?;
        keep::write(&target, substitute(&text, values), 0o600)?;
    }
    Ok(())
}

/// The names of the bundled manifests that are disabled.
pub fn disabled(from: &Path, is_disabled: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(from).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let stem = |name: &String| name.split('.').next().is_some_and(&is_disabled);
    names.filter(stem).collect()
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn substitute(text: &str, values: &[Substitution]) -> String {
    values.iter().fold(text.to_string(), |text, (name, value)| {
        text.replace(&format!("%{{{name}}}%"), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_copied_changed_and_disabled() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir(&from)?;
        fs::write(from.join("coredns.yaml"), "ip: %{DNS}% %{OTHER}%")?;
        install(&from, &to, &[("DNS", "10.43.0.10".into())], |_| false)?;
        assert_eq!(
            fs::read_to_string(to.join("coredns.yaml"))?,
            "ip: 10.43.0.10 %{OTHER}%"
        );
        install(&from, &to, &[], |part| part == "coredns")?;
        assert!(!to.join("coredns.yaml").exists());
        assert_eq!(disabled(&from, |part| part == "coredns"), ["coredns.yaml"]);
        assert!(disabled(&from, |part| part == "other").is_empty());
        Ok(())
    }
}
