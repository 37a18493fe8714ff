//! The only crate that talks to the kernel and runs commands.
//!
//! Everything above it decides; this crate acts. `unsafe` is allowed in here and nowhere else,
//! each block with its reason.
#![allow(unsafe_code)]

// Boot: mounts, devices, modules (owner: init).
// Processes, cgroups, signals (owner: supervisor).
// Durable writes, commands, the recording fake (owner: phases).
