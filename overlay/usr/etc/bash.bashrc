# For every bash, also `ssh HOST COMMAND`.

# The cluster's administrator file is root's alone. Users who may become root use it through sudo; a KUBECONFIG or
# ~/.kube/config of their own goes before it.
if [ "$(id -u)" != 0 ] && [ -z "${KUBECONFIG-}" ] && [ ! -r "$HOME/.kube/config" ] && [ ! -r /etc/rancher/k3s/k3s.yaml ]; then
  kubectl() { sudo -n /usr/bin/kubectl "$@"; }
fi
if [ "$(id -u)" != 0 ]; then
  crictl() { sudo -n /usr/bin/crictl "$@"; }
  ctr() { sudo -n /usr/bin/ctr "$@"; }
fi

# What follows is for a person at the keyboard.
[ -z "${PS1-}" ] && return

shopt -s checkwinsize histappend
if [ "$(id -u)" = 0 ]; then
  PS1='\[\e[31m\]\h [\w]#\[\e[0m\] '
else
  PS1='\[\e[32m\]\h [\w]$\[\e[0m\] '
fi
alias ls='ls --color=auto' ll='ls -l --color=auto' vim=vi
