# layout.py - rules about where files stand, what they are called, and how the build lists them.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import posixpath
import re

from tree import Rule

_TOP = {"compiler", "dialects", "runtime", "frontends", "test", "tools", "docs", "cmake", ".ci"}
_ROOMS = ("compiler", "dialects", "frontends", "runtime", "tools")
_VAGUE = re.compile(r"(^|[a-z0-9_-])(utils?|common|misc|helpers?|stuff)$", re.I)


def top_folders(tree):
    for path in tree.paths:
        top, rest = path.partition("/")[::2]
        if rest and top not in _TOP:
            yield path, 0, f"'{top}/' is not one of the house's folders"


def public_headers(tree):
    for path in tree.paths:
        if "/include/" in "/" + path and not path.startswith("runtime/include/llmc/"):
            yield path, 0, "public headers stand under runtime/include/llmc/"


def vague_names(tree):
    for path in tree.paths:
        for part in path.split("/"):
            if _VAGUE.search(part.split(".", 1)[0]):
                yield path, 0, f"'{part}' says nothing about what is in it"
                break


def sources_listed(tree):
    """Each source of a room is named by the CMakeLists.txt of its folder or of one above it."""
    for path in tree.under(*_ROOMS):
        if not path.endswith((".cpp", ".c")) or path.startswith("tools/dev/"):
            continue
        folder, listed = posixpath.dirname(path), False
        while folder and not listed:
            listing = folder + "/CMakeLists.txt"
            if listing in tree.paths:
                words = set(re.split(r"[\s()\"]+", tree.text(listing)))
                # Lists may carry a prefix in a variable: the tail of the path is enough.
                relative = posixpath.relpath(path, folder)
                listed = any(word == relative or word.endswith("/" + relative) for word in words)
            folder = posixpath.dirname(folder)
        if not listed:
            yield path, 0, "no CMakeLists.txt lists it"


def cmake_plain(tree):
    banned = re.compile(r"\b(FetchContent\w*|ExternalProject\w*|include_directories|link_directories)\b|\bfile\s*\(\s*GLOB", re.I)
    for path in tree.paths:
        if path.endswith("CMakeLists.txt"):
            for line, text in tree.lines(path):
                found = banned.search(text.split("#", 1)[0])
                # Data of tests may be found by pattern; sources never.
                if found and not (path.startswith("test/") and "CONFIGURE_DEPENDS" in tree.text(path)):
                    yield path, line, f"'{found.group(0)}'"


_LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(#[^)]*)?\)")


def doc_links(tree):
    known = set(tree.paths) | {posixpath.dirname(p) for p in tree.paths}
    for path in tree.paths:
        if not path.endswith(".md"):
            continue
        fenced = False
        for line, text in tree.lines(path):
            if text.lstrip().startswith("```"):
                fenced = not fenced
            if fenced:
                continue
            for match in _LINK.finditer(re.sub(r"`[^`]*`", "", text)):
                target = match.group(1)
                if "://" in target or target.startswith("mailto:"):
                    continue
                if posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).rstrip("/") not in known:
                    yield path, line, f"'{target}' is not there"


def pass_names(tree):
    """`def FuseQKVPass : Pass<"llmc-fuse-qkv">` has FuseQKV.cpp beside it; several passes may not share a name."""
    for path in tree.under("compiler", "frontends", "dialects"):
        if not path.endswith("Passes.td"):
            continue
        for line, text in tree.lines(path):
            match = re.match(r'def\s+(\w+)\s*:\s*Pass<\s*"([^"]+)"', text)
            if not match:
                continue
            name, argument = match.groups()
            stem = name[:-4] if name.endswith("Pass") else ""
            if not stem or not argument.startswith("llmc-"):
                yield path, line, f"'{name}' = '{argument}' (expected def <Name>Pass and \"llmc-…\")"
            elif argument[5:].replace("-", "") != stem.lower():
                yield path, line, f"'{name}' and '{argument}' are different names"
            elif not any(p.endswith("/" + stem + ".cpp") for p in tree.under(posixpath.dirname(path))):
                yield path, line, f"{stem}.cpp does not stand beside it or in a folder of it"


RULES = [
    Rule(
        "top-folders",
        "the top-level folders are fixed: " + ", ".join(sorted(_TOP)),
        top_folders,
        bad=[{"lib/x.cpp": ""}, {"include/llmc/x.h": ""}],
        good=[{"README.md": "", ".ci/run": "", "tools/x.cpp": ""}],
    ),
    Rule(
        "public-headers",
        "headers stand beside their sources; public ones under runtime/include/llmc/ only",
        public_headers,
        bad=[{"compiler/include/llmc/x.h": ""}, {"runtime/include/other/x.h": ""}],
        good=[{"runtime/include/llmc/llmc.h": ""}],
    ),
    Rule(
        "names",
        "no file or folder is called Utils, Common, Misc or Helpers",
        vague_names,
        bad=[{"compiler/Lower/Utils.cpp": ""}, {"compiler/Common/x.h": ""}, {"a/TensorUtils.h": ""}, {"a/misc.py": ""}],
        good=[{"compiler/Lower/Commons.cpp": "", "dialects/Uncommonly.h": ""}],
    ),
    Rule(
        "sources-listed",
        "each source is listed by a CMakeLists.txt",
        sources_listed,
        bad=[
            {"compiler/Lower/Linear.cpp": "", "compiler/CMakeLists.txt": "add(x Lower/Other.cpp)"},
            {"compiler/Lower/Linear.cpp": ""},
        ],
        good=[
            {"compiler/Lower/Linear.cpp": "", "compiler/CMakeLists.txt": "add(x Lower/Linear.cpp)"},
            {"compiler/Lower/Linear.cpp": "", "compiler/Lower/CMakeLists.txt": "add(x\n  Linear.cpp)"},
        ],
    ),
    Rule(
        "cmake",
        "CMake lists sources, uses targets, and downloads nothing",
        cmake_plain,
        bad=[{"compiler/CMakeLists.txt": "file(GLOB x *.cpp)"}, {"CMakeLists.txt": "include(FetchContent)"}],
        good=[{"compiler/CMakeLists.txt": "target_include_directories(x PRIVATE y) # not include_directories"}],
    ),
    Rule(
        "doc-links",
        "links between the documents lead somewhere",
        doc_links,
        bad=[{"docs/guide.md": "[there](missing.md)\n"}],
        good=[{"docs/guide.md": "[there](spec.md#a) [web](https://example.org/x) `[a](b)`\n", "docs/spec.md": ""}],
    ),
    Rule(
        "pass-names",
        "pass llmc-fuse-qkv = def FuseQKVPass = FuseQKV.cpp beside its Passes.td",
        pass_names,
        bad=[
            {"compiler/Fusion/Passes.td": 'def FuseQKVPass : Pass<"llmc-fuse-qkv", "F"> {\n'},
            {"compiler/Fusion/Passes.td": 'def FuseQKV : Pass<"llmc-fuse-qkv"> {\n', "compiler/Fusion/FuseQKV.cpp": ""},
            {"compiler/Fusion/Passes.td": 'def FusePass : Pass<"llmc-fuse-qkv"> {\n', "compiler/Fusion/Fuse.cpp": ""},
        ],
        good=[{"compiler/Fusion/Passes.td": 'def FuseQKVPass : Pass<"llmc-fuse-qkv"> {\n', "compiler/Fusion/FuseQKV.cpp": ""}],
    ),
]
