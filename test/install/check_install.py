#!/usr/bin/python3
# check_install.py - installs and packs llmc, and builds programs with models inside from what came out.
#
#   check_install.py CASE…       LLMC_BUILD names the build folder
#
# Folders have spaces, brackets and an accent in their names throughout: a path that is not quoted somewhere shows.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["LLMC_BUILD"])
HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
CMAKE = "/usr/bin/cmake"
TEXT = "the old sea"


class Wrong(Exception):
    pass


def run(*command, ok=True, cwd=None, env=None, limit=240):
    """stdout of a command that must succeed (or fail, with ok=False: then all it wrote)."""
    words = [str(c) for c in command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                          timeout=limit, env={**os.environ, "CCACHE_DISABLE": "1", **(env or {})})
    if (done.returncode == 0) != ok:
        raise Wrong(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout if ok else done.stdout + done.stderr


def expect(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}:\n  found    {got!r}\n  expected {wanted!r}")


def install(folder, component=None):
    prefix = folder / "a préfix [1]"
    run(CMAKE, "--install", BUILD, "--prefix", prefix, *(["--component", component] if component else []))
    return prefix


def toy(path, *options):
    run(BUILD / "unittests" / "llmc-test-write-toy", *options, path)
    return path


def configure(source, prefix, *definitions, ok=True, generator="Ninja", env=None):
    return run(CMAKE, "-S", source, "-B", source / "build", "-G", generator, f"-DCMAKE_PREFIX_PATH={prefix}", *definitions, ok=ok,
               env=env)


def build(source, ok=True, env=None):
    return run(CMAKE, "--build", source / "build", ok=ok, env=env)


def example(prefix, folder):
    """A copy of the installed example in a clean folder."""
    source = folder / "ex ample"
    shutil.copytree(prefix / "share/doc/llmc-runtime/examples/embed", source)
    return source


def install_tree(folder):
    """What stands where, moved or under DESTDIR; and nothing in it names the folders of the build."""
    prefix = install(folder)
    wanted = """bin/llmc-run include/llmc/chat.h include/llmc/generate.h include/llmc/llmc.h include/llmc/llmc.hpp
        lib/cmake/llmc/LLMCAddModel.cmake lib/cmake/llmc/llmcConfig.cmake lib/cmake/llmc/llmcConfigVersion.cmake lib/libllmc.a
        lib/llmc/llmc-runtime share/doc/llmc-runtime/THIRD-PARTY-LICENSES share/doc/llmc-runtime/copyright
        share/doc/llmc-runtime/llmc.spdx""".split()
    if (BUILD / "bin/llmc").exists():
        wanted += """bin/llmc share/man/man1/llmc.1 share/man/man1/llmc-compile.1 share/man/man1/llmc-plan.1
            share/bash-completion/completions/llmc share/zsh/site-functions/_llmc share/fish/vendor_completions.d/llmc.fish""".split()
        expect("completion of bash", run("bash", "-c", f"source '{prefix}/share/bash-completion/completions/llmc'; complete -p llmc")[:8],
               "complete")
    for path in wanted:
        if not (prefix / path).is_file():
            raise Wrong(f"{path} was not installed")
    run(CMAKE, "--install", BUILD, "--prefix", "/opt/llmc", env={"DESTDIR": str(folder / "dest dir")})
    staged = folder / "dest dir" / "opt" / "llmc"
    expect("files under DESTDIR", sorted(str(p.relative_to(staged)) for p in staged.rglob("*")),
           sorted(str(p.relative_to(prefix)) for p in prefix.rglob("*")))
    for path in prefix.rglob("*"):
        if path.is_file() and path.suffix in (".cmake", ".h", ".hpp", ".spdx", "") and b"\0" not in path.read_bytes()[:512]:
            if str(BUILD.parent.parent) in path.read_text():
                raise Wrong(f"{path.relative_to(prefix)} names the folder of the sources")
    # One header, one library and the C library: what a C program needs, without CMake.
    program = folder / "program"
    (folder / "program.c").write_text((HERE.parents[1] / "docs/examples/generate.c").read_text())
    run("cc", folder / "program.c", "-I", prefix / "include", prefix / "lib/libllmc.a", "-lm", "-pthread", "-o", program)
    model = toy(folder / "toy.llmc", "--tokenizer")
    expect("the program", run(program, model, "the sea"), run(prefix / "bin/llmc-run", model, "the sea", "-n", "32") + "\n")
    spdx = (prefix / "share/doc/llmc-runtime/llmc.spdx").read_text()
    ids = re.findall(r"^SPDXID: (\S+)$", spdx, re.M)
    expect("SPDX ids named twice", len(ids), len(set(ids)))
    for first, kind, second in re.findall(r"^Relationship: (\S+) (\S+) (\S+)$", spdx, re.M):
        if first not in ids or second not in ids:
            raise Wrong(f"llmc.spdx: {first} {kind} {second} names what is not in it")
    for name in ("glibc", "libgcc", "libmd"):
        if f"Relationship: SPDXRef-llmc-runtime STATIC_LINK SPDXRef-{name}" not in spdx:
            raise Wrong(f"llmc.spdx does not say that the runtime links {name}")


def prebuilt(folder):
    """The example around a compiled model: no compiler is installed, and LLVM cannot be found."""
    prefix = install(folder, "runtime")
    if (prefix / "bin/llmc").exists():
        raise Wrong("the runtime's part brings the compiler")
    model = toy(folder / "to y.llmc", "--tokenizer")
    source = example(prefix, folder)
    # A PATH without llmc; Makefiles here, Ninja elsewhere.
    env = {"PATH": "/usr/bin:/bin"}
    configure(source, prefix, f"-DMODEL={model}", generator="Unix Makefiles", env=env)
    build(source, env=env)
    wanted = run(prefix / "bin/llmc-run", model, "the sea", "-n", "16", "--temp", "0") + "\n"
    model.unlink()  # it is in the programs
    shutil.rmtree(prefix)
    for program in ("answer-c", "answer-cpp"):
        expect(program, run(source / "build" / program, "the sea"), wanted)


def compiled(folder):
    """The example around a checkpoint, compiled while building, answers as the executable of the same model does."""
    prefix = install(folder)
    moved = folder / "moved"
    prefix.rename(moved)  # all of it finds itself
    model = folder / 'mo"del (1) [x]'
    shutil.copytree(MODELS / "storybook", model)
    source = example(moved, folder)
    configure(source, moved, f"-DMODEL={model}", "-DMODEL_OPTIONS=--cpu=x86-64-v3")
    build(source)
    run(moved / "bin/llmc", "compile", model, "--cpu=x86-64-v3", "-o", folder / "executable")
    wanted = run(folder / "executable", TEXT, "-n", "16", "--temp", "0") + "\n"
    shutil.rmtree(model)
    for program in ("answer-c", "answer-cpp"):
        expect(program, run(source / "build" / program, TEXT), wanted)


def rebuilds(folder):
    """A model is compiled again when it, the options or the compiler changed, and only then."""
    prefix = install(folder)
    model = folder / "model"
    shutil.copytree(HERE.parent / "e2e/reference/tiny/llama-biases", model)
    source = folder / "project"
    source.mkdir()
    (source / "main.c").write_text('#include "m.h"\n#include <stdio.h>\nint main(void) { return printf("%zu\\n", m.size) < 0; }\n')
    lists = """cmake_minimum_required(VERSION 3.19)
project(p LANGUAGES C)
find_package(llmc REQUIRED)
add_executable(main main.c)
llmc_add_model(main "../model" NAME m OPTIONS %s)
"""

    def compiles():
        return "Compiling the model" in build(source)

    def write(options):
        (source / "CMakeLists.txt").write_text(lists % options)

    write("--cpu=x86-64-v3")
    configure(source, prefix)
    expect("built at first", compiles(), True)
    first = run(source / "build/main")
    expect("built without a change", compiles(), False)
    config = (model / "config.json").read_text()
    (model / "config.json").write_text(config + "\n")
    expect("built after a change", compiles(), True)
    (model / "generation_config.json").write_text('{"temperature": 0.5, "do_sample": true}')
    expect("built with a new file", compiles(), True)
    (model / "generation_config.json").unlink()
    expect("built without that file", compiles(), True)
    write("--cpu=x86-64-v3 --weights f16")
    expect("built with other options", compiles(), True)
    expect("the size of a model of f16", int(run(source / "build/main")) < int(first), True)
    expect("built without a change", compiles(), False)
    (prefix / "bin/llmc").touch()
    expect("built by another compiler", compiles(), True)
    expect("the answer of a model with a mistake", "'num_attention_heads'" in broken(source, model, config), True)
    shutil.rmtree(model)
    text = re.sub(r"\s+", " ", build(source, ok=False))
    if f"'{model}' is not there (expected a checkpoint directory, a .gguf or a .llmc file)" not in text:
        raise Wrong(f"a model that went away: {text}")


def cached(folder):
    """org/name is the snapshot in the local Hugging Face cache, called by its name."""
    prefix = install(folder)
    repository = folder / "hub" / "models--some--tiny-llama"
    (repository / "refs").mkdir(parents=True)
    for revision in ("00aa", "ffff"):
        shutil.copytree(HERE.parent / "e2e/reference/tiny/llama-biases", repository / "snapshots" / revision)
    (repository / "snapshots/ffff/config.json").write_text("{}")
    (repository / "refs/main").write_text("00aa")
    source = folder / "project"
    source.mkdir()
    (source / "main.c").write_text('#include "tiny_llama.h"\n#include <stdio.h>\nint main(void) { return printf("%zu\\n", tiny_llama.size) < 0; }\n')
    (source / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.19)
project(p LANGUAGES C)
find_package(llmc REQUIRED)
add_executable(main main.c)
llmc_add_model(main some/tiny-llama OPTIONS --cpu=x86-64-v3)
""")
    for variable, value in (("HF_HUB_CACHE", folder / "hub"), ("HF_HOME", folder)):
        shutil.rmtree(source / "build", ignore_errors=True)
        configure(source, prefix, env={"HOME": "/nowhere", variable: str(value)})
        build(source)
        expect("the size of the model is a number", run(source / "build/main").strip().isdigit(), True)
    shutil.rmtree(source / "build")
    (source / "CMakeLists.txt").write_text((source / "CMakeLists.txt").read_text().replace("tiny-llama", "absent"))
    text = re.sub(r"\s+", " ", configure(source, prefix, ok=False, env={"HF_HUB_CACHE": str(folder / "hub")}))
    if "absent' is not there" not in text:
        raise Wrong(f"a model that is not in the cache: {text[:600]}")


def broken(source, model, config):
    (model / "config.json").write_text(re.sub(r'("num_attention_heads": )\d+', r"\g<1>7", config))
    return build(source, ok=False)


def projects(folder):
    """Two models, folders, both signatures, no exceptions, static, shared."""
    prefix = install(folder, "runtime")
    source = folder / "sev eral"
    shutil.copytree(HERE / "projects/several", source)
    first, second = toy(folder / "first one.llmc", "--tokenizer"), toy(folder / "second.llmc")
    for compiler in ("g++", "clang++-22"):
        shutil.rmtree(source / "build", ignore_errors=True)
        configure(source, prefix, f"-DFIRST={first}", f"-DSECOND={second}", f"-DCMAKE_CXX_COMPILER={compiler}")
        build(source)
        lines = run(source / "build/two").splitlines()
        expect(compiler, run(source / "build/two-static").splitlines(), lines)
        expect(compiler, re.sub(r"then \d+", "then N", lines[0]),
               f"first: {first.stat().st_size} bytes at 0, 6 tokens, vocabulary {vocabulary(first, prefix)}, then N")
        expect(compiler, lines[1].split(",")[0], f"second: {second.stat().st_size} bytes at 0")
        expect(compiler, lines[2:], ["cannot be opened: no such file or directory",
                                     "the container's memory is not aligned to 64 bytes",
                                     f"is cut short: {first.stat().st_size - 1} bytes of {first.stat().st_size} (copy or compile it again)"])
        expect(compiler, run(source / "build/outside"), f"vocabulary {vocabulary(first, prefix)}\n")
        exported = run("nm", "-D", "--defined-only", source / "build/libbrain.so").split()[2::3]
        expect("what the shared library shows", [name for name in exported if "llmc" in name or "SHA" in name], [])


def vocabulary(model, prefix):
    return re.search(r"vocabulary (\d+) tokens", run(prefix / "bin/llmc-run", model, "--about")).group(1)


def mistakes(folder):
    """Each mistake in a project gets a sentence."""
    prefix = install(folder, "runtime")
    model = toy(folder / "model.llmc")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint/config.json").write_text("{}")
    gone = "(expected a checkpoint directory, a .gguf or a .llmc file)"
    cases = {
        'llmc_add_model(p "nothing")': f"llmc_add_model(p): '{folder}/project/nothing' is not there {gone}",
        'llmc_add_model(p "nothing.gguf")': f"llmc_add_model(p): '{folder}/project/nothing.gguf' is not there {gone}",
        'llmc_add_model(p "")': f"llmc_add_model(p): no model is named {gone}",
        'llmc_add_model(p "../model.llmc" OPTIONS --cpu native)':
            f"llmc_add_model(p): '{folder}/model.llmc' is compiled already, OPTIONS are for models that are not",
        'llmc_add_model(p "../model.llmc" NAME "a b")': "llmc_add_model(p): NAME 'a b' is no C identifier",
        'llmc_add_model(p "../model.llmc" CPU native)':
            "llmc_add_model(p): unexpected 'CPU;native' (expected NAME, OPTIONS or DEPENDS)",
        'llmc_add_model(p "../model.llmc")\nllmc_add_model(p "../model.llmc")':
            "llmc_add_model(p): there is a model 'model' already; give this one another NAME",
        'llmc_add_model(p "../checkpoint")':
            f"llmc_add_model(p): no llmc is there to compile '{folder}/checkpoint' (install the package llmc, set LLMC_EXECUTABLE, "
            "or give a compiled .llmc file)",
    }
    source = folder / "project"
    source.mkdir()
    (source / "p.c").write_text("int main(void) { return 0; }\n")
    for call, wanted in cases.items():
        (source / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.19)\nproject(p LANGUAGES C)\nfind_package(llmc REQUIRED)\nadd_executable(p p.c)\n" + call)
        text = re.sub(r"\s+", " ", configure(source, prefix, ok=False, env={"PATH": "/usr/bin:/bin"}))
        if wanted not in text:
            raise Wrong(f"{call}\n  found    {text[:600]}\n  expected {wanted}")
    # A file that is no model is found out by the program that opens it, with the library's sentence.
    (folder / "model.llmc").write_bytes(b"no model at all" * 9)
    (source / "p.c").write_text('#include "model.h"\n#include <stdio.h>\nint main(void) { llmc_model *m; llmc_error e;\n'
                                'if (llmc_model_open_memory(model.data, model.size, &m, &e)) puts(e.message); }\n')
    (source / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.19)\nproject(p LANGUAGES C)\nfind_package(llmc REQUIRED)\n"
                                           "add_executable(p p.c)\nllmc_add_model(p ../model.llmc)\n")
    configure(source, prefix)
    build(source)
    expect("a file that is no model", run(source / "build/p"), "the container does not begin with the llmc magic bytes\n")


def packages(folder):
    """The archives unpack and work where LLVM is not to be found; the Debian packages ask for the right libraries."""
    run("/usr/bin/cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "TGZ;DEB", "-B", folder / "out", cwd=folder)
    archives = sorted(p.name for p in (folder / "out").glob("*.tar.gz"))
    has_compiler = (BUILD / "bin/llmc").exists()
    expect("archives", [re.sub(r"-\d.*", "", name) for name in archives], ["llmc-compiler"] * has_compiler + ["llmc-runtime"])
    run("tar", "xzf", folder / "out" / archives[-1], "-C", folder)
    (tree,) = folder.glob("llmc-*-linux-*")
    for path in tree.rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", path))
            expect(f"libraries of {path.name}", needed, [])
    model = toy(folder / "toy.llmc", "--tokenizer")
    source = example(tree, folder)
    script = folder / "build.sh"
    script.write_text(f"""set -e
mount -t tmpfs none /usr/lib/llvm-22
! ls /usr/lib/llvm-22/lib
cd '{source}'
{CMAKE} -S . -B build -DCMAKE_PREFIX_PATH='{tree}' -DMODEL='{model}'
{CMAKE} --build build
""")
    hides = subprocess.run(["unshare", "-rm", "true"], stderr=subprocess.DEVNULL).returncode == 0
    if hides:
        run("unshare", "-rm", "bash", script, env={"PATH": "/usr/bin:/bin"})
    else:
        print("LLVM cannot be hidden here: built beside it")
        configure(source, tree, f"-DMODEL={model}", env={"PATH": "/usr/bin:/bin"})
        build(source)
    wanted = run(tree / "bin/llmc-run", model, "the sea", "-n", "16", "--temp", "0") + "\n"
    expect("the program", run(source / "build/answer-c", "the sea"), wanted)
    if has_compiler:  # unpacked into the same folder, it finds the runtime
        run("tar", "xzf", folder / "out" / archives[0], "-C", folder)
        run(tree / "bin/llmc", "compile", HERE.parent / "e2e/reference/tiny/llama-biases", "--cpu=x86-64-v3", "-o", folder / "tiny")
        run(folder / "tiny", "--ids", "1,2", "-n", "2")
    fields = {}
    for deb in (folder / "out").glob("*.deb"):
        fields[deb.name.split("_")[0]] = run("dpkg-deb", "-f", deb, "Depends").strip()
    expect("dependencies of llmc-runtime", fields["llmc-runtime"], "")
    if has_compiler:
        for needed in ("llmc-runtime (= ", "libllvm22", "libmlir-22", "libc6 (>= ", "libstdc++6 (>= "):
            if needed not in fields["llmc"]:
                raise Wrong(f"the package llmc depends on '{fields['llmc']}', not on {needed}")


CASES = [install_tree, prebuilt, compiled, rebuilds, cached, projects, mistakes, packages]


def main(names):
    cases = [case for case in CASES if not names or case.__name__ in names]
    for tool in ("ninja", "cc", "g++", "make", "dpkg-shlibdeps", CMAKE):
        if not shutil.which(tool):
            print(f"needs {tool}")
            return 77
    status = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="llmc install ") as scratch:
            try:
                case(pathlib.Path(scratch).resolve())
                print(f"{case.__name__}: ok")
            except (Wrong, OSError, subprocess.TimeoutExpired) as mistake:
                print(f"{case.__name__}: {mistake}")
                status = 1
    return status if cases else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
