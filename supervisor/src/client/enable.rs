//! `enable`, `disable`, `mask`, `unmask`, `is-enabled`: links in the persistent directory of unit files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::store::{Found, Store};
use crate::unit::Unit;
use crate::unit::name::Name;

/// What was done, for a person.
pub type Done = Vec<String>;

/// Unit files and where links to them are kept.
#[derive(Debug, Clone)]
pub struct Links {
    /// The unit files.
    pub store: Store,
    /// The directory for our links; one of the store's.
    pub directory: PathBuf,
}

impl Links {
    /// Makes the links that `[Install]` asks for, those of units in `Also=` too.
    pub fn enable(&self, name: &str) -> Result<Done, String> {
        let unit = match self.store.find(name) {
            Found::Missing => return Err(format!("there is no unit file {name}")),
            Found::Masked(path) => return Err(format!("{name} is masked by {}", path.display())),
            Found::File(..) => self.store.load(name).0,
        };
        let install = &unit.install;
        let is_empty = install.wanted_by.is_empty() && install.required_by.is_empty();
        if is_empty && install.alias.is_empty() && install.also.is_empty() {
            return Err(format!(
                "{name} has nothing in [Install] that enabling it could do"
            ));
        }
        let mut done = self.link_unit(&unit)?;
        for other in install.also.iter().filter(|other| **other != unit.name) {
            done.extend(self.link_unit(&self.store.load(other).0)?);
        }
        Ok(done)
    }

    fn link_unit(&self, unit: &Unit) -> Result<Done, String> {
        let install = &unit.install;
        let Some(file) = unit.files.first() else {
            return Ok(Vec::new());
        };
        let name = instance(&unit.name, install.default_instance.as_deref());
        let mut done = Vec::new();
        for (targets, kind) in [
            (&install.wanted_by, "wants"),
            (&install.required_by, "requires"),
        ] {
            for target in targets {
                let link = self.directory.join(format!("{target}.{kind}")).join(&name);
                done.extend(self.link(&link, file)?);
            }
        }
        for alias in install.alias.iter().filter(|alias| **alias != name) {
            done.extend(self.link(&self.directory.join(alias), file)?);
        }
        Ok(done)
    }

    /// Removes every link that wants the unit. One that the image brings is masked by one to /dev/null.
    pub fn disable(&self, name: &str) -> Result<Done, String> {
        if self.store.find(name) == Found::Missing {
            return Err(format!("there is no unit file {name}"));
        }
        let mut done = Vec::new();
        for (target, kind) in self.store.wanted_by(name) {
            let link = self.directory.join(format!("{target}.{kind}")).join(name);
            if link.symlink_metadata().is_ok() {
                done.extend(remove(&link)?);
            }
            if self.store.linked(&target, kind).contains(name) {
                done.extend(self.link(&link, Path::new("/dev/null"))?);
            }
        }
        Ok(done)
    }

    /// Makes a unit impossible to start.
    pub fn mask(&self, name: &str) -> Result<Done, String> {
        self.link(&self.directory.join(name), Path::new("/dev/null"))
    }

    /// Undoes [`Links::mask`].
    pub fn unmask(&self, name: &str) -> Result<Done, String> {
        let link = self.directory.join(name);
        match fs::read_link(&link).is_ok_and(|target| target == Path::new("/dev/null")) {
            true => remove(&link),
            false => Ok(Vec::new()),
        }
    }

