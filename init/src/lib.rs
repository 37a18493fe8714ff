//! PID 1: from the kernel's hand-over to a running system, and back to power off.
