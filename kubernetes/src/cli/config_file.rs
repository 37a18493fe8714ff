//! `/etc/rancher/k3s/config.yaml` and `config.yaml.d/*.yaml`: flags as YAML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One key of a config file, as flags.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The file, for messages.
    pub file: PathBuf,
    /// The flag's name without dashes.
    pub key: String,
    /// Its values; several for a list.
    pub values: Vec<String>,
    /// Written `key+`: adds to what other files and the command line say.
    pub append: bool,
}

/// Reads `file` and then `file.d/*.yaml` in order of their names; a later file replaces a key of an earlier one.
///
/// # Errors
/// A file that cannot be read or parsed; a missing one only when it was asked for (`must_exist`).
pub fn load(file: &Path, must_exist: bool) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for path in files(file, must_exist) {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        for entry in parse(&path, &text)? {
            if !entry.append {
                entries.retain(|earlier: &Entry| earlier.key != entry.key);
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn files(file: &Path, must_exist: bool) -> Vec<PathBuf> {
    let mut drop_ins: Vec<PathBuf> = std::fs::read_dir(format!("{}.d", file.display()))
        .map(|dir| dir.filter_map(|e| Some(e.ok()?.path())).collect())
        .unwrap_or_default();
    drop_ins.retain(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    drop_ins.sort();
    let main = (must_exist || file.exists()).then(|| file.to_path_buf());
    main.into_iter().chain(drop_ins).collect()
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>> {
    let value: Value =
        serde_saphyr::from_str(text).with_context(|| format!("parsing {}", path.display()))?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| entry(path, &key, value))
            .collect(),
        _ => bail!(
            "parsing {}: a mapping of flag names to values is needed",
            path.display()
        ),
    }
}

fn entry(path: &Path, key: &str, value: Value) -> Result<Entry> {
    let name = key.strip_suffix('+').unwrap_or(key);
    let values = match value {
        Value::Array(items) => items
            .into_iter()
            .map(|v| scalar(path, name, v))
            .collect::<Result<_>>()?,
        Value::Null => Vec::new(),
        other => vec![scalar(path, name, other)?],
    };
    Ok(Entry {
        file: path.into(),
        key: name.replace('_', "-"),
        values,
        append: name != key,
    })
}

fn scalar(path: &Path, key: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => bail!(
            "parsing {}: '{key}' must be a text, a number, true or false, or a list of them",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Result<Vec<(String, Vec<String>)>> {
        Ok(parse(Path::new("c.yaml"), text)?
            .into_iter()
            .map(|e| (e.key, e.values))
            .collect())
    }

    #[test]
    fn scalars_and_lists_become_flags() -> Result<()> {
        let text = "write-kubeconfig-mode: \"0644\"\ntls-san:\n  - a\n  - b\ndebug: true\nhttps-listen-port: 6444\n";
        let mut found = flags(text)?;
        found.sort();
        let expected = [
            ("debug", vec!["true"]),
            ("https-listen-port", vec!["6444"]),
            ("tls-san", vec!["a", "b"]),
        ];
        for (key, values) in expected {
            assert!(
                found.contains(&(key.into(), values.iter().map(ToString::to_string).collect())),
                "{found:?}"
            );
        }
        assert!(found.contains(&("write-kubeconfig-mode".into(), vec!["0644".into()])));
        Ok(())
    }

    #[test]
    fn nested_maps_and_other_documents_are_refused() {
        assert!(flags("a:\n  b: c\n").is_err());
        assert!(flags("- a\n").is_err());
        assert!(flags("a: [").is_err());
    }

    #[test]
    fn an_empty_file_says_nothing() -> Result<()> {
        assert!(flags("")?.is_empty());
        Ok(())
    }

    #[test]
    fn drop_ins_replace_and_append() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let main = dir.path().join("config.yaml");
        let drop_in = dir.path().join("config.yaml.d");
        std::fs::create_dir(&drop_in)?;
        std::fs::write(&main, "token: a\ntls-san: [x]\n")?;
        std::fs::write(drop_in.join("10.yaml"), "token: b\ntls-san+: [z]\n")?;
        let entries = load(&main, false)?;
        let values = |key: &str| {
            entries
                .iter()
                .filter(|e| e.key == key)
                .flat_map(|e| e.values.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(values("token"), ["b"]);
        assert_eq!(values("tls-san"), ["x", "z"]);
        Ok(())
    }
}
