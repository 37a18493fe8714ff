//! Debian's root as a tar archive, made by mmdebstrap from the mirror that the image is made from.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use image_build::packages::SUITE;
use image_build::sources;

/// Which packages, and what is done with them.
#[derive(Debug)]
pub struct Root {
    /// The variant (what else is taken, whether anything runs), and whatever else differs.
    pub options: Vec<String>,
    /// Names, with commas between.
    pub packages: String,
    /// What runs at the end, in their order; the new root is `$1`.
    pub hooks: Vec<String>,
}

impl Root {
    /// The call that writes `archive`.
    pub fn command(&self, archive: &Path) -> Result<Command> {
        let mut command = Command::new("mmdebstrap");
        let hooks = self.hooks.iter();
        command
            .args(&self.options)
            .arg("--format=tar")
            .arg("--aptopt=Apt::Install-Recommends \"false\"")
            .arg(format!("--include={}", self.packages))
            .args(hooks.map(|hook| format!("--customize-hook={hook}")))
            .arg(SUITE)
            .arg(archive)
            .args(sources::lines()?);
        Ok(command)
    }
}
