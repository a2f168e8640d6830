# checkpoint.py - writes a Hugging Face checkpoint directory with numpy alone.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json

import numpy as np


class ModelError(Exception):
    """A mistake of input or of the machine, told to the user; `note` is the remedy or None."""

    def __init__(self, message, note=None):
        super().__init__(message)
        self.note = note


def to_bf16(values):
    """float32 array -> uint16 array of the same shape: bfloat16 bits, rounded to nearest even. No NaN expected."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def rope_rows_to_halves(weight, heads):
    """[heads * head_dim, in] with rotated pairs in rows (2i, 2i+1) -> the same with pairs in rows (i, i + head_dim/2).

    The first order is Meta's (llama2.c, GGUF files of the llama architecture), the second Hugging Face's.
    """
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_safetensors(path, tensors):
    """Write `tensors`, name -> float32 or uint16 (bfloat16 bits) array, sorted by name; the data starts 64-byte aligned."""
    kinds = {np.dtype(np.float32): "F32", np.dtype(np.uint16): "BF16"}
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        tensor = tensors[name]
        header[name] = {
            "dtype": kinds[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in sorted(tensors):
            file.write(np.ascontiguousarray(tensors[name]).data)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def added_token(index, content, normalized=False):
    """An entry of tokenizer.json's added_tokens: a special token, matched anywhere."""
    return {
        "id": index,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": normalized,
        "special": True,
    }
