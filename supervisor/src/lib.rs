//! Services from systemd unit files: reading, ordering, starting, watching and stopping them.
