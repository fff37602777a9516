#!/usr/bin/env bash
# tests/crash/kill_campaign.sh - kill -9 at random moments, over and over, and look at the results file after each
#
#   tests/crash/kill_campaign.sh [N]                    N kills (default: 25; about 2 s each)
#   ESP_TEST_SEED=17 tests/crash/kill_campaign.sh 200   the same choices again, as far as the clock allows
#   ESPALIER=PROGRAM tests/crash/kill_campaign.sh       another program than build/espalier
#
# All ranks, one worker, rank 0 or mpirun are killed while the file is made, at its first write, somewhere in between, in the last
# second and while it is closed; the same command goes on with 1, 2, 3 or 5 ranks. After every kill h5dump and h5py (where they are
# installed) open the file, every committed cell verifies, and none that was committed is gone; when a run is complete its bits equal
# those of an undisturbed one. The last line says what was done. Exit status 0: no fault.
set -euo pipefail
case "${1:-25}" in
  -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
  0* | *[!0-9]*) echo "kill_campaign: '$1' is no number of kills; see --help" >&2; exit 64 ;;
esac
cd "$(dirname "$0")/../.."
. tools/setup.sh

export ESPALIER=${ESPALIER:-$PWD/build/espalier} ESP_SOURCE=$PWD ESP_TEST_KILLS=${1:-25}
if [ ! -x "$ESPALIER" ]; then
  echo "kill_campaign: there is no program $ESPALIER; build it first (README) or set ESPALIER" >&2
  exit 66
fi
esp_mpi_environment
exec python3 -B tests/crash/test_kill.py Kill.test_campaign
