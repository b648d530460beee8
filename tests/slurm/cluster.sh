# shellcheck shell=bash
# A Slurm cluster of two virtual nodes on this machine, for the time of a test: munged, slurmctld and
# two slurmd with a configuration, sockets, ports and spool folders of their own, below one folder.
# Nothing of a Slurm that the machine may already run is touched. Sourced; defines functions only.

# Print why a cluster cannot be started here, or nothing when it can.
cluster_obstacle() {
    local name
    if [ "$(id -u)" -ne 0 ]; then
        echo 'the daemons of Slurm need root'
        return
    fi
    for name in munged slurmctld slurmd sbatch srun scontrol squeue; do
        if ! command -v "$name" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$name" ]; then
            echo "no $name (packages slurmctld slurmd slurm-client munge)"
            return
        fi
    done
}

# N ports that nobody listens on.
free_ports() {
    python3 - "$1" <<'PYTHON'
import socket
import sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in sockets:
    one.bind(("", 0))
print(*[one.getsockname()[1] for one in sockets])
PYTHON
}

# cluster_configure DIR: slurm.conf, key and folders.
cluster_configure() {
    local dir=$1 port_control port_1 port_2
    read -r port_control port_1 port_2 < <(free_ports 3)
    mkdir -p "$dir/state" "$dir/spool-n1" "$dir/spool-n2" "$dir/tmp-n1" "$dir/tmp-n2" "$dir/munge"
    chmod 711 "$dir/munge" # Clients of any user reach the socket; only root sees the key.
    head -c 128 /dev/urandom >"$dir/munge/key"
    chmod 400 "$dir/munge/key"
    cat >"$dir/slurm.conf" <<CONF
ClusterName=talaria-test
SlurmctldHost=localhost
SlurmctldPort=$port_control
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdSpoolDir=$dir/spool-%n
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmdLogFile=$dir/slurmd-%n.log
TmpFS=$dir/tmp-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2
MpiDefault=pmix
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
MinJobAge=300
NodeName=n1 NodeHostname=localhost Port=$port_1 CPUs=4
NodeName=n2 NodeHostname=localhost Port=$port_2 CPUs=4
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=10 State=UP
CONF
    : >"$dir/cgroup.conf"
}

# cluster_start DIR: returns when both nodes are idle; 1 when they are not within a minute.
# Whatever comes of it, call cluster_stop.
cluster_start() {
    local dir=$1 node tries
    PATH=$PATH:/usr/sbin
    cluster_configure "$dir" || return
    export SLURM_CONF=$dir/slurm.conf
    munged --force --socket="$dir/munge/socket" --key-file="$dir/munge/key" \
        --pid-file="$dir/munge/pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" ||
        return
    cluster_spawn "$dir" slurmctld -D
    for node in n1 n2; do
        cluster_spawn "$dir" slurmd -D -N "$node"
    done
    for ((tries = 0; tries < 120; tries++)); do
        if [ "$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l)" -eq 2 ]; then
            return 0
        fi
        sleep 0.5
    done
    return 1
}

# Daemons in the foreground of their own sessions: their pids are known without pid files.
cluster_spawn() {
    local dir=$1
    shift
    setsid "$@" >>"$dir/daemons.out" 2>&1 </dev/null &
    echo $! >>"$dir/daemons.pid"
}

# cluster_stop DIR: ends the jobs and the daemons, waits for them. Accepts a half-started cluster.
cluster_stop() {
    local dir=$1 pid tries
    [ -f "$dir/slurm.conf" ] || return 0
    timeout 5 scancel --user="$(id -un)" >/dev/null 2>&1
    for ((tries = 0; tries < 20; tries++)); do
        [ -n "$(timeout 5 squeue --noheader 2>/dev/null)" ] || break
        sleep 0.5
    done
    local pids=()
    [ -f "$dir/daemons.pid" ] && mapfile -t pids <"$dir/daemons.pid"
    [ -f "$dir/munge/pid" ] && pids+=("$(cat "$dir/munge/pid")")
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        for ((tries = 0; tries < 40; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null
    done
    cluster_kill_steps "$dir"
    return 0
}

# cluster_kill_steps DIR: what daemons of this cluster left behind, known by their environment.
cluster_kill_steps() {
    local entry pid
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        if [ "$(head -c 5 "$entry/cmdline" 2>/dev/null | tr '\0' ' ')" = slurm ] &&
            tr '\0' '\n' 2>/dev/null <"$entry/environ" | grep -qxF "SLURM_CONF=$1/slurm.conf"; then
            kill -9 "$pid" 2>/dev/null
        fi
    done
}
