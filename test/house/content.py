# content.py - rules about what files say: lengths, licences, names of models, words that do not belong.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import re

from tree import Rule, is_code

# This folder quotes what it forbids.
_HOUSE = "test/house/"
_MAX_LINES = 1000
_MAX_BYTES = 1_000_000
_SPDX = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"


def _is_source(tree, path):
    name = path.rsplit("/", 1)[-1]
    return (
        is_code(path)
        or path.endswith((".py", ".cmake", ".py.in", ".sh", ".inc"))
        or name == "CMakeLists.txt"
        or (tree.is_text(path) and tree.text(path).startswith("#!"))
    )


def file_length(tree):
    for path in tree.paths:
        # Declarations and tables may be long: .td, .def, .inc.
        if _is_source(tree, path) and not path.endswith((".td", ".def", ".inc")):
            count = tree.text(path).count("\n")
            if count > _MAX_LINES:
                yield path, count, f"{count} lines: is it two files?"


def file_size(tree):
    for path in tree.paths:
        if not path.startswith("test/models/") and tree.size(path) > _MAX_BYTES:
            yield path, 0, f"{tree.size(path)} bytes"
        elif tree.size(path) > 6 * _MAX_BYTES:
            yield path, 0, f"{tree.size(path)} bytes in a bundled model"


def spdx(tree):
    for path in tree.paths:
        if _is_source(tree, path) and _SPDX not in "\n".join(tree.text(path).splitlines()[:40]):
            yield path, 1, f"no line '{_SPDX}'"


def file_head(tree):
    for path in tree.paths:
        name = path.rsplit("/", 1)[-1]
        if is_code(path) and not path.startswith(_HOUSE):
            first = tree.text(path).splitlines()[:1]
            if not first or not re.match(r"(//|/\*)\s*(===-*)?\s*" + re.escape(name) + r" - \S", first[0]):
                yield path, 1, f"the first line is not '// {name} - what it is for'"


def cl_opt(tree):
    for path in tree.under("compiler", "dialects", "frontends", "runtime"):
        if is_code(path):
            for line, text in tree.code_lines(path):
                if re.search(r"\bcl::(opt|list|bits|alias|ParseCommandLineOptions)\b", text):
                    yield path, line, text.strip()


_FAMILIES = re.compile(
    r"llama|mistral|mixtral|qwen|gemma|gpt_?2|gpt_?neo|gpt_?j\b|smollm|deepseek|falcon_?h?1?b?model|starcoder|olmo|"
    r"roberta|(?<![a-z])(?:distil|al)?bert(?![a-z])|(?<![a-z])t5(?![a-z0-9])|whisper|rwkv|mpt_?model|phi_?[1-4]\b",
    re.I,
)
# Names of other things that contain a family's name: a rope scaling, types in tokenizer.json, and programs whose formats
# or figures are cited.
_NOT_FAMILIES = re.compile(
    r"(?<![a-z])llama3(?![a-z0-9])|llama\.cpp|llama2\.c|llama-bench|(ro)?berta?(normalizer|pretokenizer|processing)", re.I
)


def family_names(tree):
    for path in tree.under("compiler", "dialects", "runtime", "frontends", "tools"):
        if path.startswith(("frontends/models/", "tools/dev/")) or path.endswith(".md"):
            continue
        if path.startswith("frontends/text/") and path.endswith("Names.def"):  # names that stand in files
            continue
        if _FAMILIES.search(_NOT_FAMILIES.sub("", path)):
            yield path, 0, "the file's name names a family"
        if is_code(path):
            for line, text in tree.lines(path):
                found = _FAMILIES.search(_NOT_FAMILIES.sub("", text))
                if found:
                    yield path, line, f"'{found.group(0)}'"


def runtime_clean(tree):
    banned = re.compile(
        r"#\s*include\s*<(iostream|fstream|sstream|iomanip|ios|istream|ostream|streambuf|locale|regex|codecvt|locale\.h)>"
        r"|\b(throw|try|catch|dynamic_cast|typeid)\b|\bsetlocale\b|\bstd::locale\b|\b(llvm|mlir|google::protobuf)::"
    )
    for path in tree.under("runtime"):
        if path.endswith((".cpp", ".h", ".c")):
            for line, text in tree.code_lines(path):
                found = banned.search(text)
                if found:
                    yield path, line, f"'{found.group(0)}'"


