//! Applies the configuration to the machine in its phases: initrd, boot, runtime and install.
//!
//! [`collect`] reads the sources, [`config::load`] makes one configuration of them, [`Facts::gather`] looks at
//! the machine, [`plan`] computes the steps purely, and [`execute`] does them one after the other. [`run`] is
//! all of that. A step that fails is reported with its key and source, and the others go on.

pub mod cli;
pub mod metadata;

mod collect;
mod connman;
mod environment;
mod execute;
mod facts;
mod files;
pub mod kubernetes;
mod phase;
mod plan;
mod preview;
mod proxy;
mod remote_keys;
mod step;
mod unit;

use std::path::Path;

use config::Problem;
use system::host::Host;

pub use collect::{Collected, collect, collect_beneath};
pub use execute::{Outcome, execute, set_password};
pub use facts::Facts;
pub use phase::Phase;
pub use plan::plan;
pub use step::{Action, Step};

/// What happens while a phase is applied, in order.
#[derive(Debug)]
pub enum Event<'a> {
    /// A source or value does not apply, or perhaps not as meant.
    Problem(&'a Problem),
    /// A step was done or failed.
    Step(&'a Outcome),
}

/// What a phase came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps that were done.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Errors in the sources.
    pub errors: usize,
    /// Warnings in the sources.
    pub warnings: usize,
}

/// Applies one phase to this machine. `root` is where the sources are read, `/` but for tests.
pub fn run(
    phase: Phase,
    root: &Path,
    cmdline: &str,
    host: &dyn Host,
    report: &mut dyn FnMut(Event<'_>),
) -> Summary {
    let loaded = collect(root, cmdline).load();
    let mut summary = Summary::default();
    for problem in &loaded.problems {
        match problem.severity {
            config::Severity::Error => summary.errors += 1,
            config::Severity::Warning => summary.warnings += 1,
        }
        report(Event::Problem(problem));
    }
    let steps = plan(phase, &loaded, &Facts::gather(host));
    execute(&steps, host, &mut |outcome| {
        match outcome.error {
            None => summary.done += 1,
            Some(_) => summary.failed += 1,
        }
        report(Event::Step(outcome));
    });
    summary
}
