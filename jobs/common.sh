# jobs/common.sh - sourced by the job templates: start the run, pass on signals, requeue until it is complete.
#
# Slurm's early signal (--signal=B:USR1@180) reaches this shell only, so it is forwarded to the launcher, which hands it to
# all ranks. They save their work and exit with status 75; then this job puts itself back into the queue. A job that is
# cancelled (TERM) saves its work, too, but stays away. The template sets NAME, CONFIG and OUTPUT; the rest has defaults here.

ESPALIER=${ESPALIER:-build/espalier}
LAUNCHER=${LAUNCHER:-mpirun} # mpirun or srun
MODULES=${MODULES:-}         # modules to load, separated by spaces
PARTS=${PARTS:-}             # of an array: how many parts there are in all (default: as many as tasks)
RUN_OPTIONS=${RUN_OPTIONS:-} # more options for 'espalier run', for example: --set ensemble.members=100

esp_say() { echo "$(date '+%F %T') ${SLURM_JOB_NAME:-job} ${SLURM_JOB_ID:-} (start ${SLURM_RESTART_COUNT:-0}): $*"; }

esp_fail() { # status, message
  esp_say "$2" >&2
  exit "$1"
}

# Which file, and which part of the ensemble? Sets OUTPUT and PART (K/N; empty: all of it). A file that is named is that file;
# in a directory it is named after the study, and each task of a job array has a part of the ensemble in a file of its own.
esp_share() {
  PART=''
  if [ -n "$OUTPUT" ] && [ "${OUTPUT%/}" = "$OUTPUT" ] && [ ! -d "$OUTPUT" ]; then
    [ -z "$PARTS" ] || esp_fail 64 "PARTS=$PARTS need a file each, but OUTPUT=$OUTPUT is one; name a directory, with / at its end"
    [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || esp_say "the whole ensemble into $OUTPUT; for parts let OUTPUT name a directory"
    return 0
  fi
  if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    esp_part
  elif [ -n "$PARTS" ]; then
    esp_fail 64 "PARTS=$PARTS needs a job array, as in sbatch --array=0-3"
  fi
  OUTPUT=${OUTPUT:+${OUTPUT%/}/}$NAME${PART:+.part-${PART%/*}-of-${PART#*/}}.h5
}

# A task that is repeated alone must not take itself for the whole array: then PARTS says how many there are.
esp_part() {
  local n=${SLURM_ARRAY_TASK_COUNT:-1}
  if [ -n "$PARTS" ]; then
    PART=$SLURM_ARRAY_TASK_ID/$PARTS
  elif [ "$n" -gt 1 ] && [ $((SLURM_ARRAY_TASK_MAX - SLURM_ARRAY_TASK_MIN + 1)) = "$n" ]; then
    PART=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))/$n
  else
    esp_fail 64 "of how many parts? The array is one task or has gaps; set PARTS to the number of parts (they count from 0)"
  fi
}

esp_check() {
  case $(realpath -m "$OUTPUT") in
    /tmp/* | /var/tmp/* | /dev/shm/* | /lscratch/*)
      esp_fail 73 "OUTPUT=$OUTPUT would be lost with the node; name a place on shared storage (Biowulf: /data/\$USER)" ;;
  esac
  [ -r "$CONFIG" ] || esp_fail 66 "CONFIG=$CONFIG cannot be read; submit from the clone, or set CONFIG"
  [ -n "${ESP_DRY:-}" ] || [ -x "$ESPALIER" ] ||
    esp_fail 66 "ESPALIER=$ESPALIER is no program; build it first (README) or set ESPALIER"
}

esp_load_modules() {
  [ -n "$MODULES" ] || return 0
  if ! command -v module >/dev/null; then
    esp_say "there is no 'module' command; going on without MODULES=$MODULES" >&2
  elif [ -z "${ESP_DRY:-}" ]; then
    module load $MODULES
  fi
}

esp_requeue() {
  local job=${SLURM_JOB_ID:-}
  [ -n "$job" ] || return 0
  # One task of an array has the number of the array itself, by which all would go back.
  [ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  if [ "$SECONDS" -lt 10 ]; then # or it would come back like this for ever
    esp_say "not requeued: it ran for $SECONDS s only; is the time limit longer than the lead of --signal?" >&2
  elif scontrol requeue "$job"; then
    esp_say "back into the queue"
  else
    esp_say "scontrol could not requeue this job; 'sbatch' it again to continue" >&2
  fi
}

esp_run_job() {
  esp_share
  esp_check
  esp_load_modules
  # One thread a rank; ROMIO, which leaves no lock files behind.
  export OPENBLAS_NUM_THREADS=1 OMPI_MCA_io=^ompio
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  local launch
  case $LAUNCHER in
    mpirun) launch=(mpirun) ;;
    srun) launch=(srun --mpi=pmix) ;;
    *) esp_fail 64 "LAUNCHER=$LAUNCHER is neither mpirun nor srun" ;;
  esac
  launch+=("$ESPALIER" run "$CONFIG" -o "$OUTPUT" ${PART:+--part "$PART"} $RUN_OPTIONS)
  if [ -n "${ESP_DRY:-}" ]; then # show what would run
    echo "${launch[*]}"
    return 0
  fi

  esp_say "${launch[*]}"
  local pid='' status=0 asked='' cancelled=''
  trap 'asked=1; esp_say "asked to stop; work is being saved"; [ -z "$pid" ] || kill -USR1 $pid 2>/dev/null' USR1 USR2
  trap 'asked=1 cancelled=1; esp_say "cancelled; work is being saved"; [ -z "$pid" ] || kill -USR1 $pid 2>/dev/null' TERM INT
  "${launch[@]}" &
  pid=$!
  [ -z "$asked" ] || kill -USR1 $pid # it came before there was anybody to tell
  while kill -0 $pid 2>/dev/null; do # a trapped signal ends wait early
    wait $pid
  done
  wait $pid # bash keeps the status of a child that is gone
  status=$?
  trap '' USR1 USR2 TERM INT # Slurm ends a job that goes back into the queue with TERM; let it finish its last words
  case $status in
    0)
      esp_say "complete: $OUTPUT"
      local whole=${OUTPUT%.part-*}
      [ -z "$PART" ] || esp_say "when all parts are: $ESPALIER merge $whole.h5 $whole.part-*-of-${PART#*/}.h5" ;;
    75) [ -n "$cancelled" ] || esp_requeue ;;
    *) esp_say "ended with status $status; what is done is safe, 'sbatch' again continues" ;;
  esac
  return $status
}
