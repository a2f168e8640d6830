# includes.py - who may include whom (DESIGN, section 2), as data.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re

from tree import Rule, without_comments

# C, C++ and POSIX headers that belong to the system and not to a library of somebody's.
_STANDARD = set(
    """algorithm any array atomic bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits cmath
    condition_variable csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime deque exception execution
    filesystem forward_list functional future initializer_list iterator limits list map memory memory_resource mutex new
    numeric optional ostream queue random ratio scoped_allocator set shared_mutex stack stdexcept string string_view
    system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector
    assert.h cpuid.h ctype.h dirent.h dlfcn.h elf.h endian.h errno.h fcntl.h fenv.h float.h getopt.h immintrin.h inttypes.h limits.h
    link.h locale.h math.h poll.h pthread.h sched.h semaphore.h setjmp.h signal.h spawn.h stdarg.h stdalign.h stdatomic.h
    stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h termios.h time.h unistd.h wchar.h x86intrin.h
    iostream fstream sstream iomanip ios istream streambuf locale regex codecvt""".split()
)
_SYSTEM_FOLDERS = ("sys/", "linux/", "asm/", "bits/")

_MLIR = ("mlir/", "mlir-c/", "llvm/", "llvm-c/", "lld/")
_PROTOBUF = ("google/protobuf/",)
# Small libraries from Debian, by the rooms that may use them (docs/dependencies.md says why each).
_TEXT_LIBRARIES = ("rapidjson/", "utf8proc.h")
_HASH_LIBRARIES = ("sha2.h", "sha256.h")

_FORMAT_HEADERS = re.compile(r"llmc/\w+_format\.h$")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
_TD_INCLUDE = re.compile(r'^include[ \t]+(")([^"]+)"', re.M)


def includes_of(tree, path):
    """(line, name, quoted) of every include; commented ones do not count."""
    text = tree.text(path)
    if path.endswith(".td"):
        pattern = _TD_INCLUDE
    else:
        pattern, text = _INCLUDE, without_comments(text)
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(2), match.group(1) == '"'


def _system(name):
    return name in _STANDARD or name.startswith(_SYSTEM_FOLDERS)


def _room(path):
    return path.split("/", 1)[0]


def _runtime_may(path, name):
    return name.startswith(("runtime/", "llmc/", "utf8proc.h") + _HASH_LIBRARIES)


def _dialects_may(path, name):
    if re.match(r"dialects/\w+/Formats/", path):  # plain: readers without MLIR use the block formats
        return re.match(r"dialects/\w+/Formats/", name) is not None
    return name.startswith(("dialects/",) + _MLIR)


def _frontends_may(path, name):
    if name.startswith("frontends/") or _FORMAT_HEADERS.match(name) or name.startswith(_TEXT_LIBRARIES + _PROTOBUF):
        return not (_plain_frontend(path) and name.startswith(("frontends/models/", "frontends/onnx/")))
    if _plain_frontend(path):  # parsers are fuzzed, and libMLIR.so is not instrumented
        return re.match(r"dialects/\w+/Formats/", name) is not None
    return name.startswith(("dialects/",) + _MLIR)


def _plain_frontend(path):
    return path.startswith(("frontends/formats/", "frontends/text/"))


_INSTRUCTION_SETS = ("X86", "AArch64", "NVPTX")


def _phase(path):
    """'Targets/X86' for a file of an instruction set, 'Fusion' for one of a phase, '' for one directly in compiler/."""
    parts = path.split("/")[1:-1]
    if parts[:1] == ["Targets"] and parts[1:2] and parts[1] in _INSTRUCTION_SETS:
        return "/".join(parts[:2])
    return parts[0] if parts else ""


def _compiler_may(path, name):
    if name.startswith("compiler/"):
        here, there = _phase(path), _phase(name)
        return (
            here == there
            or here == "Pipelines"
            or name == "compiler/Targets/TargetBackend.h"
            or (here.startswith("Targets/") and there == "Targets")
        )
    return (
        name.startswith(("dialects/",) + _MLIR + _HASH_LIBRARIES)
        or name == "frontends/formats/TensorIndex.h"
        or name == "llmc/step_abi.h"
        or _FORMAT_HEADERS.match(name) is not None
    )


_MAY = {
    "runtime": _runtime_may,
    "dialects": _dialects_may,
    "frontends": _frontends_may,
    "compiler": _compiler_may,
}


def include_directions(tree):
    for path in tree.under(*_MAY):
        if not path.endswith((".cpp", ".h", ".c", ".td", ".def")):
            continue
        may = _MAY[_room(path)]
        for line, name, quoted in includes_of(tree, path):
            if not (not quoted and _system(name)) and not may(path, name):
                yield path, line, f"{_room(path)} includes '{name}'"


# LLVM writes gtest in quotes, and so may tests.
_GTEST = ("gtest/", "gmock/")
_ROOTS = ("compiler/", "dialects/", "runtime/", "frontends/", "test/", "tools/", "llmc/")


