# jobs/common.sh - sourced by the job templates: start the run, pass on signals, requeue until it is complete.
#
# Slurm's early signal (--signal=B:USR1@180) reaches this shell only, so it is forwarded to the launcher, which hands it to
# all ranks. They save their work and exit with status 75; then this job puts itself back into the queue. Settings come from
# the template that sources this file: CONFIG OUTPUT ESPALIER LAUNCHER MODULES RUN_OPTIONS.

esp_say() { echo "$(date '+%F %T') ${SLURM_JOB_NAME:-job} ${SLURM_JOB_ID:-} (start ${SLURM_RESTART_COUNT:-0}): $*"; }

esp_check() {
  case $(realpath -m "$OUTPUT") in
    /tmp/* | /var/tmp/* | /dev/shm/* | /lscratch/*)
      esp_say "OUTPUT=$OUTPUT would be lost with the node; name a place on shared storage (Biowulf: /data/\$USER)" >&2
      exit 73 ;;
  esac
  [ -r "$CONFIG" ] || { esp_say "CONFIG=$CONFIG cannot be read; submit from the clone, or set CONFIG" >&2; exit 66; }
  [ -x "$ESPALIER" ] || { esp_say "ESPALIER=$ESPALIER is no program; build it first (README) or set ESPALIER" >&2; exit 66; }
}

esp_run_job() {
  if [ -n "$MODULES" ]; then
    if command -v module >/dev/null; then
      [ -n "${ESP_DRY:-}" ] || module load $MODULES
    else
      esp_say "there is no 'module' command; going on without MODULES=$MODULES" >&2
    fi
  fi
  # One thread a rank; ROMIO, which leaves no lock files behind; time for the ranks to save when the launcher is terminated.
  export OPENBLAS_NUM_THREADS=1 OMPI_MCA_io=^ompio OMPI_MCA_odls_base_sigkill_timeout=20
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  local launch
  case $LAUNCHER in
    mpirun) launch=(mpirun) ;;
    srun) launch=(srun --mpi=pmix) ;;
    *) esp_say "LAUNCHER=$LAUNCHER is neither mpirun nor srun" >&2; exit 64 ;;
  esac
  launch+=("$ESPALIER" run "$CONFIG" -o "$OUTPUT" ${RUN_OPTIONS:-})
  if [ -n "${ESP_DRY:-}" ]; then # show what would run
    echo "${launch[*]}"
    return 0
  fi
  esp_check

  esp_say "${launch[*]}"
  "${launch[@]}" &
  local pid=$! status=0
  trap 'esp_say "stopping: work is being saved"; kill -USR1 $pid 2>/dev/null' USR1 USR2 TERM INT
  while :; do # a trapped signal ends wait early: ask again until the launcher is really gone
    status=0
    wait $pid || status=$?
    kill -0 $pid 2>/dev/null || break
  done
  trap - USR1 USR2 TERM INT
  case $status in
    0) esp_say "complete: $OUTPUT" ;;
    75)
      esp_say "stopped with work left; back into the queue"
      [ -z "${SLURM_JOB_ID:-}" ] || scontrol requeue "$SLURM_JOB_ID" ;;
    *) esp_say "ended with status $status; what is done is safe, 'sbatch' again continues" ;;
  esac
  return $status
}
