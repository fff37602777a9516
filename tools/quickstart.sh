#!/usr/bin/env bash
# tools/quickstart.sh - from a fresh clone to a first results file: install what is missing, build, train a small ensemble.
#
#   ./tools/quickstart.sh [RESULTS.h5]     default: dms_quick.h5 in the clone; a file that is there is continued
set -euo pipefail
case "${1:-}" in
  -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
results=$(realpath -m "${1:-$(dirname "$0")/../dms_quick.h5}")
cd "$(dirname "$0")/.."
. tools/setup.sh

esp_install
echo "Building in build/"
cmake --preset release -DESP_TESTS=OFF >build-quickstart.log 2>&1 && cmake --build build -j"$(esp_cores)" >>build-quickstart.log 2>&1 || {
  tail -n 20 build-quickstart.log >&2
  echo "The build failed; all of its output is in build-quickstart.log." >&2
  exit 1
}
rm -f build-quickstart.log

esp_mpi_environment
workers=$(esp_cores)
echo "Training config/dms_quick.yaml with $workers workers into $results"
mpirun -n $((workers + 1)) build/espalier run config/dms_quick.yaml -o "$results"
echo
echo "Look further:"
echo "  build/espalier status $results"
echo "  build/espalier report $results"
echo "  build/espalier verify --recompute 3 $results"
echo "  h5ls -r $results"
echo "  mpirun -n $((workers + 1)) build/espalier run config/rl_quick.yaml        the bandit experiment"
