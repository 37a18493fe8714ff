//! The second stage.
