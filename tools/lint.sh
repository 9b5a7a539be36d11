#!/usr/bin/env bash
# Style and structure of the whole tree; exits 1 on any violation, 2 on wrong usage.
#
#   tools/lint.sh              every step, side by side
#   tools/lint.sh STEP...      only these: ruff format pyright clang-format
#                              lengths layers borders ods docs
#   tools/lint.sh --fix        lets ruff and clang-format rewrite files
#
# Every tool comes from .venv/bin, where tools/bootstrap puts it.
set -u -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
bin=$root/.venv/bin
steps=(ruff format pyright clang-format lengths layers borders ods docs)

cpp_files() {
  git ls-files -z --cached --others --exclude-standard -- 'dialect/*.h' 'dialect/*.cpp'
}

step() {
  case $1 in
  ruff) "$bin/ruff" check --quiet --output-format=concise . ;;
  format) "$bin/ruff" format --quiet --check --output-format=concise . ;;
  pyright)
    "$bin/python" tools/lint/stubs.py
    "$bin/pyright"
    ;;
  clang-format) cpp_files | xargs -0 -r "$bin/clang-format" --dry-run -Werror --ferror-limit=1 ;;
  lengths | layers | borders) PYTHONPATH=tools "$bin/python" -m lint --root "$root" "$1" ;;
  ods) "$bin/python" tools/check_ods.py ;;
  docs) "$bin/python" tools/gen_docs.py --check ;;
  esac
}

if [[ ! -x $bin/ruff ]]; then
  echo "tools/lint.sh: $bin/ruff is missing: run tools/bootstrap first" >&2
  exit 1
fi
if [[ ${1-} == --fix ]]; then
  "$bin/ruff" check --quiet --fix . || true
  "$bin/ruff" format --quiet .
  cpp_files | xargs -0 -r "$bin/clang-format" -i
  shift
fi
case ${1-} in
-h | --help)
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
  exit 0
  ;;
-*)
  echo "tools/lint.sh: unknown option '$1'; see tools/lint.sh --help" >&2
  exit 2
  ;;
esac
chosen=("${@:-${steps[@]}}")
for name in "${chosen[@]}"; do
  if [[ " ${steps[*]} " != *" $name "* ]]; then
    echo "tools/lint.sh: unknown step '$name', expected one of: ${steps[*]}" >&2
    exit 2
  fi
done

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
declare -A pids
for name in "${chosen[@]}"; do
  step "$name" >"$out/$name" 2>&1 &
  pids[$name]=$!
done
status=0
for name in "${chosen[@]}"; do
  wait "${pids[$name]}"
  if (($? == 0)); then
    printf 'ok      %s\n' "$name"
  else
    printf 'FAILED  %s\n' "$name"
    status=1
  fi
  sed 's/^/        /' "$out/$name"
done
exit "$status"
