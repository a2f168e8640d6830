#!/usr/bin/python3
# make_seeds.py - writes the small inputs from which the fuzzers of safetensors, statistics, GGUF and config begin.
#
#   test/fuzz/make_seeds.py        rewrites corpus/fuzz-safetensors, corpus/fuzz-gguf and corpus/fuzz-config
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 53, "hidden_size": 24,
    "intermediate_size": 29, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "hidden_act": "silu", "tie_word_embeddings": False,
    "attention_bias": False, "mlp_bias": True, "bos_token_id": 1, "eos_token_id": [2, 5], "torch_dtype": "bfloat16",
}
SCALINGS = [
    {"type": "linear", "factor": 2.5},
    {"type": "dynamic", "factor": 2.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 32},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1,
     "truncate": False, "attention_factor": 1.25, "mscale": 0.7, "mscale_all_dim": 0.5},
    {"rope_type": "longrope", "short_factor": [1.0, 1.125, 1.375], "long_factor": [1.5, 3.25, 7.0],
     "original_max_position_embeddings": 24},
]
GENERATION = {
    "bos_token_id": 1, "eos_token_id": [2, 7], "pad_token_id": 0, "do_sample": True, "temperature": 0.7, "top_k": 20,
    "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.1, "max_length": 64, "num_beams": 1,
    "transformers_version": "5.0.0",
}


def changed(base, **changes):
    result = {key: value for key, value in base.items() if changes.get(key, 0) is not None}
    result.update({key: value for key, value in changes.items() if value is not None})
    return result


def config_seeds():
    yield "llama", LLAMA, None
    yield "generation", LLAMA, GENERATION
    for scaling in SCALINGS:
        name = scaling.get("rope_type", scaling.get("type"))
        yield "scaling-" + name, changed(LLAMA, rope_theta=5e5, rope_scaling=scaling), None
    yield "parameters", changed(LLAMA, rope_parameters={"rope_type": "default", "rope_theta": 1e4}), None
    yield "nested", changed(LLAMA, rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}), None
    yield "mistral", changed(LLAMA, architectures=None, model_type="mistral", mlp_bias=None, head_dim=8,
                             sliding_window=7), None
    yield "qwen2", changed(LLAMA, architectures=None, model_type="qwen2", attention_bias=None, mlp_bias=None,
                           use_sliding_window=True, sliding_window=8, max_window_layers=1), None
    yield "qwen3", changed(LLAMA, architectures=None, model_type="qwen3", mlp_bias=None, head_dim=8,
                           use_sliding_window=True, sliding_window=5,
                           layer_types=["sliding_attention", "full_attention"]), {}


