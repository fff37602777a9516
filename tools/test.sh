#!/usr/bin/env bash
# tools/test.sh - install what is missing, build with warnings as errors, run all tests.
#
#   ./tools/test.sh [CTEST OPTION ...]              for example: -L unit   or   -R golden
#   ./tools/test.sh --coverage [CTEST OPTION ...]   which lines of src/ the tests reach, file by file; fails below 90 %
#   ./tools/test.sh --nightly [CTEST OPTION ...]    some hours: all campaigns, all faults, and the tests with several ranks under
#                                                   the sanitizers too
#
# The unit tests run twice: first under the address and undefined-behaviour sanitizers, then in the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/setup.sh

# $1: tests that run under the sanitizers, $2: ON for campaigns
test_everything() {
  local preset sanitized=$1 nightly=$2
  shift 2
  esp_install
  esp_install_slurm
  for preset in sanitize ci; do
    cmake --preset $preset -DESP_TESTS=ON -DESP_NIGHTLY="$nightly"
    cmake --build --preset $preset -j"$(esp_cores)"
  done
  ctest --test-dir build-sanitize -L "$sanitized" --output-on-failure -j"$((2 * $(esp_cores)))" "$@"
  ctest --test-dir build --output-on-failure -j"$((2 * $(esp_cores)))" "$@"
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
  # vector.h has each function once for each instruction set, at different lines, which gcovr before 6 cannot merge.
  gcovr --root . --filter src/ --exclude 'src/model/vector\.h' --fail-under-line 90 build-coverage
  return $failed
}

esp_mpi_environment
case "${1:-}" in
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
  --coverage) shift; measure_coverage "$@" ;;
  --nightly) shift; test_everything 'unit|golden|mpi' ON "$@" ;;
  *) test_everything 'unit|golden' OFF "$@" ;;
esac
