//! The configuration: one typed model, its sources, merging, the kernel command line and validation.
//! Pure: no files, no clock, no network.
//!
//! [`load`] takes sources from the lowest to the highest precedence and gives the values, what is wrong,
//! and where each value came from. One bad source or value never disables the others.

pub mod arguments;
pub mod check;
pub mod cmdline;
pub mod dump;
pub mod explain;
pub mod model;
pub mod reference;
pub mod schema;
pub mod tree;
pub mod yaml;

mod cloud_init;
mod losses;
mod problem;
mod reader;
mod secret;
mod setting;
mod source;

pub use cmdline::{BootSwitches, Console};
pub use model::{Config, File, Install, K3os, Wifi};
pub use problem::{Origin, Place, Problem, Severity};
pub use reader::{Origins, Reader};
pub use secret::Secret;
pub use setting::{Content, Setting, SshKeys};
pub use source::{Loaded, Source, SourceKind, load};
