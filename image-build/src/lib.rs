//! What the build of the image shares with the benchmark's reference machine: where Debian's packages come from, which ones, and
//! the cache of results.

pub mod cache;
pub mod packages;
pub mod progress;
pub mod run;
pub mod sources;
pub mod tree;
