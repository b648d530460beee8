#!/usr/bin/env bash
# The job scripts under a real Slurm of two virtual nodes on this machine: a search through sbatch
# and srun over both nodes gives what a plain run gives, an array, a reduction, the signal before the
# time limit, a weak-scaling study.
# Usage: test_cluster.sh TALARIA SOURCE_FOLDER
# Exit code 77: skipped (not root, no Slurm, or its daemons cannot start here).
set -u
talaria=$(realpath "$1")
top=$2
# shellcheck source=tests/slurm/cluster.sh
. "$top/tests/slurm/cluster.sh"
# shellcheck source=tools/lib.sh
. "$top/tools/lib.sh"
for name in ${!SLURM_*} ${!SBATCH_*} ${!SRUN_*}; do
    unset "$name"
done
unset TALARIA_CONFIG TALARIA_ISA OMP_NUM_THREADS
use_local_mpi
export OMPI_MCA_mpi_yield_when_idle=1
# Ranks of both nodes are on this host: the names of their shared memory would clash.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo
export ASAN_OPTIONS=detect_leaks=0 # MPI libraries keep what they once got

obstacle=$(cluster_obstacle)
if [ -n "$obstacle" ]; then
    echo "skipped: $obstacle"
    exit 77
fi
work=$(mktemp -d) || exit 1
chmod 755 "$work" # The daemons look at the rights of the folders above their files.
trap 'cluster_stop "$work/cluster"; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir "$work/cluster"
if ! cluster_start "$work/cluster"; then
    tail -n 20 "$work/cluster/daemons.out" "$work/cluster/munge/log"
    echo 'skipped: the daemons of Slurm do not start here'
    exit 77
fi
if ! srun --mpi=list 2>&1 | grep -qw pmix; then
    echo 'skipped: this Slurm has no PMIx plugin'
    exit 77
fi

failures=0
fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}
# wait_for_line FILE PATTERN COUNT: false when there are not so many within a minute and a half.
wait_for_line() {
    local tries
    for ((tries = 0; tries < 450; tries++)); do
        [ "$(grep -c "$2" "$1" 2>/dev/null)" != "$3" ] || return 0
        sleep 0.2
    done
    return 1
}
# wait_for_block RESULTS: until a block of its queries is finished.
wait_for_block() {
    local tries
    for ((tries = 0; tries < 1200; tries++)); do
        [ "$(stat -c %s "$1/big.h5.job/journal" 2>/dev/null || echo 0)" -lt 8000 ] || return 0
        sleep 0.1
    done
}
# wait_for_end JOB: until it has left the nodes, as Slurm sees it.
wait_for_end() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        [ -n "$(squeue --noheader --jobs="$1" --states=running,completing)" ] || return 0
        sleep 0.2
    done
}
say_step() {
    echo "$SECONDS s: $1"
}
digest() {
    "$talaria" export "$1" --format m8 -o "$work/m8" --force --quiet && sha256sum <"$work/m8"
}
summary() {
    h5dump -a "/summary/$2" "$1" | sed -n 's/^ *(0): //p'
}
# job NAME OPTIONS... SCRIPT: run to its end over both nodes; its output in NAME.out.
job() {
    local name=$1
    shift
    timeout 180 sbatch --quiet --wait --nodes=2 --cpus-per-task=1 --time=3 \
        --output="$work/$name.out" "$@" </dev/null
}
cd "$work" || exit 1
export TALARIA=$talaria

say_step 'the scripts are taken by sbatch'
for script in "$top"/slurm/*.sbatch; do
    sbatch --test-only --cpus-per-task=1 --nodes=2 --time=3 "$script" >test-only.out 2>&1 ||
        fail "${script##*/} is taken by sbatch"
done

"$talaria" simulate --sequences 160 --families 16 --mean-length 120 --no-truth --quiet \
    -o references.fasta
awk '/^>/ { file = "part" (count++ % 16 == 0 ? 0 : 1) ".fasta" } { print >file }' references.fasta
export REFERENCES=references.fasta QUERIES='part0.fasta part1.fasta'

say_step 'a search on both nodes, four ranks'
RESULTS=all job search --ntasks-per-node=2 "$top/slurm/search.sbatch" || fail 'search over two nodes'
mpirun -q -n 1 "$talaria" search part0.fasta references.fasta --queries part1.fasta -o plain.h5 \
    --quiet --threads 1 --evalue 1e-5 --max-hits 100
[ "$(digest all/part0.h5)" = "$(digest plain.h5)" ] || fail 'the result of a plain run'
[ "$(summary all/part0.h5 rank_count)" = 4 ] || fail 'four ranks'
scontrol show jobs | grep -qw 'NodeList=n\[1-2\]' || fail 'both nodes'
rows=$(h5dump -d /ranks/references all/part0.h5 | sed -n 's/^ *(0): //p')
[ "$(tr ',' '\n' <<<"$rows" | awk '$1 > 0' | wc -l)" -eq 4 ] || fail 'every rank has references'

