#!/usr/bin/python3
# malformed.py - malformed models one by one: exit code 1, one message whose text is tested, nothing left behind.
#
#   malformed.py --list             names of the cases
#   malformed.py --llmc PATH CASE   runs one; 77 when it cannot be tried here, with the reason
#
# Not here: what a parser says of each byte of a damaged file (test/frontends, test/runtime, test/fuzz).
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import tiny_checkpoint as tiny

CASES = {}
SKIP = 77


def case(name, expected):
    """A case: a function that breaks a model in a folder, and the whole text that is then expected on stderr. It may return other
    arguments for llmc, or a dictionary with `arguments`, `limits` (called in the child) or `folder` (watched as well)."""

    def register(function):
        CASES[name] = (function, expected)
        return function

    return register


def edited(**changes):
    config = dict(tiny.CONFIG)
    for key, value in changes.items():
        if value is None:
            del config[key]
        else:
            config[key] = value
    return config


def header_case(name, expected):
    """A case that edits the header of an otherwise sound model.safetensors."""

    def register(edit):
        def function(folder):
            tiny.write(folder, weights=tiny.safetensors(tiny.tensors(), edit))

        CASES[name] = (function, expected)
        return edit

    return register


def config_case(name, expected, **changes):
    CASES[name] = (lambda folder: tiny.write(folder, config=edited(**changes)), expected)


# Files that are cut short, or not what they seem.

@case("empty-weights",
      "model/model.safetensors: error: holds 0 bytes, a safetensors file has at least 8\n")
def _(folder):
    tiny.write(folder, weights=b"")


@case("header-cut-short",
      "model/model.safetensors: error: the header claims 2040 bytes, the file holds 92 after the first 8\n"
      "note: the file is cut short or damaged: download it again\n")
def _(folder):
    tiny.write(folder, weights=tiny.safetensors(tiny.tensors())[:100])


@case("data-cut-short",
      "model/model.safetensors: error: tensor 'lm_head.weight': 'data_offsets' end at 42912, the file holds 42908 bytes of data\n"
      "note: the file is cut short or damaged: download it again\n")
def _(folder):
    tiny.write(folder, weights=tiny.safetensors(tiny.tensors())[:-4])


@case("bytes-after-the-data",
      "model/model.safetensors: error: the tensors end at byte 42912 of the data, the file holds 42916\n")
def _(folder):
    tiny.write(folder, weights=tiny.safetensors(tiny.tensors()) + bytes(4))


@case("header-length-lies",
      "model/model.safetensors: error: the header claims 4611686018427387904 bytes, expected at most 100000000\n"
      "note: this is not a safetensors file, or it is damaged\n")
def _(folder):
    tiny.write(folder, weights=struct.pack("<Q", 1 << 62) + tiny.safetensors(tiny.tensors())[8:])


@case("weights-are-something-else",
      "model/model.safetensors: error: the header claims 67324752 bytes, the file holds 196 after the first 8\n"
      "note: the file is cut short or damaged: download it again\n")
def _(folder):
    tiny.write(folder, weights=b"PK\x03\x04" + bytes(200))


# Headers that lie.

@header_case("tensors-overlap",
      "model/model.safetensors: error: tensor 'model.norm.weight': its bytes overlap those of 'model.layers.0.input_layernorm.weight'\n")
def _(header):
    header["model.norm.weight"]["data_offsets"] = header["model.layers.0.input_layernorm.weight"]["data_offsets"]


@header_case("shape-and-size-differ",
      "model/model.safetensors: error: tensor 'model.norm.weight': 'data_offsets' span 96 bytes, shape [25] of F32 takes 100\n")
def _(header):
    header["model.norm.weight"]["shape"] = [25]


@header_case("shape-overflows",
      "model/model.safetensors: error: tensor 'model.norm.weight': shape [4294967296, 4294967296] of F32 is not a whole number of bytes below 2^63\n")
def _(header):
    header["model.norm.weight"]["shape"] = [1 << 32, 1 << 32]


@header_case("unknown-element-type",
      "model/model.safetensors: error: tensor 'model.norm.weight': unknown dtype 'F31'\n")
