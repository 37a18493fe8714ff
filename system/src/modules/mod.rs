//! Kernel modules: finding a driver by alias or name, its dependencies, and loading them.

mod glob;
mod index;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;

pub use index::Index;

/// finit_module(2): the kernel decompresses the file itself.
const MODULE_INIT_COMPRESSED_FILE: i32 = 4;

/// The modules of the running kernel, and which of them this loader has loaded.
#[derive(Debug)]
pub struct Loader {
    directory: PathBuf,
    index: Index,
    loaded: BTreeSet<String>,
}

impl Loader {
    /// Reads the lists that depmod wrote for the running kernel under `/lib/modules`.
    ///
    /// # Errors
    /// When the kernel's release cannot be told. Missing lists make an empty index.
    pub fn for_running_kernel() -> Result<Self> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("reading the kernel's release from /proc/sys/kernel/osrelease")?;
        Ok(Self::at(Path::new("/lib/modules").join(release.trim())))
    }

    /// The same for a directory given by the caller.
    pub fn at(directory: PathBuf) -> Self {
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
        let index = Index::parse(
            &read("modules.alias"),
            &read("modules.dep"),
            &read("modules.softdep"),
            &read("modules.builtin"),
        );
        Self {
            directory,
            index,
            loaded: BTreeSet::new(),
        }
    }

    /// Loads every module that serves one of these aliases, with what it depends on. Returns the modules that failed.
    pub fn load_aliases<'a>(
        &mut self,
        aliases: impl IntoIterator<Item = &'a str>,
    ) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        for alias in aliases {
            for name in self.index.by_alias(alias) {
                if let Err(error) = self.load_with_dependencies(&name, "") {
                    failures.push(error);
                }
            }
        }
        failures
    }

    /// The same for drivers whose file lies below `directory`, such as `kernel/drivers/watchdog/`.
    pub fn load_aliases_in(&mut self, directory: &str, aliases: &[String]) -> Vec<anyhow::Error> {
        let served = aliases.iter().flat_map(|alias| self.index.by_alias(alias));
        let is_below = |name: &String| {
            let files = self.index.load_order(name);
            files.iter().any(|file| {
                file.starts_with(directory) && index::module_name(file) == index::normalise(name)
            })
        };
        let wanted: Vec<_> = served.filter(is_below).collect();
        let loaded = wanted
            .iter()
            .map(|name| self.load_with_dependencies(name, ""));
        loaded.filter_map(Result::err).collect()
    }

    /// Loads a module by name (or alias) with parameters; what is built in or loaded already is fine.
    ///
    /// # Errors
    /// When there is no such module, or the kernel refuses it.
    pub fn load(&mut self, name: &str, parameters: &str) -> Result<()> {
        if self.index.knows(name) {
            return self.load_with_dependencies(name, parameters);
        }
        let served = self.index.by_alias(name);
        if served.is_empty() {
            anyhow::bail!(
                "loading the module {name}: there is none of this name or alias in {}",
                self.directory.display()
            );
        }
        served
            .iter()
            .try_for_each(|name| self.load_with_dependencies(name, parameters))
    }

    fn load_with_dependencies(&mut self, name: &str, parameters: &str) -> Result<()> {
        for file in self.index.load_order(name) {
            let module = index::module_name(&file);
            let own_parameters = if module == index::normalise(name) {
                parameters
            } else {
                ""
            };
            if self.loaded.insert(module) {
                insert_module(&self.directory.join(&file), own_parameters)?;
            }
        }
        Ok(())
    }
}

fn insert_module(path: &Path, parameters: &str) -> Result<()> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let flags = if path.extension().is_some_and(|e| e == "ko") {
        0
    } else {
        MODULE_INIT_COMPRESSED_FILE
    };
    let parameters = CString::new(parameters).context("module parameters hold a NUL byte")?;
    // SAFETY: the descriptor is open, and the string ends with NUL and outlives the call.
    let result = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_finit_module,
            file.as_raw_fd(),
            parameters.as_ptr(),
            flags,
        )
    };
    match Errno::result(result) {
        Ok(_) | Err(Errno::EEXIST) => Ok(()),
        // No such hardware: the driver is right to refuse.
        Err(Errno::ENODEV) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("loading the module {}", path.display())),
    }
}

/// The aliases of all devices that the kernel knows now.
pub fn device_aliases() -> Vec<String> {
    let mut aliases = BTreeSet::new();
    collect_aliases(Path::new("/sys/devices"), &mut aliases);
    aliases.into_iter().collect()
}

fn collect_aliases(directory: &Path, aliases: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        // `file_type` does not follow links, so the loops in /sys are not walked.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect_aliases(&entry.path(), aliases),
            Ok(_) if entry.file_name() == "modalias" => {
                let alias = fs::read_to_string(entry.path()).unwrap_or_default();
                if !alias.trim().is_empty() {
                    aliases.insert(alias.trim().to_string());
                }
            }
            _ => {}
        }
    }
}
