# stories260k.py - Karpathy's stories260K (MIT) from llama2.c's two files into a Hugging Face checkpoint.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""llama2.c's format, as its export.py (version 0) writes it: seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads,
vocab_size, seq_len), then float32 tensors, each kind for all layers: token embedding, attention norms, wq, wk, wv, wo, ffn
norms, w1 (gate), w2 (down), w3 (up), final norm, two rotation tables that we do not need; an output matrix only when
vocab_size is negative. The tokenizer: int32 longest piece; per piece float32 score, int32 length, bytes.
"""
import os
import pathlib
import struct

import numpy as np

from .checkpoint import ModelError, added_token, rope_rows_to_halves, write_json, write_safetensors

SUMMARY = "llama2.c's stories260K: 260 thousand parameters, f32, 512 tokens, SentencePiece BPE (MIT)"
SPACE = "\u2581"  # SentencePiece's mark for a blank


def source_folder(source):
    if source:
        return source
    repository = pathlib.Path(__file__).resolve().parents[3]
    shared = pathlib.Path(os.environ.get("LLMC_SHARED") or repository.parent / "shared")
    folder = shared / "testdata" / "stories260K-llama2c"
    if not folder.is_dir():
        raise ModelError(f"{folder}: not found", "set LLMC_SHARED to the shared folder, or give --from FOLDER with "
                                                 "stories260K.bin and tok512.bin")
    return folder


def make(out, source):
    folder = source_folder(source)
    data = (folder / "stories260K.bin").read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, context = struct.unpack_from("<7i", data)
    values = np.frombuffer(data, dtype="<f4", offset=28)
    position = 0

    def take(*shape):
        nonlocal position
        count = int(np.prod(shape))
        if position + count > len(values):
            raise ModelError(f"{folder}/stories260K.bin: ends inside a tensor")
        position += count
        return values[position - count : position].reshape(shape)

    if vocab <= 0:
        raise ModelError(f"{folder}/stories260K.bin: has its own output matrix (expected the embedding to be shared)")
    kv_dim = dim // heads * kv_heads
    embedding = take(vocab, dim)
    attention_norm = take(layers, dim)
    query, key, value = take(layers, dim, dim), take(layers, kv_dim, dim), take(layers, kv_dim, dim)
    output = take(layers, dim, dim)
    ffn_norm = take(layers, dim)
    gate, down, up = take(layers, hidden, dim), take(layers, dim, hidden), take(layers, hidden, dim)
    tensors = {"model.embed_tokens.weight": embedding, "model.norm.weight": take(dim)}
    for i in range(layers):
        prefix = f"model.layers.{i}."
        tensors[prefix + "input_layernorm.weight"] = attention_norm[i]
        tensors[prefix + "self_attn.q_proj.weight"] = rope_rows_to_halves(query[i], heads)
        tensors[prefix + "self_attn.k_proj.weight"] = rope_rows_to_halves(key[i], kv_heads)
        tensors[prefix + "self_attn.v_proj.weight"] = value[i]
        tensors[prefix + "self_attn.o_proj.weight"] = output[i]
        tensors[prefix + "post_attention_layernorm.weight"] = ffn_norm[i]
        tensors[prefix + "mlp.gate_proj.weight"] = gate[i]
        tensors[prefix + "mlp.up_proj.weight"] = up[i]
        tensors[prefix + "mlp.down_proj.weight"] = down[i]
    write_safetensors(out / "model.safetensors", tensors)

    # A story ends where the next one's BOS would stand: llama2.c stops at token 1, not at </s>.
    write_json(out / "config.json", {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 1,
        "torch_dtype": "float32",
    })
    write_json(out / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 1, "do_sample": False})
    write_tokenizer(out, (folder / "tok512.bin").read_bytes(), vocab)


def write_tokenizer(out, data, count):
    pieces, scores, offset = [], [], 4
    for _ in range(count):
        score, length = struct.unpack_from("<fi", data, offset)
        offset += 8 + length
        pieces.append(data[offset - length : offset].decode("utf-8").replace(" ", SPACE))
        scores.append(score)
    pieces[0:3] = ["<unk>", "<s>", "</s>"]  # llama2.c prints line ends around the last two
    vocab = {piece: index for index, piece in enumerate(pieces)}
    # SentencePiece joins the neighbours whose joined piece has the best score; as an ordered list of merges that is: every way
    # to cut a piece in two pieces, best score first.
    merges = []
    for index, piece in enumerate(pieces):
        if index >= 259:  # 0-2 are special, 3-258 stand for single bytes
            cuts = [(piece[:i], piece[i:]) for i in range(1, len(piece)) if piece[:i] in vocab and piece[i:] in vocab]
            merges += [(-scores[index], index, vocab[a], vocab[b], f"{a} {b}") for a, b in cuts]
    special = {"id": "<s>", "ids": [1], "tokens": ["<s>"]}
    write_json(out / "tokenizer.json", {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added_token(i, pieces[i]) for i in range(3)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": SPACE},
            {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        ]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": special},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [merge[4] for merge in sorted(merges)],
        },
    })
    write_json(out / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 512,
    })