def _(header):
    header["model.norm.weight"]["dtype"] = "F31"


@header_case("integer-weight",
      "model/model.safetensors: error: tensor 'model.norm.weight' is i32 of shape [24], expected f32, bf16 or f16\n")
def _(header):
    header["model.norm.weight"]["dtype"] = "I32"


# Tensors that are missing, surplus or misshapen.

@case("tensor-missing",
      "model: error: tensor 'model.layers.1.mlp.up_proj.weight' is missing (expected shape [40, 24])\n"
      "note: config.json and the weights do not belong together\n")
def _(folder):
    shapes = tiny.tensors()
    del shapes["model.layers.1.mlp.up_proj.weight"]
    tiny.write(folder, weights=tiny.safetensors(shapes))


@case("tensor-surplus",
      "model/model.safetensors: error: tensor 'model.layers.1.self_attn.q_proj.bias' (f32 of shape [24]) has no place in this 'llama' model\n"
      "note: config.json and the weights do not belong together\n")
def _(folder):
    shapes = tiny.tensors()
    shapes["model.layers.1.self_attn.q_proj.bias"] = [24]
    tiny.write(folder, weights=tiny.safetensors(shapes))


@case("tensor-misshapen",
      "model/model.safetensors: error: tensor 'model.layers.0.self_attn.k_proj.weight' has shape [16, 24], expected [8, 24]\n"
      "note: config.json and the weights do not belong together\n")
def _(folder):
    shapes = tiny.tensors()
    shapes["model.layers.0.self_attn.k_proj.weight"] = [16, 24]
    tiny.write(folder, weights=tiny.safetensors(shapes))


# The config.

config_case("heads-do-not-divide",
      "model/config.json:11:26: error: 'num_key_value_heads' = 2 does not divide 'num_attention_heads' = 3\n", num_key_value_heads=2)
config_case("hidden-size-does-not-divide",
      "model/config.json:10:26: error: 'num_attention_heads' = 3 does not divide 'hidden_size' = 25\n"
      "note: a model whose heads are of another size has 'head_dim'\n", hidden_size=25)
config_case("no-layers",
      "model/config.json:9:24: error: 'num_hidden_layers' = 0 is out of range (expected 1 to 65536)\n", num_hidden_layers=0)
config_case("negative-vocabulary",
      "model/config.json:6:17: error: 'vocab_size' = -37 is out of range (expected 1 to 67108864)\n", vocab_size=-37)
config_case("huge-layers",
      "model/config.json:9:24: error: 'num_hidden_layers' = 2000000000 is out of range (expected 1 to 65536)\n", num_hidden_layers=2000000000)
config_case("wrong-type",
      "model/config.json:7:18: error: 'hidden_size' must be an integer, found a string \"24\"\n", hidden_size="24")
config_case("epsilon-not-positive",
      "model/config.json:13:19: error: 'rms_norm_eps' = -1e-05 is out of range (expected more than 0, at most 1)\n", rms_norm_eps=-1e-5)
config_case("key-missing", "model/config.json:1:1: error: 'intermediate_size' is missing\n", intermediate_size=None)
config_case("key-not-understood",
      "model/config.json:21:3: error: unknown key 'secret_sauce'\n"
      "note: a 'llama' model may not ignore it, since it may change what the model computes; remove it if it does not\n", secret_sauce=True)
config_case("unknown-architecture",
      "model/config.json:5:17: error: model type 'perceptron' is not supported\n"
      "note: supported are llama, mistral, qwen2, qwen3, gpt2\n", model_type="perceptron", architectures=["PerceptronForCausalLM"])
config_case("unknown-rope-scaling",
      "model/config.json:22:18: error: 'rope_scaling.rope_type' = \"spiral\" is not a known rope scaling (expected default, linear, dynamic, yarn, longrope or llama3)\n", rope_scaling={"rope_type": "spiral", "factor": 2.0})
config_case("token-outside-vocabulary",
      "model/config.json:20:19: error: 'eos_token_id' = 37 is not a token (expected 0 to 36)\n", eos_token_id=37)


