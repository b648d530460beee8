"""Embed text files, one after the other, as a C array: embed.py NAME HEADER OUTPUT FILES...

A prefix #line keeps compiler messages readable."""
import os
import sys


def main():
    name, header, output, paths = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    data = b""
    for path in paths:
        with open(path, "rb") as file:
            data += b'#line 1 "%s"\n' % os.path.basename(path).encode() + file.read()
    with open(output, "w", encoding="ascii") as file:
        file.write("/* Made by embed.py from %s. */\n" % ", ".join(map(os.path.basename, paths)))
        file.write('#include "%s"\n\nconst char %s[] = {\n' % (header, name))
        for at in range(0, len(data), 20):
            file.write("".join("%d," % byte for byte in data[at:at + 20]) + "\n")
        file.write("0};\n")


main()
