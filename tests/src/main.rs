//! End-to-end scenarios: real images on real (virtual) machines.

fn main() {}
