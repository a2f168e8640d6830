# models.py - the files that bench measures: GGUFs in each format, the programs made of them, and what their tokens cost.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import os
import pathlib
import struct

from first_slice.bench import DEV, Bench, Failure
from formats import shapes
from formats.beside_peer import library
from models.gguf_writer import write_gguf

SHAPES = {"smollm2": "smollm2-135m", "1.1b": "tinyllama-shape"}
PLAIN = ("f32", "f16", "bf16")
# What a kind of GGUF is to llama.cpp: the ftype of llama_model_quantize (llama.h).
QUANTISED = {"q4_0": 2, "q8_0": 7, "q2_k": 10, "q3_k": 12, "q4_k": 15, "q5_k": 17, "q6_k": 18, "iq4_nl": 25}
OWN = ("q8", "q4")
# The kinds of each shape: rows of the small model are too short for blocks of 256.
KINDS = {"smollm2": PLAIN + ("q8_0", "q4_0", "iq4_nl") + OWN,
         "1.1b": PLAIN + ("q8_0", "q4_0", "iq4_nl", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k") + OWN}
CONTEXT = 8192  # positions that files declare, so that no context asked for is beyond them


class SpeedBench(Bench):
    """Bench of first_slice with the options of this tool, and models in every format."""

    def __init__(self, args):
        args.reference, args.fuzz_runs, args.asan = None, 0, args.build
        super().__init__(args)
        self.threads, self.prompts, self.contexts, self.new = args.threads, args.prompts, args.contexts, args.new_tokens
        self.lean, self.prepare, self.models = args.lean, args.prepare, args.models.split(",")

    # --------------------------------------------------------------- files

    def checkpoint(self, shape):
        """The directory of a shape: real weights of the small model, random ones of the large."""
        if shape == "smollm2":
            return self.model(SHAPES[shape])
        folder = self.work / "models" / SHAPES[shape]
        if not (folder / "done").exists():
            shapes.write(folder)
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": CONTEXT}))
            (folder / "done").touch()
        return folder

    def gguf(self, shape, kind):
        """A GGUF whose matrices are all of one kind, as llama.cpp's own quantiser makes them from f16."""
        path = self.work / "models" / f"{SHAPES[shape]}-{kind}.gguf"
        if path.exists():
            return path
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        if kind in PLAIN:
            write_gguf(self.checkpoint(shape), kind, partial)
        else:
            quantiser = library(self, "llama_quantise.c")
            self.run(quantiser, self.gguf(shape, "f16"), partial, QUANTISED[kind], 2, limit=1800)
        os.replace(partial, path)
        return path

    def source(self, shape, kind):
        """What ours is compiled from, and the options that make it this kind."""
        if kind in OWN or kind == "f32":
            return self.checkpoint(shape), ("--weights", kind)
        return self.gguf(shape, kind), ()

    def program(self, shape, kind, *options):
        """Compiled for this processor, with room for the longest prompt and context asked for, and some more."""
        model, own = self.source(shape, kind)
        room = max([*self.prompts, *self.contexts]) + self.new + 64
        return self.compile(model, "--emit", "llmc", "--max-context", str(room), *own, *options)

    def drop(self, *paths):
        """Takes away what a group has made of the large shape, where disks are small."""
        for path in paths if self.lean else ():
            if path and SHAPES["1.1b"] in path.name:
                path.unlink(missing_ok=True)

    def llama_bench(self, name="llama-bench"):
        program = self.peer and self.peer / "bin" / name
        if not program or not program.exists():
            raise Failure(f"{name} is not there: tools/dev/bench --setup --peer PEER, then --peer PEER")
        return program


# Bytes of a block and the elements in it, by GGUF's number of a type.
BLOCKS = {0: (4, 1), 1: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32), 7: (24, 32), 8: (34, 32), 10: (84, 256), 11: (110, 256), 12: (144, 256),
          13: (176, 256), 14: (210, 256), 20: (18, 32), 30: (2, 1)}


def tensors_of(path):
    """(name, shape, bytes) of the tensors of a GGUF, from its header."""
    fixed = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    with open(path, "rb") as file:
        def read(form):
            return struct.unpack(form, file.read(struct.calcsize(form)))[0]

        def skip(kind):
            if kind == 8:
                file.seek(read("<Q"), os.SEEK_CUR)
            elif kind == 9:
                element, count = read("<I"), read("<Q")
                if element in fixed:
                    file.seek(fixed[element] * count, os.SEEK_CUR)
                else:
                    for _ in range(count):
                        skip(element)
            else:
                file.seek(fixed[kind], os.SEEK_CUR)

        if file.read(4) != b"GGUF":
            raise Failure(f"{pathlib.Path(path).name}: no GGUF file")
        read("<I")
        tensors, pairs = read("<Q"), read("<Q")
        for _ in range(pairs):
            file.seek(read("<Q"), os.SEEK_CUR)
            skip(read("<I"))
        found = []
        for _ in range(tensors):
            name = file.read(read("<Q")).decode()
            shape = [read("<Q") for _ in range(read("<I"))][::-1]
            kind, _ = read("<I"), read("<Q")
            size, elements = BLOCKS[kind]
            count = 1
            for extent in shape:
                count *= extent
            found.append((name, shape, count // elements * size))
        return found


def token_bytes(path):
    """Bytes of the matrices that a decoded token reads: the embedding counts where it is the output matrix as well."""
    tensors = tensors_of(path)
    head = any(name == "output.weight" for name, _, _ in tensors)
    return sum(size for name, shape, size in tensors if len(shape) == 2 and not (head and name == "token_embd.weight"))
