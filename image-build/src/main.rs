//! Builds every artefact of a release.

fn main() {}
