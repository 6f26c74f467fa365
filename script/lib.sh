# shellcheck shell=bash
# Sourced by the scripts beside it: strict mode, the tree's root as the working directory, one way to say what is going on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

started=$SECONDS

# say TEXT…: one line on stderr, with the seconds since the script started.
say() { printf '[%4ds] %s\n' $((SECONDS - started)) "$*" >&2; }

# die TEXT…: says why, and ends the script.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# build PRESET [TARGET…]: configures and builds, with all cores.
build() {
  local preset=$1 log=build/configure-$1.log
  shift
  mkdir -p build
  cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log" >&2
    die "configuring $preset failed"
  }
  say "build $preset"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
