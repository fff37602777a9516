#!/bin/bash
# jobs/lever_ensemble.sh - the lever study (Kappel et al. 2018, Fig. 5): five runs, each in five arms
#
#   sbatch jobs/lever_ensemble.sh                                     from the clone, unedited
#   sbatch --ntasks=5 --time=4:00:00 jobs/lever_ensemble.sh           options given to sbatch win over the lines below
#   CONFIG=my.yaml OUTPUT=/data/$USER/my.h5 sbatch jobs/lever_ensemble.sh
#   ESP_DRY=1 bash jobs/lever_ensemble.sh                             show the command and stop
#
# The job stops itself before its time limit, goes back into the queue, and continues there until the results file is complete. Submitting
# it again after a failure continues, too. At most ten cells can be computed side by side at first, and 20 later.
#
#SBATCH --job-name=lever_ensemble
#SBATCH --ntasks=11                    # one coordinator (it sleeps) and 10 workers; any number works
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=1g
#SBATCH --time=2:00:00
#SBATCH --signal=B:USR1@180            # three minutes before the end: stop, requeue
#SBATCH --requeue
#SBATCH --open-mode=append             # one log over all starts
#SBATCH --output=%x-%j.log
##SBATCH --constraint=x6140            # Biowulf: one kind of node, so that one kind of CPU gives one set of bits

# Settings; each may also come from the environment.
# Biowulf: MODULES="openmpi/4.1.3/gcc-11.3.0 hdf5" (see 'module spider hdf5'), OUTPUT=/data/$USER/, LAUNCHER=srun
NAME=lever_ensemble
CONFIG=${CONFIG:-config/lever_ensemble.yaml}
OUTPUT=${OUTPUT:-}                    # results file, or a directory (with / at its end) for lever_ensemble.h5; empty: here.
                                       # On storage that all nodes share, never /tmp
# ESPALIER, LAUNCHER, MODULES, RUN_OPTIONS: see jobs/common.sh

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}" || exit 66
. jobs/common.sh
esp_run_job
