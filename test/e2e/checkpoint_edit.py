# checkpoint_edit.py - copies of checkpoints with one tensor changed, for tests that must notice it.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import shutil
import struct


def copy(source, target):
    shutil.copytree(source, target)
    return target


def tensors(path):
    """The head of a safetensors file: name -> facts, and the offset of the data."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(size))
    head.pop("__metadata__", None)
    return head, 8 + size


def halve(folder, name):
    """Halves a tensor: exponents go down by one; zeros and subnormals become zero."""
    path = folder / "model.safetensors"
    head, start = tensors(path)
    facts = head[name]
    code, unit = {"BF16": ("H", 0x80), "F16": ("H", 0x400), "F32": ("I", 0x800000)}[facts["dtype"]]
    exponent = {"BF16": 0x7F80, "F16": 0x7C00, "F32": 0x7F800000}[facts["dtype"]]
    data = bytearray(path.read_bytes())
    width = struct.calcsize(code)
    begin, end = (start + offset for offset in facts["data_offsets"])
    values = struct.unpack(f"<{(end - begin) // width}{code}", data[begin:end])
    halved = [value - unit if value & exponent > unit else value & ~(exponent | (unit - 1)) & (1 << (8 * width)) - 1
              for value in values]
    data[begin:end] = struct.pack(f"<{len(halved)}{code}", *halved)
    path.write_bytes(data)
    return folder
