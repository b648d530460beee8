# shellcheck shell=bash
# What the tools share: messages, the MPI environment, and probes for what a machine has.
# Sourced; defines functions only.

# Exit codes of the tools, after sysexits.h.
# shellcheck disable=SC2034 # Used by the scripts that source this file.
EXIT_USAGE=64 EXIT_MISSING=69

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
die() {
    local code=$1
    shift
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$code"
}

# Print the command, then run it.
show() {
    printf '+ %s\n' "$*"
    "$@"
}

# Ranks on one machine, started by the tools: quiet and robust in containers, as root, and with
# more ranks than cores. Values the caller has set are kept. Not for production jobs on a cluster.
use_local_mpi() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # More ranks than cores (Open MPI 4, then 5), none of them bound: threads must not share a core.
    export OMPI_MCA_rmaps_base_oversubscribe=${OMPI_MCA_rmaps_base_oversubscribe:-1}
    export PRTE_MCA_rmaps_default_mapping_policy=${PRTE_MCA_rmaps_default_mapping_policy:-:oversubscribe}
    export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}
    # Copies between processes by ptrace rights are refused in many containers.
    export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
    # Open MPI 4's first choice for one-sided memory needs those copies.
    export OMPI_MCA_osc=${OMPI_MCA_osc:-^rdma}
    export OMPI_MCA_btl_base_warn_component_unused=${OMPI_MCA_btl_base_warn_component_unused:-0}
    # No remote shell: do not look for one.
    if ! have_command ssh && [ -z "${OMPI_MCA_plm_rsh_agent+set}" ]; then
        export OMPI_MCA_plm_rsh_agent=
    fi
}

# --- Probes: each is quick, needs no network and says yes by its exit status. ---

have_command() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

# Any of these names known to pkg-config.
have_package() {
    local name
    for name in "$@"; do
        pkg-config --exists "$name" 2>/dev/null && return
    done
    return 1
}

have_header() {
    printf '#include <%s>\n' "$1" | ${CC:-gcc} -E -x c - >/dev/null 2>&1
}

have_mpi() { have_package ompi-c mpich mpi || have_command mpicc; }

# HDF5 that was built for MPI.
have_parallel_hdf5() {
    have_package hdf5-openmpi && return
    local flags=
    if have_package hdf5; then
        flags=$(pkg-config --cflags hdf5)
    else
        have_command h5pcc || return 1
        h5pcc -showconfig 2>/dev/null | grep -q 'Parallel HDF5: *yes'
        return
    fi
    # shellcheck disable=SC2086 # Flags are words.
    printf '#include <H5pubconf.h>\n#ifndef H5_HAVE_PARALLEL\n#error serial\n#endif\n' |
        ${CC:-gcc} $flags -E -x c - >/dev/null 2>&1
}

# A driver for OpenCL, of a GPU or for tests.
have_opencl_driver() {
    local file
    for file in "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/*.icd; do
        [ -e "$file" ] && return
    done
    return 1
}

have_recent_meson() {
    local version
    version=$(meson --version 2>/dev/null) || return 1
    [ "$(printf '%s\n' 1.0.0 "$version" | sort -V | head -n 1)" = 1.0.0 ]
}

have_clang_openmp() {
    printf '#include <omp.h>\nint main(void) { return omp_get_num_threads() - 1; }\n' |
        clang -fopenmp -x c - -o /dev/null >/dev/null 2>&1
}

have_clang_sanitizers() {
    printf 'int main(void) { return 0; }\n' |
        clang -fsanitize=thread -x c - -o /dev/null >/dev/null 2>&1
}

# A python3 with this module: the first in PATH, or the system's own.
have_python_module() {
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c "import $1" >/dev/null 2>&1 && return
    done
    return 1
}
