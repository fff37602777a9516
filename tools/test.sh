#!/usr/bin/env bash
# tools/test.sh - install what is missing, build with warnings as errors, run all tests.
#
#   ./tools/test.sh [CTEST OPTION ...]              for example: -L unit   or   -R golden
#   ./tools/test.sh --coverage [CTEST OPTION ...]   which lines of src/ the tests reach, file by file; fails below 90 %
#
# The unit tests run twice: first under the address and undefined-behaviour sanitizers, then in the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

test_everything() {
  local preset
  esp_install
  esp_install_slurm
  for preset in sanitize ci; do
    cmake --preset $preset -DESP_TESTS=ON
    cmake --build --preset $preset -j"$(esp_cores)"
  done
  ctest --test-dir build-sanitize -L 'unit|golden' --output-on-failure "$@"
  ctest --test-dir build --output-on-failure "$@"
}

# Processes that are killed take their counts with them, so what only they reach is not counted.
measure_coverage() {
  local failed=0
  esp_packages+=(gcovr)
  esp_install
  esp_install_slurm
  cmake --preset coverage -DESP_TESTS=ON
  cmake --build --preset coverage -j"$(esp_cores)"
  find build-coverage -name '*.gcda' -delete
  ctest --test-dir build-coverage --output-on-failure "$@" || failed=$?
  gcovr --root . --filter src/ --fail-under-line 90 build-coverage
  return $failed
}

esp_mpi_environment
case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" ;;
  --coverage) shift; measure_coverage "$@" ;;
  *) test_everything "$@" ;;
esac
