# gguf_file.py - reads the GGUF files that get-model converts: metadata and tensors of five types.
# Not a general reader: files come with a known SHA-256. The compiler's reader is frontends/formats/gguf.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GGUF 3, little endian (format: docs/gguf.md of the ggml project): magic, version, counts; key-value pairs; tensor infos
(name, dimensions with the fastest first, type, offset); data aligned to general.alignment.
"""
import struct

import numpy as np

from .checkpoint import ModelError

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9


class GGUFFile:
    """`metadata`: key -> value; `tensor(name)`: float32 array, the slowest dimension first."""

    def __init__(self, data):
        self.data, self.position = data, 0
        if bytes(data[:4]) != b"GGUF":
            raise ModelError("not a GGUF file")
        self.position = 4
        version, tensors, pairs = self._scalar("<I"), self._scalar("<Q"), self._scalar("<Q")
        if version != 3:
            raise ModelError(f"GGUF version {version} (expected 3)")
        self.metadata = {}
        for _ in range(pairs):
            key = self._string()
            self.metadata[key] = self._value(self._scalar("<I"))
        self.infos = {}
        for _ in range(tensors):
            name = self._string()
            shape = [self._scalar("<Q") for _ in range(self._scalar("<I"))]
            self.infos[name] = (shape[::-1], self._scalar("<I"), self._scalar("<Q"))
        alignment = self.metadata.get("general.alignment", 32)
        self.start = -(-self.position // alignment) * alignment

    def _scalar(self, layout):
        value = struct.unpack_from(layout, self.data, self.position)[0]
        self.position += struct.calcsize(layout)
        return value

    def _string(self):
        length = self._scalar("<Q")
        self.position += length
        return bytes(self.data[self.position - length : self.position]).decode("utf-8")

    def _value(self, kind):
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            element, count = self._scalar("<I"), self._scalar("<Q")
            return [self._value(element) for _ in range(count)]
        return self._scalar(SCALARS[kind])

    def tensor(self, name):
        shape, kind, offset = self.infos[name]
        count = int(np.prod(shape))
        offset += self.start

        def read(dtype, elements):
            return np.frombuffer(self.data, dtype=dtype, count=elements, offset=offset)

        if kind == 0:  # F32
            values = read("<f4", count)
        elif kind == 1:  # F16
            values = read("<f2", count).astype(np.float32)
        elif kind == 30:  # BF16
            values = (read("<u2", count).astype(np.uint32) << 16).view(np.float32)
        elif kind == 3:  # Q4_1: blocks of 32; scale, minimum, then byte i holds elements i (low half) and i + 16
            blocks = read(np.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)]), count // 32)
            quants = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype(np.float32)
            values = quants * blocks["d"].astype(np.float32)[:, None] + blocks["m"].astype(np.float32)[:, None]
        elif kind == 8:  # Q8_0: blocks of 32; scale, then signed bytes
            blocks = read(np.dtype([("d", "<f2"), ("q", "i1", 32)]), count // 32)
            values = blocks["q"].astype(np.float32) * blocks["d"].astype(np.float32)[:, None]
        else:
            raise ModelError(f"tensor '{name}' has GGUF type {kind} (expected 0, 1, 3, 8 or 30)")
        return values.reshape(shape)
