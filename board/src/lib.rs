//! A board, or any machine, whose own Linux gives kernel and modules to a release that was unpacked over it: whether that
//! will work ([`check`]), and the way back ([`old_init`]).

pub mod check;
pub mod old_init;

/// A file that holds these bytes is one of our programs. It holds them because this crate is linked into it.
pub const MARK: &[u8] = b"k3OS: this program enters a release from the root of another system.";
