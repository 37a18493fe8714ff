//! The kernel options that the system needs, each with its reason, and the check of a kernel against them.
//!
//! ```
//! let report = kernel_config::check("CONFIG_CGROUPS=y\n# CONFIG_SQUASHFS is not set\n");
//! assert!(report.missing(kernel_config::Need::Required).any(|missing| missing.option.name == "SQUASHFS"));
//! ```

mod options;
mod parse;
mod report;

pub use options::{Need, OPTIONS, Option, User, Value};
pub use parse::{Config, Setting};
pub use report::{Missing, Report};

/// Checks the text of a kernel configuration (`/boot/config-…`, or the unpacked `/proc/config.gz`).
pub fn check(config: &str) -> Report {
    report::check(OPTIONS, &Config::parse(config))
}
