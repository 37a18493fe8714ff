//! The end: everything written, nothing mounted writable. The supervisor has ended all processes by then.
//!
//! PID 1 itself asks no file system for anything here: each call that may never come back is made by a thread, which is
//! waited for as long as something moves (`system::write_back`). So a disk that stands still, or a file server that is gone,
//! costs the end some seconds, and neither it nor what lies on other disks.

mod plan;

use std::time::Instant;

use system::console;
use system::mount::{self, abandon, remount_read_only, unmount};
use system::power::{PowerState, end_now};
use system::write_back::{Job, MOST, STILL, Unfinished, run_all};

use crate::clock;
use crate::watchdog;
use plan::Plan;

/// Ends the machine. Whatever cannot be ended cleanly is reported, and does not keep the machine from ending.
pub fn finish(state: PowerState) -> ! {
    console::line("writing what is not yet on the disks");
    // Where this hangs all the same, the watchdog ends the machine.
    watchdog::allow(MOST + STILL);
    let deadline = Instant::now() + MOST;
    let mounts = mount::list().unwrap_or_default();
    let silent = write(&Plan::of(&mounts, &[]), deadline);
    console::line("unmounting");
    let plan = Plan::of(&mounts, &silent);
    release(&plan, deadline);
    protect(&plan, deadline);
    if state != PowerState::Reboot {
        watchdog::disarm();
    }
    let Err(error) = end_now(state);
    console::line(&format!("{error:#}; switch the machine off by hand"));
    loop {
        std::thread::park();
    }
}

/// Writes each file system, all at once. Gives the targets of those that did not answer.
fn write(plan: &Plan, deadline: Instant) -> Vec<String> {
    let mut jobs = vec![job("the clock".into(), clock::keep)];
    for target in plan.written.clone() {
        let name = target.display().to_string();
        jobs.push(job(name, move || mount::flush(&target)));
    }
    // What no mount of ours shows, such as a file system that only a container had mounted.
    jobs.push(job("all the rest".into(), || {
        nix::unistd::sync();
        Ok(())
    }));
    let unfinished = run_all(jobs, deadline);
    for job in &unfinished {
        report(job, "not written");
    }
    let silent = unfinished.into_iter().filter(|job| job.error.is_none());
    silent.map(|job| job.name).collect()
}

/// Takes away what does not answer, then unmounts the others from the last to the first. What cannot be unmounted is
/// looked after by [`protect`].
fn release(plan: &Plan, deadline: Instant) {
    let abandoned = plan.abandoned.clone().into_iter();
    let jobs = abandoned.map(|target| job(target.display().to_string(), move || abandon(&target)));
    run_all(jobs.collect(), deadline)
        .iter()
        .for_each(|job| report(job, "not unmounted"));
    let targets = plan.unmounted.clone();
    let all = job("unmounting".into(), move || {
        for target in targets {
            let _ = unmount(&target);
        }
        Ok(())
    });
    run_all(vec![all], deadline)
        .iter()
        .for_each(|job| report(job, "not finished"));
}

/// Makes read-only what is still used (the squashfs that PID 1 runs from, and what holds it): as good for the disk.
fn protect(plan: &Plan, deadline: Instant) {
    let left = Plan::of(&mount::list().unwrap_or_default(), &[]).read_only;
    let answering = left
        .into_iter()
        .filter(|(source, _)| !plan.silent.contains(source));
    let jobs = answering.map(|(_, target)| {
        let name = target.display().to_string();
        job(name, move || remount_read_only(&target, false))
    });
    run_all(jobs.collect(), deadline)
        .iter()
        .for_each(|job| report(job, "not made read-only"));
}

fn job(name: String, action: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Job {
    Job {
        name,
        action: Box::new(action),
    }
}

fn report(job: &Unfinished, what: &str) {
    console::line(&match &job.error {
        Some(error) => format!("{}: {what}: {error:#}", job.name),
        None => format!(
            "{}: {what}: it does not answer; going on without it",
            job.name
        ),
    });
}