# What a produced executable is besides the library: it talks to its user.
_PROGRAM = ("runtime/src/runner/", "runtime/src/main.cpp", "runtime/src/NoExceptions.cpp")


def library_silence(tree):
    banned = re.compile(
        r"\bstd::(cout|cerr|clog)\b|(?<![\w.>])(std::|::)?(printf|puts|exit|_exit|abort|quick_exit|perror)\s*\("
        r"|\bfprintf\s*\(\s*std(out|err)\b|\b(llvm::)?(outs|errs)\(\)"
    )
    for path in tree.under("compiler", "dialects", "frontends", "runtime"):
        if path.endswith((".cpp", ".h", ".c")) and not path.startswith(_PROGRAM):
            for line, text in tree.code_lines(path):
                found = banned.search(text)
                if found:
                    yield path, line, f"'{found.group(0).strip()}'"


def left_open(tree):
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for path in tree.paths:
        if tree.is_text(path) and not path.startswith((_HOUSE, "test/models/")):
            for line, text in tree.lines(path):
                if words.search(text):
                    yield path, line, text.strip()[:100]


def machine_paths(tree):
    banned = re.compile(
        r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/|(?<![\w.])/tmp/\w"
        r"|://[\w.-]*(debian\.org|pypi|pythonhosted|npmjs|proxy\.golang)"
    )
    for path in tree.paths:
        if not tree.is_text(path) or path.startswith((_HOUSE, "test/models/")):
            continue
        for line, text in tree.lines(path):
            found = banned.search(text)
            if found:
                yield path, line, f"'{found.group(0)}'"


_LONG = "int x;\n" * (_MAX_LINES + 1)
_SPDX_LINE = f"// {_SPDX}\n"

