//! The multi-call binary: init, k3os, systemctl and the commands that end the system.

fn main() {}
