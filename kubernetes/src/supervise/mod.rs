//! Child processes that are kept running.

mod backoff;
mod cgroup;
mod child;
mod orphans;
mod output;

pub use cgroup::{Cgroups, enter_and_exec};
pub use child::{Service, Spec};
