#!/bin/sh
# Help, mistakes and info of the program: exit codes and messages, alone and on three ranks.
# Usage: test_basics.sh TALARIA
set -u
talaria=$1
# mpirun refuses root without these; a container's user often is root.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export ASAN_OPTIONS=detect_leaks=0 # MPI libraries keep what they once got
export OMPI_MCA_pml=ob1 # starts quickly: no search for fast networks
unset TALARIA_CONFIG TALARIA_ISA SLURM_CPUS_PER_TASK OMP_NUM_THREADS

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $1"
    sed 's/^/    /' "$work/out" "$work/err"
    failures=$((failures + 1))
}

# launch WORDS...: on one rank alone, or on three by mpirun.
launch() {
    if [ "$ranks" -eq 1 ]; then
        "$talaria" "$@" >"$work/out" 2>"$work/err"
    else
        mpirun -n "$ranks" --oversubscribe "$talaria" "$@" >"$work/out" 2>"$work/err"
    fi
}

# shows TEXT WORDS...: exit code 0, the text once on standard output, nothing said on errors.
shows() {
    text=$1
    shift
    launch "$@" || fail "'$*' on $ranks ranks: exit code $?"
    [ "$(grep -cF -e "$text" "$work/out")" -eq 1 ] || fail "'$*' on $ranks ranks: '$text' once"
    ! grep -q 'talaria:' "$work/err" || fail "'$*' on $ranks ranks: silent on errors"
}

# refuses CODE MESSAGE WORDS...: that code, that one message, nothing on standard output.
refuses() {
    code=$1
    message="talaria: error: $2"
    shift 2
    launch "$@"
    got=$?
    [ "$got" -eq "$code" ] || fail "'$*' on $ranks ranks: exit code $got, expected $code"
    [ "$(grep -c '^talaria:' "$work/err")" -eq 1 ] || fail "'$*' on $ranks ranks: one message"
    grep -qxF -e "$message" "$work/err" || fail "'$*' on $ranks ranks: expected '$message'"
    [ ! -s "$work/out" ] || fail "'$*' on $ranks ranks: nothing on standard output"
}

cat >"$work/good.toml" <<'TOML'
[parallel.threadpool]
num_threads = 3
TOML
printf '[parallel.threadpool]\n\nnum_thread = 3\n' >"$work/unknown.toml"
printf '[parallel.threadpool]\nnum_threads = "3"\n' >"$work/type.toml"
printf 'x = = 3\n' >"$work/syntax.toml"

basics() {
    shows 'Usage: talaria COMMAND' --help
    shows 'Usage: talaria info' info --help
    shows 'talaria 0.' --version
    shows '.TH TALARIA 1' --man
    shows "Ranks: $ranks" info
    shows 'num_threads             2           --threads' info --threads 2
    shows "num_threads             3           file '$work/good.toml' line 2" \
        info --config "$work/good.toml"
    shows 'in use                scalar' info --isa=scalar

    refuses 64 "a command is missing; see 'talaria --help'"
    refuses 64 "unknown command 'inof'; did you mean 'info'? See 'talaria --help'" inof
    refuses 64 "unknown command 'x'; see 'talaria --help'" x
    refuses 64 "unknown option '--theads'; did you mean '--threads'? See 'talaria info --help'" \
        info --theads 2
    refuses 64 '--threads needs a value: --threads N' info --threads
    refuses 64 "--threads must be a whole number from 0 to 4096, not '4097'" info --threads 4097
    refuses 64 "'y' is one argument too many for 'talaria info'; see 'talaria info --help'" info y
    refuses 64 "--isa must be one of scalar, sse41, avx2, avx512vbmi, best, not 'mmx'" \
        info --isa mmx
    refuses 78 "cannot open configuration file '$work/none': No such file or directory" \
        info --config "$work/none"
    refuses 78 "cannot read configuration file '$work': Is a directory" info --config "$work"
    refuses 78 "'$work/unknown.toml' line 3: unknown key 'parallel.threadpool.num_thread'; the \
nearest known key is 'parallel.threadpool.num_threads'" info --config "$work/unknown.toml"
    refuses 78 "'$work/type.toml' line 2: parallel.threadpool.num_threads must be a whole number \
from 0 to 4096, not the text '3'" info --config "$work/type.toml"
    launch info --config "$work/syntax.toml"
    grep -q "^talaria: error: '$work/syntax.toml' line 1 is not TOML: " "$work/err" ||
        fail "a syntax error on $ranks ranks"
}

ranks=1
basics
TALARIA_CONFIG=$work/unknown.toml "$talaria" info >"$work/out" 2>"$work/err"
[ $? -eq 78 ] || fail 'a wrong file named by TALARIA_CONFIG'
OMP_NUM_THREADS=many "$talaria" info >"$work/out" 2>"$work/err"
[ $? -eq 78 ] || fail 'a wrong OMP_NUM_THREADS'
if [ -w /dev/full ]; then
    "$talaria" --help >/dev/full 2>"$work/err"
    [ $? -eq 74 ] || fail 'standard output that is full'
fi

if command -v mpirun >"$work/out"; then
    ranks=3
    basics
    mpirun -n 1 "$talaria" info : -n 1 "$talaria" --help >"$work/out" 2>"$work/err"
    grep -q '^talaria: error: the ranks were started with different command lines' "$work/err" ||
        fail 'ranks with different words'
else
    echo 'no mpirun: only one rank was tested'
fi

[ "$failures" -eq 0 ] || exit 1
