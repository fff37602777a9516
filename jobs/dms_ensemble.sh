#!/bin/bash
# jobs/dms_ensemble.sh - the DMS study (Averbeck 2022, Figs. 1-5): 400 members, each a prune ladder and its twin
#
#   sbatch jobs/dms_ensemble.sh                                        from the clone, unedited
#   sbatch --ntasks=65 --partition=multinode jobs/dms_ensemble.sh      options given to sbatch win over the lines below
#   CONFIG=my.yaml OUTPUT=/data/$USER/my.h5 sbatch jobs/dms_ensemble.sh
#   sbatch --array=0-3 jobs/dms_ensemble.sh                            four jobs that share the members
#   ESP_DRY=1 bash jobs/dms_ensemble.sh                                show the command and stop
#
# The job stops itself before its time limit with all work saved, goes back into the queue, and continues there until the
# results file is complete. Submitting it again after a failure continues, too.
#
# An array splits the ensemble: each task has its share of the members and a file of its own, dms_ensemble.part-0-of-4.h5 and
# so on. When all tasks are complete, put the parts together:
#   build/espalier merge dms_ensemble.h5 dms_ensemble.part-*-of-4.h5
# One task again: PARTS=4 sbatch --array=2 jobs/dms_ensemble.sh (with PARTS, tasks are the parts, counted from 0). If OUTPUT
# names a file, nothing is split: every task works on the whole ensemble in this file, one at a time (--array=0-9%1 goes on
# where the last one stopped); a second one at the same time is refused with status 69.
#
#SBATCH --job-name=dms_ensemble
#SBATCH --ntasks=33                    # one coordinator (it sleeps) and 32 workers; any number works
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=1g
#SBATCH --time=8:00:00
#SBATCH --signal=B:USR1@180            # three minutes before the end: save, requeue
#SBATCH --requeue
#SBATCH --open-mode=append             # one log over all starts
#SBATCH --output=%x-%j.log
##SBATCH --partition=multinode         # Biowulf: jobs over several nodes; remove one # to use
##SBATCH --constraint=x6140            # Biowulf: one kind of node, so that one kind of CPU gives one set of bits

# Settings; each may also come from the environment.
# Biowulf: MODULES="openmpi/4.1.3/gcc-11.3.0 hdf5" (see 'module spider hdf5'), OUTPUT=/data/$USER/, LAUNCHER=srun
NAME=dms_ensemble
CONFIG=${CONFIG:-config/dms_ensemble.yaml}
OUTPUT=${OUTPUT:-}                    # results file, or a directory (with / at its end) for dms_ensemble.h5; empty: here.
                                       # On storage that all nodes share, never /tmp
# ESPALIER, LAUNCHER, MODULES, RUN_OPTIONS: see jobs/common.sh

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}" || exit 66
. jobs/common.sh
esp_run_job
