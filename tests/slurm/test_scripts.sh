#!/usr/bin/env bash
# The job scripts without Slurm: srun is a stand-in that starts the ranks by mpirun and notes its
# words. Arrays, requeued jobs, the time limit, the tables of the scaling studies.
# Usage: test_scripts.sh TALARIA SOURCE_FOLDER. Exit code 77: skipped (no mpirun).
set -u
talaria=$(realpath "$1")
scripts=$2/slurm
command -v mpirun >/dev/null || { echo 'skipped: no mpirun'; exit 77; }
# shellcheck source=tools/lib.sh
. "$2/tools/lib.sh"
use_local_mpi
export ASAN_OPTIONS=detect_leaks=0 # MPI libraries keep what they once got
unset TALARIA_CONFIG TALARIA_ISA

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
fail() {
    echo "FAILED: $1"
    sed 's/^/    /' "$work/out"
    failures=$((failures + 1))
}

mkdir "$work/bin"
cat >"$work/bin/srun" <<'STAND_IN'
#!/usr/bin/env bash
# Runs what follows its options with mpirun; --ntasks or else the job's.
echo "srun $*" >>"$SRUN_NOTES"
ranks=$SLURM_NTASKS
while [ "${1#--}" != "$1" ]; do
    [ "${1#--ntasks=}" = "$1" ] || ranks=${1#--ntasks=}
    shift
done
[ -z "${SRUN_HANGS-}" ] || exec sleep 60
unset SLURM_JOB_ID SLURM_JOB_NUM_NODES # mpirun is to start ranks here, not through Slurm.
exec mpirun -q -n "$ranks" "$@"
STAND_IN
chmod +x "$work/bin/srun"

export PATH=$work/bin:$PATH TALARIA=$talaria SRUN_NOTES=$work/notes OMP_NUM_THREADS=1
export SLURM_JOB_ID=7 SLURM_NTASKS=3 SLURM_JOB_NUM_NODES=3 SLURM_CPUS_PER_TASK=1
cd "$work" || exit 1

# job SCRIPT: run it as Slurm would; its output in out, srun's words in notes.
job() {
    : >"$work/notes"
    bash "$scripts/$1" >"$work/out" 2>&1
}
# digest RESULT: of what export makes of it.
digest() {
    "$talaria" export "$1" --format m8 -o "$work/m8" --force --quiet && sha256sum <"$work/m8"
}

"$talaria" simulate --sequences 60 --families 6 --mean-length 80 --no-truth --quiet \
    -o references.fasta
awk '/^>/ { file = "part." (count++ % 2) ".fasta" } { print >file }' references.fasta
export REFERENCES=references.fasta

# One search of all query files.
export QUERIES='part.?.fasta' RESULTS=all
job search.sbatch || fail 'search.sbatch: exit code'
[ "$(grep -c srun notes)" -eq 1 ] || fail 'search.sbatch: one step'
grep -q -e '--mpi=pmix --cpus-per-task=1 --cpu-bind=cores' notes || fail 'search.sbatch: binding'
"$talaria" search part.0.fasta references.fasta --queries part.1.fasta -o plain.h5 --quiet \
    --evalue 1e-5 --max-hits 100
[ "$(digest all/part.0.h5)" = "$(digest plain.h5)" ] || fail 'search.sbatch: the plain result'

# An array: a search for each file, nothing for tasks beyond.
export RESULTS=array
for SLURM_ARRAY_TASK_ID in 0 1 2; do
    export SLURM_ARRAY_TASK_ID
    job search.sbatch || fail "search.sbatch: task $SLURM_ARRAY_TASK_ID"
done
grep -q 'no query file 2: there are 2' out || fail 'search.sbatch: a task beyond the files'
unset SLURM_ARRAY_TASK_ID
"$talaria" search part.1.fasta references.fasta -o plain.h5 --force --quiet --evalue 1e-5 \
    --max-hits 100
[ "$(digest array/part.1.h5)" = "$(digest plain.h5)" ] || fail 'search.sbatch: result of a task'

# Requeued after it was complete; refused when it is there in a first run; failure is passed on.
RESULTS=all SLURM_RESTART_COUNT=1 job search.sbatch || fail 'search.sbatch: requeued'
[ ! -s notes ] || fail 'search.sbatch: a complete result is not searched again'
RESULTS=all job search.sbatch
[ $? -eq 73 ] || fail 'search.sbatch: exit code of a result that exists'

# The signal before the time limit ends the step; without anything finished there is nothing to go on
# with.
: >notes
SRUN_HANGS=1 RESULTS=late bash "$scripts/search.sbatch" >out 2>&1 &
late=$!
for ((tries = 0; tries < 100; tries++)); do
    [ ! -s notes ] || break
    sleep 0.1
done
kill -USR1 "$late"
wait "$late"
[ $? -eq $((128 + $(kill -l USR1))) ] || fail 'search.sbatch: exit code after the signal'
! grep -q 'out of time' out || fail 'search.sbatch: nothing to go on with'

# A reduction; as an array one for each identity; requeued after it was complete.
export RESULTS=reduced IDENTITY='90 50' OPTIONS='--order length'
for SLURM_ARRAY_TASK_ID in 0 1 2; do
    export SLURM_ARRAY_TASK_ID
    job reduce.sbatch || fail "reduce.sbatch: task $SLURM_ARRAY_TASK_ID"
done
grep -q 'no identity 2: there are 2' out || fail 'reduce.sbatch: a task beyond the identities'
unset SLURM_ARRAY_TASK_ID
"$talaria" reduce references.fasta -o plain-reduced.h5 --identity 50 --order length --quiet
cmp -s <("$talaria" reconstruct plain-reduced.h5 --representatives 2>&1) \
    <("$talaria" reconstruct reduced/references-50.h5 --representatives 2>&1) ||
    fail 'reduce.sbatch: the plain result'
SLURM_RESTART_COUNT=1 IDENTITY=90 job reduce.sbatch || fail 'reduce.sbatch: requeued'
[ ! -s notes ] || fail 'reduce.sbatch: a complete result is not made again'
unset IDENTITY OPTIONS

# Every search that has not ended is submitted again, others not.
cat >"$work/bin/sbatch" <<'STAND_IN'
#!/usr/bin/env bash
echo "$QUERIES $*" >>"$SRUN_NOTES"
STAND_IN
chmod +x "$work/bin/sbatch"
mkdir -p late/part.1.h5.job late/other.h5.job
: >notes
RESULTS=late QUERIES='part.?.fasta' bash "$scripts/resume.sh" --nodes=4 >out 2>&1 ||
    fail 'resume.sh: exit code'
[ "$(cat notes)" = "part.1.fasta --export=ALL --nodes=4 $scripts/search.sbatch" ] ||
    fail "resume.sh: $(cat notes)"
grep -q "late/other.h5.job: none of" out || fail 'resume.sh: a folder of other queries'

# Scaling studies: one step, 1, 2, 3 ranks; CSV that adds up; nothing is left but the tables.
for kind in strong weak; do
    SEQUENCES=40 QUERY_COUNT=5 REPEATS=2 RESULTS=$kind OPTIONS='--max-hits 5' job \
        "$kind-scaling.sbatch" || fail "$kind-scaling.sbatch: exit code"
    [ "$(grep -c srun notes)" -eq 1 ] || fail "$kind-scaling.sbatch: one step"
    awk -F, -v kind="$kind" '
        NR == 1 { if ($1 != "ranks" || NF != 12) exit 1; next }
        NF != 12 || $1 != NR - 1 || $2 != 1 || $4 <= 0 || $6 <= 0 || $7 < 1 { exit 1 }
        NR == 2 { cells = $3; if ($6 != 1) exit 1 }
        kind == "strong" && $3 != cells { exit 1 }
        kind == "weak" && NR > 2 && ($3 < cells * (NR - 1) * 0.5 || $3 > cells * (NR - 1) * 2) { exit 1 }
        END { if (NR != 4) exit 1 }' "$kind/table.csv" || fail "$kind-scaling.sbatch: table.csv"
    [ "$(grep -c '^ *[1-3] ' "$kind/table.txt")" -eq 3 ] || fail "$kind-scaling.sbatch: table.txt"
    [ "$(ls "$kind")" = "$(printf 'table.csv\ntable.txt')" ] ||
        fail "$kind-scaling.sbatch: files are left: $(ls "$kind")"
done

[ "$failures" -eq 0 ]
