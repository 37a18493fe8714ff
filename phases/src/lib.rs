//! Applies the configuration to the machine in its initrd, boot and runtime phases.
