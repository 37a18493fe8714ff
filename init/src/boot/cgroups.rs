//! Whether the kernel can limit pods. Where a controller is switched off, as the memory controller is on Raspberry Pis, the node gets
//! Ready all the same, and pods do not start, for a reason that nobody understands: so it is told first.

use std::path::Path;

use anyhow::{Result, bail};
use board::check::{Facts, Finding, Level, cgroups};

use crate::first_stage::RUN;
use crate::initrd::{Mode, STATE};
use crate::notice::Notice;

const NOTICE: Notice = Notice("40-cgroups");

/// Looks at them, on a node that was booted in `mode`.
///
/// # Errors
/// When one is missing; the message says what to change, and stands above the login prompt, too.
pub(super) fn look(mode: &str) -> Result<()> {
    let on_a_board = mode == Mode::Local.name();
    let root = if on_a_board { STATE } else { "/" };
    let finding = cgroups(&Facts::of_cgroups(Path::new(root)));
    if finding.level != Level::Problem {
        return Ok(());
    }
    let message = message(&finding, on_a_board);
    match NOTICE.show(Path::new(RUN), &message) {
        Ok(()) => bail!(message),
        Err(error) => Err(error.context(message)),
    }
}

fn message(finding: &Finding, on_a_board: bool) -> String {
    let advice = match &finding.advice {
        Some(advice) if on_a_board => advice,
        // Our own kernel has them all, unless it is told otherwise.
        _ => "take cgroup_disable=… off the kernel's command line, and start the machine again",
    };
    format!(
        "The kernel's cgroup controllers are {}. Pods with such a limit do not start, nor does the cluster's DNS. What to do: {advice}.",
        finding.found
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_told_where_and_others_what_they_did() {
        let facts = Facts {
            controllers: Some(vec!["cpu".into(), "cpuset".into(), "pids".into()]),
            loader_files: vec!["boot/firmware/cmdline.txt"],
            ..Facts::default()
        };
        let finding = cgroups(&facts);
        let told = message(&finding, true);
        assert!(
            told.contains("switched off: memory") && told.contains("/boot/firmware/cmdline.txt"),
            "{told}"
        );
        let told = message(&finding, false);
        assert!(
            told.contains("cgroup_disable") && !told.contains("cmdline.txt"),
            "{told}"
        );
    }
}