say_step 'an array: each task a search of its own'
RESULTS=array job array --array=0-1 --ntasks-per-node=1 "$top/slurm/search.sbatch" || fail 'array'
mpirun -q -n 1 "$talaria" search part0.fasta references.fasta -o plain.h5 --force --quiet \
    --threads 1 --evalue 1e-5 --max-hits 100
[ "$(digest array/part0.h5)" = "$(digest plain.h5)" ] || fail 'the result of a task'
[ -f array/part1.h5 ] || fail 'a result of each task'

say_step 'a reduction on both nodes, four ranks'
IDENTITY=60 RESULTS=reduced job reduce --ntasks-per-node=2 "$top/slurm/reduce.sbatch" ||
    fail 'reduction over two nodes'
"$talaria" reconstruct reduced/references-60.h5 -o back.fasta --quiet --force
cmp back.fasta references.fasta || fail 'the input of a reduction comes back'
"$talaria" verify reduced/references-60.h5 --quiet >verify.out 2>&1 || fail 'what a reduction promises'
[ "$(ls -A reduced)" = references-60.h5 ] || fail "a reduction leaves files behind: $(ls -A reduced)"

say_step 'out of time, it stops, is queued again by itself, and goes on to the same result'
export OPTIONS='--isa scalar --max-hits 1' RESULTS=late QUERIES=big.fasta REFERENCES=few.fasta
awk '/^>/ { count++ } count <= 40' references.fasta >few.fasta
"$talaria" simulate --sequences 3000 --mean-length 350 --no-truth --quiet -o big.fasta
late=$(sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=10 \
    --output="$work/late.out" "$top/slurm/search.sbatch")
wait_for_block late
scancel --batch --signal=USR1 "$late"
wait_for_line late.out '^out of time: the job is queued again' 1 || fail 'a job out of time is queued'
wait_for_end "$late"
sleep 10 # A requeued job waits two minutes: what is left of its first run must be gone from the nodes.
scontrol update JobId="$late" StartTime=now
for ((tries = 0; tries < 1000; tries++)); do
    [ ! -f late/big.h5 ] || [ -e late/big.h5.job ] || break # It has its name before the folder goes.
    if [ -z "$(squeue --noheader --jobs="$late" 2>/dev/null)" ]; then # The nodes were not ready.
        late=$(sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=10 \
            --open-mode=append --output="$work/late.out" "$top/slurm/search.sbatch")
    fi
    sleep 0.2
done
[ -f late/big.h5 ] || fail 'a requeued job completes'
grep -q 'blocks of queries are finished' late.out || fail 'a requeued job goes on'
[ "$(ls -A late)" = big.h5 ] || fail "a completed job leaves files behind: $(ls -A late)"
mpirun -q -n 1 "$talaria" search big.fasta few.fasta -o plain.h5 --force --quiet --max-hits 1
[ "$(digest late/big.h5)" = "$(digest plain.h5)" ] || fail 'the result of an interrupted job'

say_step 'cancelled, it is submitted again by resume.sh, and goes on to the same result'
export RESULTS=cancelled
cancelled=$(sbatch --parsable --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=10 \
    --output="$work/cancelled.out" "$top/slurm/search.sbatch")
wait_for_block cancelled
scancel "$cancelled"
wait_for_end "$cancelled"
sleep 10 # As above: who still holds the folder would have the second refused.
timeout 200 "$top/slurm/resume.sh" --wait --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=3 \
    --output="$work/resumed.out" >resume.out 2>&1 </dev/null || fail 'a job that resume.sh submits'
grep -qx 'submitted: 1' resume.out || fail 'resume.sh submits what was cancelled'
grep -q 'blocks of queries are finished' resumed.out || fail 'a cancelled job goes on'
[ "$(ls -A cancelled)" = big.h5 ] || fail "a resumed job leaves files behind: $(ls -A cancelled)"
[ "$(digest cancelled/big.h5)" = "$(digest plain.h5)" ] || fail 'the result of a cancelled job'
unset OPTIONS QUERIES
export REFERENCES=references.fasta

say_step 'a weak-scaling study of 1 and 2 ranks'
SEQUENCES=50 QUERY_COUNT=5 REPEATS=1 RESULTS=weak job weak --ntasks-per-node=1 \
    "$top/slurm/weak-scaling.sbatch" || fail 'weak scaling'
[ "$(cut -d, -f1 weak/table.csv | tr '\n' ' ')" = 'ranks 1 2 ' ] || fail 'its table'
cat weak/table.txt

if [ "$failures" -gt 0 ]; then
    tail -n 40 -- *.out cluster/daemons.out
    exit 1
fi
