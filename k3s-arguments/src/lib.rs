//! What `k3s server` is told, and what that comes to: arguments, variables and `config.yaml` as users write them, the
//! settings they amount to, and the arguments and files of the upstream components. Pure: the `k3s` program, `k3os config
//! validate` and the installer judge by the same code.

mod checks;
pub mod cli;
pub mod components;
pub mod network;
pub mod paths;
pub mod settings;
pub mod yaml;