@case("config-not-json",
      "model/config.json:2:21: error: not valid JSON: expected a key in double quotes\n")
def _(folder):
    tiny.write(folder, config='{"model_type": "llama",\n  "hidden_size": 24,,\n}')


@case("config-with-byte-order-mark",
      "model/config.json:1:1: error: not valid JSON: a byte order mark stands before the text\n")
def _(folder):
    tiny.write(folder, config="\ufeff" + json.dumps(tiny.CONFIG))


@case("config-missing", "model/config.json: error: cannot be opened: no such file or directory\n")
def _(folder):
    tiny.write(folder)
    (folder / "config.json").unlink()


@case("tokenizer-not-json",
      "model/tokenizer.json:1:6: error: not valid JSON: expected ',' or ']' after an element\n")
def _(folder):
    tiny.write(folder, tokens="[1, 2")


@case("chat-template-of-another-kind",
      "model/tokenizer_config.json:1:19: error: 'chat_template' must be a string, or a list of named templates, found an integer\n")
def _(folder):
    tiny.write(folder, tokens=json.dumps(tiny.tokenizer()))
    (folder / "tokenizer_config.json").write_text('{"chat_template": 7}')


@case("chat-template-without-an-end",
      "model/tokenizer_config.json: error: chat_template, line 2, column 4: the tag 'for' has no end, expected 'endfor'\n")
def _(folder):
    tiny.write(folder, tokens=json.dumps(tiny.tokenizer()))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x\n{% for message in messages %}"}))


@case("chat-template-that-asks-for-what-nobody-has",
      "model/chat_template.jinja:1:4: error: unknown function 'frobnicate'\n"
      "note: the functions are range, namespace, dict, raise_exception, strftime_now, joiner, cycler\n")
def _(folder):
    tiny.write(folder, tokens=json.dumps(tiny.tokenizer()))
    (folder / "chat_template.jinja").write_text("{{ frobnicate(messages) }}")


@case("tokenizer-of-unknown-kind",
      "model/tokenizer.json:1:718: error: 'model.type' = \"Oracle\" is not supported (expected BPE, Unigram, WordLevel or WordPiece)\n")
def _(folder):
    tokens = tiny.tokenizer()
    tokens["model"]["type"] = "Oracle"
    tiny.write(folder, tokens=json.dumps(tokens))


@case("no-such-directory",
      "model: error: no such directory\n"
      "note: MODEL is a checkpoint directory, or org/name in the local Hugging Face cache\n")
def _(folder):
    pass


@case("not-in-the-cache",
      "nobody/nothing: error: no such directory, and not in the local Hugging Face cache (cache)\n"
      "note: download it first: hf download nobody/nothing\n")
def _(folder):
    return ["compile", "nobody/nothing", "-o", "out"]


# Weights that cannot be rounded as asked.

@case("rows-not-whole-groups",
      "model: error: tensor 'model.embed_tokens.weight': rows of 24 values are not whole groups of 32\n"
      "note: groups are multiples of 16 values: --weights bf16, or f16, stores rows of any length\n")
def _(folder):
    tiny.write(folder)
    return ["compile", "model", "--weights", "q4", "-o", "out"]


def wide_checkpoint(folder, last):
    """Rows of 48 values, the very last of which is chosen."""
    config = edited(hidden_size=48, intermediate_size=48)
    weights = tiny.safetensors(tiny.tensors(config))
    tiny.write(folder, config=config, weights=weights[:-4] + struct.pack("<f", last))


@case("group-does-not-divide",
      "model: error: tensor 'model.embed_tokens.weight': rows of 48 values are not whole groups of 32\n"
      "note: --weights q8:row makes each row a group; so does a group that divides 48\n")
def _(folder):
    wide_checkpoint(folder, 0.5)
    return ["compile", "model", "--weights", "q8", "-o", "out"]


@case("value-beyond-the-blocks",
      "model/model.safetensors: error: tensor 'lm_head.weight' holds 1e+07, more than q8 can hold\n"
      "note: store it in a type of wider range: --weights keep, or --weights f32\n")
