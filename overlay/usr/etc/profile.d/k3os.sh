export EDITOR="${EDITOR:-vi}" PAGER="${PAGER:-less}"
