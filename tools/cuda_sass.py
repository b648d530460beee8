#!/usr/bin/env python3
"""What nvcc made of the CUDA kernels: registers, shared memory and spills of every architecture,
and the instructions of the main loop per pair of cells, of which 3.5 packed ones are the recurrence's
own (kernels/cuda/score.cuh). Needs no GPU; needs cuobjdump (and nvdisasm beside it) of CUDA.

usage: cuda_sass.py FATBIN [--cuobjdump PATH] [--arch sm_90] [--units 132] [--ghz 1.755]
       (FATBIN: kernels/cuda/kernels.fatbin of a build directory)

A lane reads the scores of four pairs of cells with one 128-bit load, so the loads of a loop count
its pairs. Packed operations and the other integer operations of the ALU pipe run at half rate, 64
lanes a clock and multiprocessor; multiply-adds have a pipe of their own. The bound is the ALU
pipe's: 2 cells a pair x 64 lanes / operations.
"""
import argparse
import collections
import re
import shutil
import subprocess
import sys

ALU_LANES = 64
PACKED = re.compile(r"^(VIADDMNMX|VIMNMX3?)\.[SU]16x2|^VIADDMNMX\b.*16x2")
MULTIPLY = re.compile(r"^(IMAD|FMUL|FFMA|HFMA2|FADD)")
OTHER_PIPES = re.compile(r"^(LD|ST|SHFL|BRA|BSSY|BSYNC|NOP|S2|CS2|WARPSYNC|ATOM|RED|U[A-Z]|R2UR|EXIT|"
                         r"BAR|CALL|RET|MEMBAR|ERRBAR|DEPBAR|YIELD|VOTE|POPC|MUFU|I2F|F2I|ENDCOLL)")
USAGE = re.compile(r"Function (\w+):\s*\n\s*REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)")


def run(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def print_usage(tool, fatbin):
    """Registers, shared and local memory: one line an architecture, and every kernel that spills."""
    text = run([tool, "--dump-resource-usage", fatbin])
    print("| architecture | kernels | registers, most | static shared, most | spills |")
    print("|---|---|---|---|---|")
    spilling = []
    for part in re.split(r"(?=Fatbin elf code)", text):
        arch = re.search(r"arch = (sm_\w+)", part)
        kernels = USAGE.findall(part)
        if not arch or not kernels:
            continue
        spills = [name for name, _, stack, _, local in kernels if int(stack) + int(local) > 0]
        spilling += [(arch.group(1), name) for name in spills]
        print("| %s | %d | %d | %d | %s |" % (
            arch.group(1), len(kernels), max(int(kernel[1]) for kernel in kernels),
            max(int(kernel[3]) for kernel in kernels), "%d kernels" % len(spills) if spills
            else "none"))
    for arch, name in spilling:
        print("spills: %s %s" % (arch, name))
    return not spilling


def functions(text):
    """Name -> [(address, instruction)]."""
    found = {}
    own = None
    for line in text.split("\n"):
        match = re.search(r"Function : (\w+)", line)
        if match:
            own = found.setdefault(match.group(1), [])
            continue
        match = re.match(r"\s*/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;", line)
        if match and own is not None:
            own.append((int(match.group(1), 16), match.group(2)))
    return found


def opcode(instruction):
    return re.sub(r"^@!?U?P\w+\s+", "", instruction).split()[0]


def main_loop(instructions, rows):
    """The shortest loop that reads the scores of all rows of a lane. Returns to it from code that
    was moved out of it are jumps without condition."""
    best = None
    for address, instruction in instructions:
        match = re.match(r"@\S+\s+BRA\b.*?(0x[0-9a-f]+)", instruction)
        if not match or int(match.group(1), 16) >= address:
            continue
        body = [op for place, op in instructions if int(match.group(1), 16) <= place <= address]
        loads = sum(opcode(op) == "LDS.128" for op in body)
        if loads >= rows // 4 and (best is None or len(body) < len(best)):
            best = body
    return best


def print_loops(tool, fatbin, arguments):
    text = run([tool, "--dump-sass", "--gpu-architecture", arguments.arch, fatbin])
    print("\n| kernel (%s) | instructions | packed | other ALU | multiply-add pipe | moves of these | "
          "shuffles and memory | cells a clock | TCUPS |" % arguments.arch)
    print("|---|---|---|---|---|---|---|---|---|")
    for name, instructions in sorted(functions(text).items(), key=lambda item: item[0]):
        shape = re.search(r"_(\d+)x(\d+)$", name)
        if not shape:
            continue
        loop = main_loop(instructions, int(shape.group(2)))
        if loop is None:
            print("| %s | no main loop found |" % name)
            continue
        kinds = collections.Counter()
        for instruction in loop:
            op = opcode(instruction)
            if PACKED.match(op):
                kinds["packed"] += 1
            elif MULTIPLY.match(op):
                kinds["multiply"] += 1
                kinds["move"] += op.startswith("IMAD.MOV")
            elif OTHER_PIPES.match(op):
                kinds["memory"] += 1
            else:
                kinds["alu"] += 1
        pairs = 4 * sum(opcode(op) == "LDS.128" for op in loop)
        rate = 2 * ALU_LANES * pairs / max(1, kinds["packed"] + kinds["alu"])
        print("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f | %.2f |" % (
            name, len(loop) / pairs, kinds["packed"] / pairs, kinds["alu"] / pairs,
            kinds["multiply"] / pairs, kinds["move"] / pairs, kinds["memory"] / pairs, rate,
            rate * arguments.units * arguments.ghz / 1000))
    print("\nPer pair of cells; TCUPS: the ALU pipe's bound with %d multiprocessors at %.3f GHz." % (
        arguments.units, arguments.ghz))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fatbin")
    parser.add_argument("--cuobjdump", default="cuobjdump")
    parser.add_argument("--arch", default="sm_90")
    parser.add_argument("--units", type=int, default=132)
    parser.add_argument("--ghz", type=float, default=1.755)
    arguments = parser.parse_args()
    if shutil.which(arguments.cuobjdump) is None:
        sys.exit("cuda_sass.py: no '%s'; it comes with CUDA, --cuobjdump says where it is" %
                 arguments.cuobjdump)
    clean = print_usage(arguments.cuobjdump, arguments.fatbin)
    print_loops(arguments.cuobjdump, arguments.fatbin, arguments)
    sys.exit(0 if clean else 1)


main()
