#!/usr/bin/env bash
# tools/test.sh - install what is missing, build with warnings as errors, run all tests.
#
#   ./tools/test.sh [CTEST OPTION ...]     for example: -L unit   or   -R golden
#
# The unit tests run twice: first under the address and undefined-behaviour sanitizers, then in the release build.
set -euo pipefail
case "${1:-}" in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
cd "$(dirname "$0")/.."
. tools/setup.sh

esp_install
esp_install_slurm
esp_mpi_environment
for preset in sanitize ci; do
  cmake --preset $preset -DESP_TESTS=ON
  cmake --build --preset $preset -j"$(esp_cores)"
done
ctest --test-dir build-sanitize -L 'unit|golden' --output-on-failure "$@"
ctest --test-dir build --output-on-failure "$@"
