//! The manifests directory: what lies in it is kept applied.

mod bundled;
mod directory;
mod documents;
mod keeper;
mod record;

pub use bundled::{Substitution, disabled, install};
pub use directory::Changes;
pub use keeper::{Wanted, keep_applied};