def header(tensors):
    return json.dumps(tensors, separators=(",", ":")).encode()


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    pair = {"__metadata__": {"format": "pt"}, "a": tensor("BF16", [2], 0, 4), "b": tensor("F32", [2, 3], 4, 28)}
    text = header(pair) + b"  "
    yield "file", b"\0" + len(text).to_bytes(8, "little") + text + bytes(28)
    yield "empty", b"\0" + (2).to_bytes(8, "little") + b"{}"
    yield "header", bytes([1 + 3 * 28]) + header(pair)
    kinds = {"s": tensor("F64", [], 0, 8), "z": tensor("U8", [3, 0], 8, 8), "q": tensor("F4", [2, 4], 8, 12)}
    yield "kinds", bytes([1 + 3 * 12]) + header(kinds)
    yield "index", b"\2" + header({"metadata": {"total_size": 8}, "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "sub/model-00002-of-00002.safetensors"}})


def statistics_seeds():
    facts = {"llmc.statistics": "1", "model": "0" * 64, "tokens": "21"}
    whole = {"__metadata__": facts, "inputs:w": tensor("F32", [136], 0, 544), "held_back": tensor("I32", [4], 544, 560)}
    yield "header", bytes([35]) + header(whole)
    text = header({"__metadata__": facts, "inputs:w": tensor("F32", [6], 0, 24)})
    yield "file", b"\0" + len(text).to_bytes(8, "little") + text + struct.pack("<6f", 1, 0.5, 1, 0.25, 0.5, 1)
    yield "version", bytes([1]) + header({"__metadata__": {**facts, "llmc.statistics": "2"}})
    yield "wide", bytes([132]) + header({"__metadata__": facts, "inputs:w": tensor("F32", [528], 0, 2112)})


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf_value(value):
    """A value with its type in front: bool, int, float, str, or a list of one of them."""
    if isinstance(value, list):
        first = gguf_value(value[0])[:4]
        return struct.pack("<I", 9) + first + struct.pack("<Q", len(value)) + b"".join(gguf_value(v)[4:] for v in value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value) if value >= 0 else struct.pack("<Ii", 5, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    return struct.pack("<I", 8) + gguf_text(value)


def gguf_file(metadata, tensors, version=3, alignment=32):
    """Tensors are (name, sizes with the fastest first, type, bytes)."""
    table, data = b"", b""
    for name, sizes, kind, size in tensors:
        table += gguf_text(name) + struct.pack("<I", len(sizes)) + struct.pack(f"<{len(sizes)}Q", *sizes)
        table += struct.pack("<IQ", kind, len(data))
        data += bytes(i & 255 for i in range(size)) + bytes(-size % alignment)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(gguf_text(key) + gguf_value(value) for key, value in metadata.items()) + table
    return head + bytes(-len(head) % alignment) + data


GGUF_MODEL = {
    "general.architecture": "llama", "general.alignment": 32, "llama.block_count": 1, "llama.context_length": 64,
    "llama.embedding_length": 24, "llama.feed_forward_length": 29, "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2, "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.freq_base": 1e4,
}
GGUF_WORDS = {
    "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "ab"],
    "tokenizer.ggml.scores": [0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0], "tokenizer.ggml.token_type": [2, 3, 3, 6, 1, 1, 1],
    "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.add_bos_token": True,
}
GGUF_MERGES = {
    "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.tokens": ["a", "b", "ab", "<e>"],
    "tokenizer.ggml.token_type": [1, 1, 1, 3], "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.eos_token_id": 3,
}


def gguf_seeds():
    yield "empty", gguf_file({}, [])
    yield "model", gguf_file({**GGUF_MODEL, **GGUF_WORDS}, [("token_embd.weight", [24, 7], 1, 336)])
    yield "merges", gguf_file({**GGUF_MODEL, **GGUF_MERGES}, [], version=2)
    yield "blocks", gguf_file({"general.architecture": "qwen2"}, [("a", [32, 2], 2, 36), ("b", [256], 12, 144),
                                                                 ("c", [], 30, 2), ("d", [64, 1], 40, 36)])
    yield "kinds", gguf_file({"general.sampling.temp": 0.5, "general.sampling.top_k": 20, "n": -1, "f": [True, False],
                              "split.no": 0, "split.count": 2, "general.alignment": 64}, [("t", [3], 0, 12)],
                             alignment=64)


def session_seeds():
    """Edits of a sound file: the first byte says so, then two bytes of place and one of value for each."""
    yield "sound", b"\1"
    for name, offset in (("size", 16), ("parts", 28), ("tokens", 32), ("computed", 36), ("application", 40), ("table", 136)):
        yield name, b"\1" + struct.pack("<HB", offset, 3)
    yield "several", b"\1" + struct.pack("<HBHBHB", 32, 19, 36, 18, 145, 7)
    yield "magic", b"\0\x89LLMS\r\n\x1a" + bytes(200)


def varint(value):
    value &= 2**64 - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    """A field of a protobuf message: a number, or bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_value(name, dims=(3,)):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def onnx_node(op, inputs, outputs, more=b""):
    return b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs) + field(4, op) + more


def onnx_model(graph, more=b""):
    return field(1, 8) + field(7, graph) + field(8, field(2, 17)) + more


def onnx_seeds():
    ends = field(11, onnx_value(b"x")) + field(12, onnx_value(b"y"))
    yield "relu", onnx_model(field(1, onnx_node(b"Relu", [b"x"], [b"y"])) + ends)
    weight = field(1, 3) + field(2, 1) + field(8, b"w") + field(9, bytes(12))
    external = field(1, 3) + field(2, 1) + field(8, b"v") + field(14, 1) + field(
        13, field(1, b"location") + field(2, b"w.bin")) + field(13, field(1, b"offset") + field(2, b"16"))
    yield "add", onnx_model(field(1, onnx_node(b"Add", [b"x", b"w"], [b"h"])) + field(1, onnx_node(
        b"Softmax", [b"h"], [b"y"], field(5, field(1, b"axis") + field(3, -1) + field(20, 2)))) + field(5, weight) +
                            field(5, external) + field(11, onnx_value(b"x", [b"batch"])) + field(12, onnx_value(b"y")))
    branch = field(1, onnx_node(b"Neg", [b"x"], [b"b"])) + field(12, onnx_value(b"b"))
    yield "if", onnx_model(field(1, onnx_node(b"If", [b"x"], [b"y"], field(
        5, field(1, b"then_branch") + field(6, branch) + field(20, 5)))) + ends)
    function = field(1, b"f") + field(4, b"a") + field(5, b"b") + field(10, b"d") + field(
        7, onnx_node(b"Neg", [b"a"], [b"b"]))
    yield "function", onnx_model(field(1, onnx_node(b"f", [b"x"], [b"y"], field(7, b"d"))) + ends, field(25, function))
    yield "tensor", field(1, 2) + field(2, 7) + field(7, varint(-1) + varint(300)) + field(8, b"t")


def write(folder, name, data):
    path = CORPUS / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)


def main():
    for name, data in safetensors_seeds():
        write("fuzz-safetensors", name, data)
    for name, data in statistics_seeds():
        write("fuzz-statistics", name, data)
    for name, data in gguf_seeds():
        write("fuzz-gguf", name, data)
    for name, data in session_seeds():
        write("fuzz-session", name, data)
    for name, data in onnx_seeds():
        write("fuzz-onnx", name, data)
    for name, config, generation in config_seeds():
        data = json.dumps(config).encode()
        if generation is not None:
            data += b"\0" + json.dumps(generation).encode()
        write("fuzz-config", name, data)


if __name__ == "__main__":
    main()
