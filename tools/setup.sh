# tools/setup.sh - sourced by quickstart.sh and test.sh: get what the build needs, or say how to.
#
# As root (or with password-less sudo) on Debian or Ubuntu missing packages are installed. Elsewhere nothing is touched: it
# says which modules or conda packages to load, and the build goes on with what is there.

esp_packages=(python3 cmake gcc libc6-dev make git pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev hdf5-tools
  libopenblas-serial-dev libyaml-dev libgsl-dev libisal-dev libjansson-dev librandom123-dev libcmocka-dev)

# For tests/slurm only.
esp_slurm_packages=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)

esp_install() {
  if ! command -v dpkg-query >/dev/null; then
    esp_say_how "this is not Debian or Ubuntu"
  elif ! esp_apt "${esp_packages[@]}"; then
    esp_say_how "no root, or apt-get failed: see above"
  fi
}

esp_install_slurm() {
  if ! command -v dpkg-query >/dev/null || ! esp_apt "${esp_slurm_packages[@]}"; then
    echo "Slurm could not be installed: the tests in a real Slurm are skipped unless there is one (${esp_slurm_packages[*]})" >&2
  fi
}

# Install those of these packages that are missing.
esp_apt() {
  local package missing=() sudo=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" != 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "Not installed: ${missing[*]}" >&2
      return 1
    fi
    sudo=(sudo -n)
  fi
  echo "Installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || echo "apt-get update failed; trying with the package lists that are there" >&2
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

esp_say_how() {
  cat >&2 <<END
Packages cannot be installed here ($1). Going on with what is there. If the build finds something missing:
  on a cluster   module load cmake gcc openmpi hdf5/openmpi openblas gsl     (names differ; on Biowulf: module spider hdf5)
  with conda     conda install -c conda-forge cmake c-compiler make pkg-config openmpi 'hdf5=*=mpi_openmpi*' openblas \\
                   yaml gsl isa-l jansson random123 cmocka python
END
}

# Open MPI on one machine: root has to say that it means it; more ranks than cores are fine, because one of them sleeps.
esp_mpi_environment() {
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
  # Containers forbid the copy between processes that Open MPI would try first, and it complains at length.
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
}

esp_cores() {
  nproc 2>/dev/null || echo 2
}