def _(folder):
    wide_checkpoint(folder, 1e7)
    return ["compile", "model", "--weights", "q4:16", "-o", "out"]


@case("value-that-is-no-number",
      "model/model.safetensors: error: tensor 'lm_head.weight' holds nan, which has no place in q8\n"
      "note: the checkpoint is damaged, or --weights keep takes it as it is\n")
def _(folder):
    wide_checkpoint(folder, float("nan"))
    return ["compile", "model", "--weights", "q8:row", "-o", "out"]


# GGUF files.

def gguf(entries, tensors=0, data=b""):
    """A file of those metadata entries (key, type, bytes)."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    head = struct.pack("<4sIQQ", b"GGUF", 3, tensors, len(entries))
    return head + b"".join(text(key) + struct.pack("<I", kind) + value for key, kind, value in entries) + data


def gguf_text(value):
    return struct.pack("<Q", len(value)) + value.encode()


@case("gguf-cut-short",
      "model.gguf: error: claims 3 metadata entries, the 0 bytes that follow hold at most 0\n"
      "note: the file is cut short or damaged: download it again\n")
def _(folder):
    (folder.parent / "model.gguf").write_bytes(gguf([("a", 8, b"")] * 3)[:24])
    return ["compile", "model.gguf", "-o", "out"]


@case("gguf-that-is-none",
      "model.gguf: error: begins with '{\\x0A \"', expected 'GGUF'\nnote: this is not a GGUF file, or it is damaged\n")
def _(folder):
    (folder.parent / "model.gguf").write_text(json.dumps(tiny.CONFIG, indent=1))
    return ["compile", "model.gguf", "-o", "out"]


@case("gguf-architecture",
      "model.gguf: error: architecture 'none' is not supported\nnote: supported are llama, qwen2, qwen3\n")
def _(folder):
    (folder.parent / "model.gguf").write_bytes(gguf([("general.architecture", 8, gguf_text("none"))]))
    return ["compile", "model.gguf", "-o", "out"]


@case("gguf-part-missing",
      "m-00002-of-00002.gguf: error: part 2 of 2 is missing\nnote: all 2 parts must lie in one directory\n")
def _(folder):
    (folder.parent / "m-00001-of-00002.gguf").write_bytes(gguf([("split.count", 2, b"\2\0")]))
    return ["compile", "m-00001-of-00002.gguf", "-o", "out"]


@case("a-file-instead",
      "model/model.safetensors: error: is neither a directory nor a GGUF or ONNX file (expected a checkpoint directory, or a .gguf or .onnx file)\n"
      "note: give the directory that holds config.json, tokenizer.json and the safetensors files\n")
def _(folder):
    tiny.write(folder)
    return ["compile", "model/model.safetensors", "-o", "out"]


# Places that cannot be written.

@case("output-is-a-directory", "model: error: cannot write: is a directory\n")
def _(folder):
    tiny.write(folder)
    return ["compile", "model", "-o", "model"]


@case("output-folder-missing", "absent/out: error: cannot write: no such file or directory\n")
def _(folder):
    tiny.write(folder)
    return ["compile", "model", "-o", "absent/out"]


@case("file-size-limit", "out: error: cannot write: file too large\n")
def _(folder):
    # Like a full disk, the system refuses a write in the middle of the artifact.
    tiny.write(folder)

    def limits():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    return {"limits": limits}


@case("full-disk", "disk/out: error: cannot write: no space left on device\n")
def _(folder):
    tiny.write(folder)
    disk = folder.parent / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        sys.exit(skip("mounting a small tmpfs needs root"))
    return {"arguments": ["compile", "model", "-o", "disk/out"], "unmount": disk}


@case("no-permission-to-write", "closed/out: error: cannot write: permission denied\n")
def _(folder):
    tiny.write(folder)
    closed = folder.parent / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    return {"arguments": ["compile", "model", "-o", "closed/out"], "user": True}


@case("no-permission-to-read",
      "model/model.safetensors: error: cannot be opened: permission denied\n")
def _(folder):
    tiny.write(folder)
    (folder / "model.safetensors").chmod(0)
    return {"user": True}


# Compiled models that are not.

@case("foreign-artifact",
      "model/model.safetensors: error: is not a compiled model (no llmc container at its start or end)\n"
      "note: it seems to be a safetensors file; compile its directory first: llmc compile DIRECTORY\n")
def _(folder):
    tiny.write(folder)
    return ["run", "model/model.safetensors", "hello"]


def artifact_case(name, expected, damage, command=("run",)):
    """A sound artifact, damaged; `damage` gets its bytes and gives others."""

    def function(folder):
        tiny.write(folder)
        made = folder.parent / "made.llmc"
        subprocess.run([LLMC, "compile", folder, "--emit", "llmc", "-o", made], check=True, capture_output=True)
        made.write_bytes(damage(bytearray(made.read_bytes())))
        return [*command, "made.llmc"]

    CASES[name] = (function, expected)


def flip(place):
    def damage(data):
        data[place] ^= 1
        return data

    return damage


artifact_case("damaged-artifact-manifest",
      "made.llmc: error: section 0 (manifest) is damaged (its SHA-256 does not match)\n"
      "note: copy or compile it again\n", flip(65536 + 40))
artifact_case("artifact-cut-short",
      "made.llmc: error: is cut short: 100000 bytes of 400000\n"
      "note: copy or compile it again\n",
      # The size that the header tells, which grows with the code, is set to one that the message can be compared with.
      lambda data: data[:16] + (400000).to_bytes(8, "little") + data[24:100000])
artifact_case("artifact-of-another-version",
      "made.llmc: error: artifact format version 7.0, this runtime reads 2.x\n"
      "note: compile the model again, or use the runtime of the llmc that compiled it\n", lambda data: data[:8] + b"\x07" + data[9:])


def skip(reason):
    print(f"skipped: {reason}")
    return SKIP


def drop_rights():
    """As nobody: root may write anywhere."""
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def run(name, update):
    function, expected = CASES[name]
    root = Path(tempfile.mkdtemp(prefix="llmc-error-"))
    root.chmod(0o755)
    model = root / "model"
    plan = {}
    try:
        plan = function(model) or {}
        if isinstance(plan, list):
            plan = {"arguments": plan}
        before = files_below(root)
        limits = plan.get("limits")
        if plan.get("user"):
            if os.geteuid() == 0:
                limits = drop_rights
                try:
                    runs = subprocess.run([LLMC, "--version"], preexec_fn=drop_rights, capture_output=True).returncode == 0
                except PermissionError:  # the build lies in a folder that only root may enter
                    runs = False
                if not runs:
                    return skip("needs an llmc that another user can run")
        environment = {"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "HF_HUB_CACHE": "cache", "LC_ALL": "C.UTF-8", "TMPDIR": str(root)}
        done = subprocess.run([LLMC, *plan.get("arguments", ["compile", "model", "-o", "out"])], cwd=root, env=environment,
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, preexec_fn=limits)
        problems = []
        if done.returncode != 1:
            problems.append(f"exit code {done.returncode}, expected 1")
        if done.stdout:
            problems.append(f"on stdout: {done.stdout!r}")
        if done.stderr != expected:
            problems.append(f"message:\n{done.stderr}expected:\n{expected}")
        if files_below(root) != before:
            problems.append(f"left behind: {sorted(set(files_below(root)) - set(before))}")
        if update:
            print(f"== {name}\n{done.stderr}", end="")
        for problem in problems:
            print(f"{name}: {problem}")
        return 1 if problems else 0
    finally:
        if "unmount" in plan:
            subprocess.run(["umount", str(plan["unmount"])], check=False)
        shutil.rmtree(root, ignore_errors=True)


def main():
    global LLMC
    parser = argparse.ArgumentParser(description="Runs one case of a malformed model.")
    parser.add_argument("--list", action="store_true", help="write the names of the cases")
    parser.add_argument("--llmc", help="the program")
    parser.add_argument("--show", action="store_true", help="write what the program says")
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CASES))
        return 0
    LLMC = os.path.abspath(arguments.llmc)
    return max(run(name, arguments.show) for name in arguments.cases or CASES)


if __name__ == "__main__":
    sys.exit(main())
