//! A machine in memory, which records what is done to it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use super::{CommandLine, Content, Ended, Host, Switch};

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A file was written; a right one is not recorded.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        bytes: Vec<u8>,
        /// Its mode.
        mode: u32,
        /// Its user and group, where given.
        owner: (Option<u32>, Option<u32>),
    },
    /// A value was written to a file of the kernel.
    Kernel(PathBuf, String),
    /// A file's rights were taken from all but its owner.
    Restrict(PathBuf),
    /// A file was removed.
    Remove(PathBuf),
    /// A link was made: link, target.
    Link(PathBuf, PathBuf),
    /// A log was appended to.
    Append(PathBuf, Vec<u8>),
    /// The host name was set.
    Hostname(String),
    /// A module was loaded, with its parameters.
    Module(String, String),
    /// Something of a service was switched.
    Switch(Switch),
    /// A command was run.
    Run(CommandLine),
}

/// A machine in memory. What it is told to refuse fails; everything else works.
#[derive(Debug, Default)]
pub struct Recording {
    files: RefCell<BTreeMap<PathBuf, (Vec<u8>, u32)>>,
    links: RefCell<BTreeMap<PathBuf, PathBuf>>,
    actions: RefCell<Vec<Action>>,
    refused: BTreeSet<String>,
    answers: BTreeMap<String, String>,
}

impl Recording {
    /// A machine with these files.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let file =
            |(path, text): (&str, &str)| (PathBuf::from(path), (text.as_bytes().to_vec(), 0o644));
        let files = RefCell::new(files.into_iter().map(file).collect());
        Self {
            files,
            ..Self::default()
        }
    }

    /// Makes everything fail that concerns this path, module, host name, or last word of a command.
    #[must_use]
    pub fn refusing(mut self, what: &str) -> Self {
        self.refused.insert(what.to_owned());
        self
    }

    /// Takes a refusal back.
    #[must_use]
    pub fn allowing(mut self, what: &str) -> Self {
        self.refused.remove(what);
        self
    }

    /// Makes commands with this last word print a text.
    #[must_use]
    pub fn answering(mut self, last_word: &str, output: &str) -> Self {
        self.answers.insert(last_word.to_owned(), output.to_owned());
        self
    }

    /// What was done so far.
    pub fn actions(&self) -> Vec<Action> {
        self.actions.borrow().clone()
    }

    /// Forgets what was done so far.
    pub fn forget(&self) {
        self.actions.borrow_mut().clear();
    }

    /// A file's text, or nothing.
    pub fn text(&self, path: &str) -> Option<String> {
        let files = self.files.borrow();
        files
            .get(Path::new(path))
            .map(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned())
    }

    fn act(&self, what: &str, action: Action) -> Result<()> {
        if self.refused.contains(what) {
            bail!("touching {what}: refused by the test");
        }
        self.actions.borrow_mut().push(action);
        Ok(())
    }
}

impl Host for Recording {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self
            .files
            .borrow()
            .get(path)
            .map(|(bytes, _)| bytes.clone()))
    }

    fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let files = self.files.borrow();
        let inside = files
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let names: BTreeSet<_> = inside.filter_map(|rest| rest.iter().next()).collect();
        Ok(names
            .into_iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    fn write(&self, content: &Content<'_>) -> Result<bool> {
        let wanted = (content.bytes.to_vec(), content.mode);
        if self.files.borrow().get(content.path) == Some(&wanted) {
            return Ok(false);
        }
        let Content {
            path,
            bytes,
            mode,
            owner,
        } = *content;
        let action = Action::Write {
            path: path.into(),
            bytes: bytes.to_vec(),
            mode,
            owner,
        };
        self.act(&path.to_string_lossy(), action)?;
        self.files.borrow_mut().insert(path.into(), wanted);
        Ok(true)
    }

    fn write_kernel(&self, path: &Path, value: &str) -> Result<()> {
        self.act(
            &path.to_string_lossy(),
            Action::Kernel(path.into(), value.into()),
        )
    }

    fn restrict(&self, path: &Path) -> Result<bool> {
        let mut files = self.files.borrow_mut();
        let Some((_, mode)) = files.get_mut(path).filter(|(_, mode)| mode & 0o077 != 0) else {
            return Ok(false);
        };
        self.act(&path.to_string_lossy(), Action::Restrict(path.into()))?;
        *mode &= 0o700;
        Ok(true)
    }

    fn remove(&self, path: &Path) -> Result<bool> {
        if !self.files.borrow().contains_key(path) && !self.links.borrow().contains_key(path) {
            return Ok(false);
        }
        self.act(&path.to_string_lossy(), Action::Remove(path.into()))?;
        self.links.borrow_mut().remove(path);
        self.files.borrow_mut().remove(path);
        Ok(true)
    }

    fn link(&self, link: &Path, target: &Path) -> Result<bool> {
        if self
            .links
            .borrow()
            .get(link)
            .is_some_and(|present| present == target)
        {
            return Ok(false);
        }
        self.act(
            &link.to_string_lossy(),
            Action::Link(link.into(), target.into()),
        )?;
        self.links.borrow_mut().insert(link.into(), target.into());
        Ok(true)
    }

    fn append(&self, path: &Path, bytes: &[u8], _limit: u64) -> Result<()> {
        self.act(
            &path.to_string_lossy(),
            Action::Append(path.into(), bytes.to_vec()),
        )
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        self.act(name, Action::Hostname(name.into()))
    }

    fn load_module(&self, name: &str, parameters: &str) -> Result<()> {
        self.act(name, Action::Module(name.into(), parameters.into()))
    }

    fn run(&self, line: &CommandLine) -> Result<Ended> {
        let last = line.words.last().cloned().unwrap_or_default();
        self.act(&last, Action::Run(line.clone()))?;
        let code = if last == "false" { 1 } else { 0 };
        Ok(Ended {
            code: Some(code),
            signal: None,
            timed_out: false,
            output: self
                .answers
                .get(&last)
                .cloned()
                .unwrap_or_default()
                .into_bytes(),
            duration: Duration::ZERO,
        })
    }

    fn switch(&self, switch: &Switch) -> Result<()> {
        self.act(switch.service, Action::Switch(*switch))
    }

    fn random(&self, buffer: &mut [u8]) -> Result<()> {
        buffer
            .iter_mut()
            .zip(1..)
            .for_each(|(byte, value)| *byte = value);
        Ok(())
    }
}
