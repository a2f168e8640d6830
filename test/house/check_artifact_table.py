#!/usr/bin/python3
# check_artifact_table.py - docs/artifact-format.md says what artifact_format.h says.
#
# Every struct of the header has its table, with all its fields; a C program made from the tables and compiled against
# the header asserts each offset, size and constant. The worked dump is decoded by the documented layout. The check is
# itself checked: a table with one wrong number must not compile.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import hashlib
import os
import re
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDE = os.path.join(ROOT, "runtime", "include")


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


PAGE = read("docs", "artifact-format.md")
HEADER = read("runtime", "include", "llmc", "artifact_format.h")


def documented_structs(page):
    """name -> (size, [(offset, size, field)])"""
    structs = {}
    for match in re.finditer(r"^### `(\w+)`: (\d+) bytes\n(.*?)(?=^##|\Z)", page, re.M | re.S):
        rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \|", match.group(3), re.M)
        structs[match.group(1)] = (int(match.group(2)), [(int(o), int(s), f) for o, s, f in rows])
    return structs


def declared_structs(header):
    """name -> [field], from the header's text."""
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    return {
        name: re.findall(r"(\w+)(?:\[\d+\])?;", body)
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", header, re.S)
    }


def program(page):
    lines = ["#include <stddef.h>", '#include "llmc/artifact_format.h"']
    for name, (size, rows) in documented_structs(page).items():
        lines.append(f'_Static_assert(sizeof({name}) == {size}, "{name}");')
        for offset, length, field in rows:
            lines.append(f'_Static_assert(offsetof({name}, {field}) == {offset}, "{name}.{field} at");')
            lines.append(f'_Static_assert(sizeof((({name} *)0)->{field}) == {length}, "{name}.{field} size");')
    for name, value in re.findall(r"^\| `(LLMC_\w+)` \| (\d+) \|", page, re.M):
        lines.append(f'_Static_assert({name} == {value}u, "{name}");')
    magic = re.search(r"magic of a container is the eight bytes `([0-9a-f ]+)`", page).group(1).split()
    lines += [
        "#include <string.h>",
        f"static const unsigned char magic[8] = {{{', '.join('0x' + b for b in magic)}}};",
        "int main(void) { return sizeof(LLMC_ARTIFACT_MAGIC) == 9 && !memcmp(magic, LLMC_ARTIFACT_MAGIC, 8) ? 0 : 1; }",
    ]
    return "\n".join(lines) + "\n"


def compiles_and_runs(source):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "table.c")
        with open(path, "w", encoding="utf-8") as file:
            file.write(source)
        command = ["clang-22", "-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-I", INCLUDE, path, "-o", path[:-2]]
        built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if built.returncode:
            return built.stdout
        return "" if subprocess.run([path[:-2]]).returncode == 0 else "the magic differs"


def dumped_bytes(page):
    """address -> byte of every line `00000000  89 4c …` of the worked dump."""
    found = {}
    for address, text in re.findall(r"^    ([0-9a-f]{8})  ((?:[0-9a-f]{2}(?: |$))+)", page, re.M):
        for index, byte in enumerate(text.split()):
            found[int(address, 16) + index] = int(byte, 16)
    return found


class Page(unittest.TestCase):
    def test_every_struct_and_field_is_documented_in_order(self):
        documented = {n: [f for _, _, f in rows] for n, (_, rows) in documented_structs(PAGE).items()}
        self.assertEqual(documented, declared_structs(HEADER))

    def test_rows_leave_no_hole(self):
        for name, (size, rows) in documented_structs(PAGE).items():
            end = 0
            for offset, length, field in rows:
                self.assertEqual(offset, end, f"{name}.{field}")
                end = offset + length
            self.assertEqual(end, size, name)

    def test_every_section_kind_is_documented(self):
        for name in re.findall(r"^\s*(LLMC_SECTION_[A-Z]+) = ", HEADER, re.M):
            self.assertIn(f"`{name}`", PAGE)

    def test_numbers_agree_with_the_header(self):
        self.assertEqual(compiles_and_runs(program(PAGE)), "")

    def test_a_wrong_number_is_found(self):
        for right, wrong in [
            ("| 8 | 8 | `container_size`", "| 12 | 8 | `container_size`"),
            ("| 40 | 32 | `section_table_sha256`", "| 40 | 24 | `section_table_sha256`"),
            ("`llmc_section`: 64 bytes", "`llmc_section`: 72 bytes"),
            ("| `LLMC_MAX_SECTIONS` | 64 |", "| `LLMC_MAX_SECTIONS` | 65 |"),
        ]:
            page = PAGE.replace(right, wrong)
            self.assertNotEqual(page, PAGE, right)
            self.assertNotEqual(compiles_and_runs(program(page)), "", wrong)

    def test_the_dump_decodes(self):
        data = dumped_bytes(PAGE)
        if not data:
            self.skipTest("the page has no dump")
        take = lambda offset, size: bytes(data[offset + i] for i in range(size))
        magic, major, minor, size, table, count, entry = struct.unpack("<8sIIQQII", take(0, 40))
        self.assertEqual((magic, major, table, entry), (b"\x89LLMC\r\n\x1a", 2, 96, 64))
        rows = take(table, count * entry)
        self.assertEqual(hashlib.sha256(rows).digest(), take(40, 32))
        end = 0
        for index in range(count):
            kind, _, offset, length = struct.unpack("<IIQQ", rows[index * 64 : index * 64 + 24])
            self.assertIn(kind, range(1, 6))
            self.assertEqual(offset % 65536, 0)
            self.assertGreaterEqual(offset, end)
            end = offset + length
        self.assertLessEqual(end, size)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=0))