    /// systemd's word for whether a unit is enabled.
    pub fn state(&self, name: &str) -> &'static str {
        let (path, true_name) = match self.store.find(name) {
            Found::Missing => return "not-found",
            Found::Masked(_) => return "masked",
            Found::File(path, true_name) => (path, true_name),
        };
        if !self.store.wanted_by(name).is_empty() || !self.store.wanted_by(&true_name).is_empty() {
            return "enabled";
        }
        if true_name != name {
            return "alias";
        }
        let install = self.store.load(name).0.install;
        let installable: BTreeSet<_> = install.wanted_by.union(&install.required_by).collect();
        match (installable.is_empty(), path.starts_with("/run")) {
            (true, true) => "generated",
            (true, false) => "static",
            (false, _) => "disabled",
        }
    }

    fn link(&self, link: &Path, target: &Path) -> Result<Done, String> {
        if fs::read_link(link).is_ok_and(|present| present == target) {
            return Ok(Vec::new());
        }
        let made = || -> io::Result<()> {
            if let Some(directory) = link.parent() {
                fs::create_dir_all(directory)?;
            }
            match fs::remove_file(link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            symlink(target, link)
        };
        made().map_err(|error| format!("linking {}: {error}", link.display()))?;
        Ok(vec![format!(
            "Created {} → {}",
            link.display(),
            target.display()
        )])
    }
}

fn remove(link: &Path) -> Result<Done, String> {
    fs::remove_file(link).map_err(|error| format!("removing {}: {error}", link.display()))?;
    Ok(vec![format!("Removed {}", link.display())])
}

/// A template is enabled as its default instance.
fn instance(name: &str, default: Option<&str>) -> String {
    match (Name::parse(name), default) {
        (Some(parsed), Some(default)) if parsed.instance == Some("") => {
            format!("{}@{default}.{}", parsed.prefix, parsed.kind)
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> (tempfile::TempDir, Links) {
        let root = tempfile::tempdir().unwrap();
        let (usr, own) = (root.path().join("usr"), root.path().join("own"));
        fs::create_dir_all(usr.join("m.target.wants")).unwrap();
        let unit = "[Service]\nExecStart=/a\n[Install]\nWantedBy=m.target\n";
        fs::write(usr.join("a.service"), unit).unwrap();
        fs::write(usr.join("b.service"), unit).unwrap();
        fs::write(usr.join("s.service"), "[Service]\nExecStart=/a\n").unwrap();
        fs::write(
            usr.join("g@.service"),
            format!("{unit}DefaultInstance=one\n"),
        )
        .unwrap();
        symlink("../b.service", usr.join("m.target.wants/b.service")).unwrap();
        let store = Store::new(vec![usr, own.clone()]);
        (
            root,
            Links {
                store,
                directory: own,
            },
        )
    }

    #[test]
    fn enabling_and_disabling_last() {
        let (_root, links) = links();
        assert_eq!(links.state("a.service"), "disabled");
        assert_eq!(links.enable("a.service").unwrap().len(), 1);
        assert_eq!(links.enable("a.service").unwrap().len(), 0);
        assert_eq!(links.state("a.service"), "enabled");
        assert_eq!(links.disable("a.service").unwrap().len(), 1);
        assert_eq!(links.state("a.service"), "disabled");
        assert!(links.enable("none.service").is_err());
        assert!(links.enable("s.service").unwrap_err().contains("[Install]"));
        assert_eq!(links.state("s.service"), "static");
    }

    #[test]
    fn what_the_image_enables_can_be_disabled_and_enabled_again() {
        let (_root, links) = links();
        assert_eq!(links.state("b.service"), "enabled");
        links.disable("b.service").unwrap();
        assert_eq!(links.state("b.service"), "disabled");
        links.enable("b.service").unwrap();
        assert_eq!(links.state("b.service"), "enabled");
        links.disable("b.service").unwrap();
        assert_eq!(links.state("b.service"), "disabled");
    }

    #[test]
    fn masks_and_default_instances() {
        let (_root, links) = links();
        links.mask("a.service").unwrap();
        assert_eq!(links.state("a.service"), "masked");
        assert!(links.enable("a.service").unwrap_err().contains("masked"));
        links.unmask("a.service").unwrap();
        assert_eq!(links.state("a.service"), "disabled");
        links.enable("g@.service").unwrap();
        assert_eq!(links.state("g@one.service"), "enabled");
    }
}
