#!/bin/bash
# Submits again, from a login node, every search of one query file (as tasks of an array are) that a
# results folder has not ended: a job for each NAME.h5.job, with the same variables and sbatch options
# as the first time. It goes on after the last finished block, on any number of nodes. Jobs that run or
# wait in the queue do not need this; while one holds its folder, a second is refused.
#
#   QUERIES='parts/*.fasta' REFERENCES=nr.fasta.zst slurm/resume.sh --nodes=4 --time=8:00:00
set -euo pipefail
results=${RESULTS-results}
queries=${QUERIES-queries.fasta}
script=$(dirname "$0")/search.sbatch

# shellcheck disable=SC2206 # Blanks separate, patterns expand.
query_files=($queries)
submitted=0
for folder in "$results"/*.h5.job; do
    [ -d "$folder" ] || continue # The pattern itself: there is none.
    for file in "${query_files[@]}"; do
        name=${file##*/} name=${name%.gz} name=${name%.zst}
        [ "$results/${name%.*}.h5.job" = "$folder" ] || continue
        echo "$folder: going on with $file"
        QUERIES=$file RESULTS=$results sbatch --export=ALL "$@" "$script"
        submitted=$((submitted + 1))
        continue 2
    done
    echo "$folder: none of '$queries' has that name" >&2
done
echo "submitted: $submitted"
