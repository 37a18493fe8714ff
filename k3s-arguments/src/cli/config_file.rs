//! `/etc/rancher/k3s/config.yaml` and `config.yaml.d/*.yaml`: flags as YAML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use config::tree::{self, Node, Value};

use super::Around;
use crate::yaml;

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
pub fn load(file: &Path, must_exist: bool, around: &Around) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for path in files(file, around) {
        let Some(text) = around.read(&path)? else {
            ensure!(
                !must_exist || path != file,
                "reading {}: there is no such file",
                path.display()
            );
            continue;
        };
        for entry in parse(&path, &text)? {
            if !entry.append {
                entries.retain(|earlier: &Entry| earlier.key != entry.key);
            }
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn files(file: &Path, around: &Around) -> Vec<PathBuf> {
    let mut drop_ins = around.list(Path::new(&format!("{}.d", file.display())));
    drop_ins.retain(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    std::iter::once(file.to_path_buf())
        .chain(drop_ins)
        .collect()
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>> {
    let document = yaml::document(text).with_context(|| format!("parsing {}", path.display()))?;
    match document.map(|node| node.value) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Map(entries)) => entries.into_iter().map(|e| entry(path, e)).collect(),
        Some(_) => bail!(
            "parsing {}: a mapping of flag names to values is needed",
            path.display()
        ),
    }
}

fn entry(path: &Path, entry: tree::Entry) -> Result<Entry> {
    let name = entry.key.strip_suffix('+').unwrap_or(&entry.key);
    let values = match entry.value.value {
        Value::List(items) => items
            .into_iter()
            .map(|item| scalar(path, name, item))
            .collect::<Result<_>>()?,
        Value::Null => Vec::new(),
        _ => vec![scalar(path, name, entry.value)?],
    };
    Ok(Entry {
        file: path.into(),
        key: name.replace('_', "-"),
        values,
        append: name != entry.key,
    })
}

/// The text as it was typed: `0644` is a mode, `1.10` a name and `0123456` a token.
fn scalar(path: &Path, key: &str, node: Node) -> Result<String> {
    match node.value {
        Value::Scalar(scalar) => Ok(scalar.text),
        _ => bail!(
            "parsing {}: line {}: '{key}' must be a text, a number, true or false, or a list of them",
            path.display(),
            node.place.line
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
    fn text_stays_as_it_was_typed() -> Result<()> {
        for text in [
            "0644", "0123456", "1.10", "1e3", "yes", "007", "0x1f", "10_000", "12:30",
        ] {
            let found = flags(&format!("token: {text}\n"))?;
            assert_eq!(found, [("token".to_string(), vec![text.to_string()])]);
        }
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
        let entries = load(
            &main,
            false,
            &Around {
                with_disk: true,
                ..Around::default()
            },
        )?;
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
