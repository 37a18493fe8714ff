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
# A serial line does not tell its size; without this, long lines wrap at the wrong place.
case "$(tty)" in
/dev/ttyS* | /dev/ttyAMA* | /dev/hvc*)
  if [ -z "${COLUMNS_ASKED-}" ] && IFS='[;' read -rsd R -t 1 -p $'\e7\e[r\e[999;999H\e[6n\e8' _ rows columns && [ -n "$columns" ]; then
    stty rows "$rows" cols "$columns"
  fi
  export COLUMNS_ASKED=1
  unset rows columns
  ;;
esac
