//! The kernel options that the system needs, each with its reason, and the check of a kernel against them.
