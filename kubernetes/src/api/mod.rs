//! A small client of the Kubernetes API: requests, discovery, server-side apply, watches.

mod apply;
mod client;
mod discovery;
mod watch;

pub use apply::{Applier, ObjectRef};
pub use client::{Client, Error as ClientError, Identity};
pub use watch::Watch;
