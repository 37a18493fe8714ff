//! What a disk with a write cache holds after a power cut. A recorder puts QEMU's `blklogwrites` (the format of dm-log-writes) between
//! a disk and what writes to it, and keeps every write, flush and FUA in order. From the log the disk is made anew as it could be
//! after a cut at any point: all that a flush had covered, and of what came after it an arbitrary part.

mod cut;
mod format;
mod random;
mod recorder;
mod replay;

pub use cut::{Cut, points};
pub use format::WriteLog;
pub use random::Random;
pub use recorder::{LoopDevice, Recorder};
pub use replay::Replay;
