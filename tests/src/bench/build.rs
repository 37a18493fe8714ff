//! How long the build of the artefacts took.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Seconds, as `image-build --times` writes them. Steps whose result was kept from before are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Each step; some run at the same time.
    pub steps: BTreeMap<String, f64>,
    /// From start to end.
    pub total: f64,
}

impl Times {
    /// The steps, longest first.
    pub fn longest(&self) -> Vec<(&str, f64)> {
        let mut steps: Vec<(&str, f64)> = self
            .steps
            .iter()
            .map(|(name, &seconds)| (name.as_str(), seconds))
            .collect();
        steps.sort_by(|a, b| b.1.total_cmp(&a.1));
        steps
    }
}

/// The times in the file `path`; nothing where there is none.
pub fn read(path: &Path) -> Result<Option<Times>> {
    let reading = || format!("reading {}", path.display());
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(reading)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(reading),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_step_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("times.json");
        assert_eq!(read(&path).unwrap(), None);
        fs::write(&path, r#"{"steps": {"a": 1.5, "b": 20.0}, "total": 21.0}"#).unwrap();
        let times = read(&path).unwrap().unwrap();
        assert_eq!(times.longest(), [("b", 20.0), ("a", 1.5)]);
        fs::write(&path, "{").unwrap();
        assert!(read(&path).is_err());
    }
}
