//! Userdata in a file of the machine: `file=/PATH`.

use std::fs;
use std::io::{ErrorKind, Read};

use anyhow::{Context, Result};

use super::{Provider, Reach};
use crate::Metadata;

pub(super) struct File {
    name: String,
    path: String,
}

impl File {
    pub(super) fn new(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
        }
    }
}

impl Provider for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn reach(&self) -> Reach {
        Reach::Local
    }

    fn look(&self) -> Result<Option<Metadata>> {
        let reading = || format!("reading {}", self.path);
        let file = match fs::File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.with_context(reading)?,
        };
        let mut userdata = Vec::new();
        let limit = config::yaml::MAX_BYTES as u64 + 1;
        file.take(limit)
            .read_to_end(&mut userdata)
            .with_context(reading)?;
        Ok(Some(Metadata {
            userdata: Some(userdata),
            ..Metadata::default()
        }))
    }
}
