//! The manifests directory: what lies in it is kept applied, what leaves it is deleted.

mod bundled;
mod directory;
mod documents;
mod keeper;
mod record;

pub use bundled::{Substitution, install};
pub use directory::Changes;
pub use keeper::keep_applied;
