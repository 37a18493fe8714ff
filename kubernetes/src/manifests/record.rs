//! Which objects came from which file: kept on disk, so that what left a file while the server was down is deleted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use system::durable;

use crate::api::ObjectRef;

/// Objects by manifest.
#[derive(Debug, Default)]
pub struct Record {
    path: PathBuf,
    files: BTreeMap<String, Vec<ObjectRef>>,
}

impl Record {
    /// Reads the record at `path`; none is an empty one. One that is damaged is set aside and begun anew, with a warning:
    /// then what has left a manifest meanwhile stays in the cluster.
    pub fn load(path: &Path) -> Self {
        let files = read(path).unwrap_or_else(|error| {
            let aside = path.with_extension("json.damaged");
            println!(
                "k3s: warning: {error:#}: it is begun anew, the damaged one is {}; objects that have left a manifest stay",
                aside.display()
            );
            // Should that fail, the file is replaced by the next round.
            let _ = std::fs::rename(path, aside);
            BTreeMap::new()
        });
        Record {
            path: path.into(),
            files,
        }
    }

    /// The names of the manifests.
    pub fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// Whether anything is noted of the manifest.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// What is noted of the manifest.
    pub fn objects(&self, name: &str) -> Vec<ObjectRef> {
        self.files.get(name).cloned().unwrap_or_default()
    }

    /// Adds the objects that are about to be applied, and returns those of the manifest that are no longer in it.
    ///
    /// # Errors
    /// Writing the record.
    pub fn begin(&mut self, name: &str, wanted: &[ObjectRef]) -> Result<Vec<ObjectRef>> {
        let old = self.files.get(name).cloned().unwrap_or_default();
        let gone: Vec<ObjectRef> = old
            .into_iter()
            .filter(|o| !self.is_wanted(name, wanted, o))
            .collect();
        self.set(name, wanted.iter().chain(&gone).cloned().collect())?;
        Ok(gone)
    }

    /// Notes that only `objects` are left of the manifest.
    ///
    /// # Errors
    /// Writing the record.
    pub fn set(&mut self, name: &str, objects: Vec<ObjectRef>) -> Result<()> {
        let changed = if objects.is_empty() {
            self.files.remove(name).is_some()
        } else {
            self.files.insert(name.into(), objects.clone()).as_ref() != Some(&objects)
        };
        if changed {
            durable::write_own(&self.path, serde_json::to_vec(&self.files)?, 0o600)?;
        }
        Ok(())
    }

    /// An object that moved to another manifest is still wanted.
    fn is_wanted(&self, name: &str, wanted: &[ObjectRef], object: &ObjectRef) -> bool {
        let others = self
            .files
            .iter()
            .filter(|(other, _)| *other != name)
            .flat_map(|(_, objects)| objects);
        wanted.iter().chain(others).any(|o| o.is_same(object))
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Vec<ObjectRef>>> {
    let doing = || format!("reading {}", path.display());
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(doing),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(doing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> ObjectRef {
        ObjectRef {
            version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: None,
            name: name.into(),
        }
    }

    #[test]
    fn what_left_a_file_is_gone_also_after_a_restart() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("applied.json");
        let mut record = Record::load(&path);
        assert!(record.begin("a", &[of("x"), of("y")])?.is_empty());
        let mut record = Record::load(&path);
        assert_eq!(record.begin("a", &[of("x")])?, [of("y")]);
        assert_eq!(
            Record::load(&path).begin("a", &[of("x")])?,
            [of("y")],
            "not deleted yet"
        );
        record.set("a", vec![of("x")])?;
        assert!(Record::load(&path).begin("a", &[of("x")])?.is_empty());
        Ok(())
    }

    #[test]
    fn what_moved_to_another_file_stays() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let mut record = Record::load(&dir.path().join("r"));
        record.begin("a", &[of("x")])?;
        record.begin("b", &[of("x")])?;
        assert!(record.begin("a", &[])?.is_empty());
        assert_eq!(record.names(), ["b"]);
        Ok(())
    }

    #[test]
    fn a_damaged_record_is_begun_anew() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("applied.json");
        for damage in ["", "{", "\0\0\0", r#"{"a": 1}"#] {
            std::fs::write(&path, damage)?;
            let mut record = Record::load(&path);
            assert!(record.names().is_empty(), "{damage:?}");
            record.begin("a", &[of("x")])?;
            assert_eq!(Record::load(&path).names(), ["a"]);
        }
        Ok(())
    }
}
