use super::flags::Flags;
use crate::paths::text;
use crate::settings::Settings;

/// kube-scheduler's flags. No port, for the reason given for the controller-manager.
pub fn flags(settings: &Settings) -> Vec<String> {
    Flags::default()
        .set(
            "kubeconfig",
            text(settings.paths.cred("scheduler.kubeconfig")),
        )
        .set("leader-elect", false)
        .set("secure-port", 0)
        .set("profiling", false)
        .with_users(
            settings.args.runtime.verbosity,
            &settings.args.components.kube_scheduler_arg,
        )
}