RULES = [
    Rule(
        "file-length",
        f"a source file has at most {_MAX_LINES} lines (.td, .def and .inc tables are free)",
        file_length,
        bad=[{"compiler/Lower/Linear.cpp": _LONG}, {"tools/dev/show": "#!/bin/sh\n" + _LONG}],
        good=[{"compiler/Lower/Linear.cpp": "int x;\n" * _MAX_LINES}, {"frontends/text/Unicode.inc": _LONG}],
    ),
    Rule(
        "file-size",
        "no tracked file is over 1 MB (6 MB in test/models)",
        file_size,
        bad=[{"test/e2e/big.bin": b"\0" * 1_000_001}, {"test/models/a/model.safetensors": b"\0" * 6_000_001}],
        good=[{"test/models/a/model.safetensors": b"\0" * 5_000_000}],
    ),
    Rule(
        "spdx",
        "each source file has its SPDX line near the top",
        spdx,
        bad=[
            {"compiler/Lower/Linear.cpp": "// Linear.cpp - nothing.\nint x;\n"},
            {"tools/dev/thing": "#!/bin/sh\necho hello\n"},
            {"dialects/CMakeLists.txt": "add_library(x)\n"},
            {"a.py": "print()\n" * 50 + "# " + _SPDX},
        ],
        good=[{"compiler/Lower/Linear.cpp": _SPDX_LINE}, {"tools/dev/thing": "#!/bin/sh\n# " + _SPDX + "\n"}],
    ),
    Rule(
        "file-head",
        "a source file's first line is '// Name.cpp - what it is for'",
        file_head,
        bad=[
            {"compiler/Lower/Linear.cpp": _SPDX_LINE},
            {"compiler/Lower/Linear.cpp": "// Matmul.cpp - another name.\n"},
            {"compiler/Lower/Linear.cpp": "// Linear.cpp\n"},
        ],
        good=[
            {"compiler/Lower/Linear.cpp": "// Linear.cpp - lowers linear.\n"},
            {"runtime/include/llmc/llmc.h": "/* llmc.h - the C API.\n */\n"},
        ],
    ),
    Rule(
        "cl-opt",
        "command-line options are declared in tools/ only",
        cl_opt,
        bad=[{"compiler/Lower/Linear.cpp": "static llvm::cl::opt<bool> fast;\n"}, {"dialects/A.cpp": "cl::list<int> a;\n"}],
        good=[
            {"tools/llmc/main.cpp": "static llvm::cl::opt<bool> fast;\n"},
            {"compiler/Lower/Linear.cpp": "// never cl::opt here\n"},
        ],
    ),
    Rule(
        "family-names",
        "no family of models is named outside frontends/models, tests and docs",
        family_names,
        bad=[
            {"compiler/Fusion/FuseQKV.cpp": 'if (name == "LlamaForCausalLM")\n'},
            {"dialects/Transformer/IR/Ops.td": "def Qwen2Op;\n"},
            {"runtime/src/text/Bert.cpp": "int x;\n"},
            {"tools/driver/Compile.cpp": "bool isMistral;\n"},
            {"frontends/text/Bpe.cpp": "// as in gpt2\n"},
        ],
        good=[
            {"frontends/models/Llama.cpp": "struct Llama;\n"},
            {"dialects/Transformer/IR/Enums.td": "I32EnumAttrCase<'llama3', 5>\n// llama.cpp's order\n"},
            {"frontends/text/Json.cpp": 'type == "BertProcessing"\n'},
            {"compiler/Lower/Linear.cpp": "// Robert and Hilbert, alphabet, liberty\n"},
        ],
    ),
    Rule(
        "runtime-clean",
        "the runtime has no exceptions, no streams, no locale and nothing of LLVM, MLIR or protobuf",
        runtime_clean,
        bad=[
            {"runtime/src/session/Session.cpp": "#include <iostream>\n"},
            {"runtime/src/session/Session.cpp": "#include <locale>\n"},
            {"runtime/src/session/Session.cpp": "try { f(); } catch (...) {}\n"},
            {"runtime/src/session/Session.cpp": "void f() { throw 1; }\n"},
            {"runtime/src/session/Session.cpp": "llvm::StringRef s;\n"},
        ],
        good=[
            {"runtime/src/session/Session.cpp": '// we try to catch\n#include <cstdio>\nconst char *s = "throw";\n'},
        ],
    ),
    Rule(
        "library-silence",
        "libraries neither print nor end the process",
        library_silence,
        bad=[
            {"compiler/Lower/Linear.cpp": "void f() { exit(1); }\n"},
            {"compiler/Lower/Linear.cpp": "llvm::errs() << 1;\n"},
            {"frontends/formats/Json.cpp": 'fprintf(stderr, "x");\n'},
            {"runtime/src/session/Session.cpp": "void f() { std::abort(); }\n"},
        ],
        good=[
            {"tools/llmc/main.cpp": "exit(1);\n"},
            {"runtime/src/runner/Main.cpp": 'printf("x");\n'},
            {"compiler/Lower/Linear.cpp": "// never exit(1)\nsnprintf(text, 3, 0); loop.exit(); at_exit(f);\n"},
        ],
    ),
    Rule(
        "left-open",
        "nothing is left open in the tree: it is done, or an issue",
        left_open,
        bad=[{"compiler/Lower/Linear.cpp": "// TODO: faster\n"}, {"docs/guide.md": "FIXME\n"}],
        good=[{"compiler/Lower/Linear.cpp": "int todoList;\n"}],
    ),
    Rule(
        "machine-paths",
        "no path of somebody's machine and no registry's host in tracked files",
        machine_paths,
        bad=[
            {"docs/guide.md": "see /" "work/notes\n"},
            {"tools/dev/check": "cd /" "tmp/build\n"},
            {"test/e2e/run.py": "open('/" "home/ann/x')\n"},
            {"tools/dev/get-model": "https://" "pypi.example/simple\n"},
        ],
        good=[{"tools/dev/check": 'dir=$(mktemp -d "${TMPDIR:-/tmp}/x.XXXX")\ncd ../work/\n'}],
    ),
]
