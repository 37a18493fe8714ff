//! Keys that are read and change nothing: sandboxing and hints that we knowingly do not do.
//!
//! They are listed so that they are told by `systemctl show` and `systemctl status` and are not
//! warned about as unknown. A key that is on neither list is a warning with file, line and key.

/// What is done with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// Known and not applied.
    NotApplied,
    /// Not known.
    Unknown,
}

/// Looks up a key that no reader took.
pub fn knowledge(section: &str, key: &str) -> Knowledge {
    let list: &[&str] = match section {
        "Unit" => &UNIT,
        "Service" => &SERVICE,
        "Install" => &INSTALL,
        _ => &[],
    };
    let listed = list.contains(&key) || key.starts_with("X-") && !key.starts_with("X-K3OS-");
    match listed
        || (section == "Service" && SERVICE_PREFIXES.iter().any(|start| key.starts_with(start)))
    {
        true => Knowledge::NotApplied,
        false => Knowledge::Unknown,
    }
}

const UNIT: [&str; 23] = [
    "AllowIsolate",
    "CollectMode",
    "Conflicts",
    "FailureAction",
    "IgnoreOnIsolate",
    "JobRunningTimeoutSec",
    "JobTimeoutAction",
    "JobTimeoutSec",
    "JoinsNamespaceOf",
    "OnFailure",
    "OnFailureJobMode",
    "OnSuccess",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "RefuseManualStart",
    "RefuseManualStop",
    "ReloadPropagatedFrom",
    "RequiresMountsFor",
    "SourcePath",
    "StopPropagatedFrom",
    "StopWhenUnneeded",
    "SuccessAction",
    "WantsMountsFor",
];

const INSTALL: [&str; 1] = ["UpheldBy"];

/// Families of keys, by how they begin.
const SERVICE_PREFIXES: [&str; 12] = [
    "BPF", "CPU", "Exit", "IO", "IP", "Load", "Log", "Memory", "Numa", "Private", "Protect",
    "Restrict",
];

const SERVICE: [&str; 52] = [
    "AllowedCPUs",
    "AmbientCapabilities",
    "AppArmorProfile",
    "BindPaths",
    "BindReadOnlyPaths",
    "CapabilityBoundingSet",
    "CoredumpFilter",
    "DeviceAllow",
    "DevicePolicy",
    "DynamicUser",
    "ExecPaths",
    "FileDescriptorStoreMax",
    "FileDescriptorStorePreserve",
    "FinalKillSignal",
    "GuessMainPID",
    "ImportCredential",
    "InaccessiblePaths",
    "KeyringMode",
    "LockPersonality",
    "ManagedOOMMemoryPressure",
    "ManagedOOMSwap",
    "MountFlags",
    "NoExecPaths",
    "NoNewPrivileges",
    "NonBlocking",
    "OOMPolicy",
    "PAMName",
    "PassEnvironment",
    "PermissionsStartOnly",
    "Personality",
    "ProcSubset",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RemoveIPC",
    "ReloadSignal",
    "RestartSteps",
    "RootDirectoryStartOnly",
    "SecureBits",
    "SendSIGHUP",
    "SetCredential",
    "Slice",
    "Sockets",
    "StartupCPUWeight",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
    "SystemCallLog",
    "TTYVTDisallocate",
    "TemporaryFileSystem",
    "TimerSlackNSec",
    "UtmpIdentifier",
    "WatchdogSec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sandboxing_is_known_and_nonsense_is_not() {
        assert_eq!(knowledge("Service", "ProtectSystem"), Knowledge::NotApplied);
        assert_eq!(
            knowledge("Service", "NoNewPrivileges"),
            Knowledge::NotApplied
        );
        assert_eq!(knowledge("Unit", "X-Vendor"), Knowledge::NotApplied);
        assert_eq!(knowledge("Service", "X-K3OS-Typo"), Knowledge::Unknown);
        assert_eq!(knowledge("Service", "ExecStrat"), Knowledge::Unknown);
        assert_eq!(knowledge("Unit", "ProtectSystem"), Knowledge::Unknown);
        assert_eq!(knowledge("Container", "Image"), Knowledge::Unknown);
    }

    #[test]
    fn the_lists_are_sorted_enough_to_find_a_key_once() {
        for list in [&UNIT[..], &SERVICE[..]] {
            let unique: std::collections::BTreeSet<_> = list.iter().collect();
            assert_eq!(unique.len(), list.len());
        }
    }
}
