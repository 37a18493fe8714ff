//! PID 1: from the kernel's hand-over to a running system, and back to power off.
//!
//! The first stage ([`initrd`]) runs from the initramfs and ends by entering the real root; the second ([`boot`]) runs
//! from the release's own squashfs, starts the services and stays. Both do numbered, timed [`steps`] and end, whatever
//! goes wrong, in the one sink, [`rescue`].

#![warn(clippy::disallowed_macros)]

// Printing that a full disk does not turn into a panic.
#[macro_use]
extern crate system;

#[cfg(feature = "full")]
pub mod boot;
#[cfg(feature = "full")]
pub mod clock;
mod first_stage;
pub mod initrd;
#[cfg(feature = "full")]
pub mod local;
pub mod notice;
#[cfg(feature = "full")]
pub mod report;
pub mod rescue;
#[cfg(feature = "full")]
pub mod reset;
pub mod steps;
#[cfg(feature = "full")]
pub mod var_space;
mod watchdog;