def include_root(tree):
    for path in tree.under("compiler", "dialects", "runtime", "frontends", "test", "tools"):
        if not path.endswith((".cpp", ".h", ".c", ".td", ".def")):
            continue
        for line, name, quoted in includes_of(tree, path):
            if quoted and not name.startswith(_ROOTS + _MLIR + _GTEST):
                if path.startswith("test/") and "/" not in name:  # programs that a test compiles by itself
                    continue
                yield path, line, f"'{name}' does not start at the repository's root"
            elif not quoted and name.startswith(_ROOTS):
                yield path, line, f"<{name}> is one of ours: write it in quotes"


def _one(path, include):
    return {path: f"#include {include}\n"}


RULES = [
    Rule(
        "include-directions",
        "runtime includes nothing; dialects MLIR; frontends dialects and llmc/*_format.h; compiler dialects, "
        "frontends/formats/TensorIndex.h, llmc/*_format.h and llmc/step_abi.h; phases not each other",
        include_directions,
        bad=[
            _one("runtime/src/session/Session.cpp", '"mlir/IR/Builders.h"'),
            _one("runtime/src/session/Session.cpp", '"llvm/ADT/SmallVector.h"'),
            _one("runtime/src/session/Session.cpp", "<google/protobuf/message.h>"),
            _one("runtime/src/text/Encode.cpp", '"frontends/text/Tables.h"'),
            _one("runtime/src/text/Encode.cpp", "<rapidjson/document.h>"),
            _one("dialects/Kernel/IR/KernelOps.cpp", '"compiler/Lower/Tiles.h"'),
            _one("dialects/Kernel/IR/KernelOps.cpp", '"llmc/step_abi.h"'),
            _one("dialects/Transformer/Formats/Q8.cpp", '"mlir/IR/Types.h"'),
            _one("frontends/models/Family.cpp", '"compiler/Pipelines/Pipelines.h"'),
            _one("frontends/models/Family.cpp", '"llmc/step_abi.h"'),
            _one("frontends/formats/safetensors/Header.cpp", '"mlir/IR/Types.h"'),
            _one("frontends/text/Bpe.cpp", '"dialects/Transformer/IR/Transformer.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", '"frontends/models/Config.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", '"frontends/formats/Json.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", '"compiler/Raise/RollLayers.h"'),
            _one("compiler/Lower/Linear.cpp", '"compiler/Targets/X86/Tiles.h"'),
            _one("compiler/Targets/X86/Matmul.cpp", '"compiler/Targets/AArch64/Matmul.h"'),
            _one("compiler/Targets/Vector/Matmul.cpp", '"compiler/Targets/X86/Tiles.h"'),
            _one("compiler/Lower/Linear.cpp", '"compiler/Targets/Vector/Matmul.h"'),
            _one("compiler/Weights/Pack.cpp", '"llmc/llmc.h"'),
            _one("compiler/Weights/Pack.cpp", '"runtime/src/memory/Arena.h"'),
            {"dialects/Kernel/IR/KernelOps.td": 'include "compiler/Lower/Tiles.td"\n'},
        ],
        good=[
            _one("runtime/src/session/Session.cpp", '"llmc/artifact_format.h"'),
            _one("runtime/src/session/Session.cpp", "<sys/mman.h>"),
            {"runtime/src/session/Session.cpp": '// not #include "mlir/IR/Builders.h"\n/*\n#include "llvm/x.h"\n*/\n'},
            _one("dialects/Kernel/IR/KernelOps.cpp", '"dialects/Kernel/IR/KernelOps.cpp.inc"'),
            _one("dialects/Kernel/IR/KernelOps.cpp", '"mlir/IR/Builders.h"'),
            _one("frontends/models/Family.cpp", '"llmc/tokenizer_format.h"'),
            _one("frontends/formats/Json.cpp", "<rapidjson/reader.h>"),
            _one("frontends/formats/gguf/Blocks.cpp", '"dialects/Transformer/Formats/Q4.h"'),
            _one("compiler/Weights/Pack.cpp", '"frontends/formats/TensorIndex.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", '"compiler/Fusion/Passes.h"'),
            _one("compiler/Lower/Linear.cpp", '"compiler/Targets/TargetBackend.h"'),
            _one("compiler/Targets/X86/Matmul.cpp", '"compiler/Targets/TargetBackend.h"'),
            _one("compiler/Targets/X86/Matmul.cpp", '"compiler/Targets/Vector/Matmul.h"'),
            _one("compiler/Pipelines/Pipelines.cpp", '"compiler/Fusion/Passes.h"'),
            _one("tools/llmc/main.cpp", '"compiler/Pipelines/Pipelines.h"'),
        ],
    ),
    Rule(
        "include-root",
        "there is one include root, the repository (and runtime/include for llmc/): quotes for ours, from the root",
        include_root,
        bad=[
            _one("compiler/Fusion/FuseQKV.cpp", '"Passes.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", '"../Raise/Passes.h"'),
            _one("compiler/Fusion/FuseQKV.cpp", "<dialects/Kernel/IR/Kernel.h>"),
        ],
        good=[
            _one("compiler/Fusion/FuseQKV.cpp", '"compiler/Fusion/Passes.h"'),
            _one("runtime/src/session/Session.cpp", '"llmc/llmc.h"'),
            _one("dialects/Kernel/IR/KernelOps.cpp", '"mlir/IR/Builders.h"'),
        ],
    ),
]
