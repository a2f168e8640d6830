// Module-level ops, types, attributes and entries: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.checkpoint (C1)
// expected-error@below {{directory is empty, expected a path}}
transformer.checkpoint safetensors in ""

// -----

// transformer.checkpoint (C1)
// expected-error@below {{the name of the statistics file is empty, expected a path}}
transformer.checkpoint safetensors in "a" statistics ""

// -----

// transformer.checkpoint (C2)
// expected-note@below {{the first is here}}
transformer.checkpoint safetensors in "a"
// expected-error@below {{is the second in its module, expected at most one}}
transformer.checkpoint gguf in "b"

// -----

// transformer.checkpoint belongs to a module.
func.func @f() {
  // expected-error@below {{expects parent op 'builtin.module'}}
  transformer.checkpoint safetensors in "a"
  return
}

// -----

// transformer.tensor (C1)
// expected-error@below {{key or file is empty, expected both}}
transformer.tensor "" in "model.safetensors" : tensor<64xf32>

// -----

// transformer.tensor (C1)
// expected-error@below {{key or file is empty, expected both}}
transformer.tensor "k" in "" : tensor<64xf32>

// -----

// transformer.tensor (C2)
// expected-error@below {{attribute 'type' failed to satisfy constraint}}
transformer.tensor "k" in "model.safetensors" : tensor<?xf32>

// -----

// transformer.text (C1)
// expected-error@below {{'vocab_size' is 0, expected at least 1}}
transformer.text tokenizer "t" vocab_size 0 context_length 128

// -----

// transformer.text (C1)
// expected-error@below {{'context_length' is -3, expected at least 1}}
transformer.text tokenizer "t" vocab_size 5 context_length -3

// -----

// transformer.text (C2)
// expected-error@below {{'bos' token is 5, expected 0 to 4}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 bos 5

// -----

// transformer.text (C2)
// expected-error@below {{'pad' token is -1, expected 0 to 4}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 pad -1

// -----

// transformer.text (C2)
// expected-error@below {{'eos' token is 11, expected 0 to 4}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 eos [2, 11]

// -----

// transformer.text (C3)
// expected-error@below {{has 'add_bos' without 'bos', expected the token to add}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {add_bos}

// -----

// transformer.text (C4)
// expected-error@below {{'temperature' is -5.000000e-01, expected a number in [0, 1000]}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {temperature = -0.5 : f64}

// -----

// transformer.text (C4)
// expected-error@below {{'top_p' is 0.000000e+00, expected a number in (0, 1]}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {top_p = 0.0 : f64}

// -----

// transformer.text (C4)
// expected-error@below {{'min_p' is 1.500000e+00, expected a number in [0, 1]}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {min_p = 1.5 : f64}

// -----

// transformer.text (C4)
// expected-error@below {{'repetition_penalty' is 0.000000e+00, expected a number in [0.001, 1000]}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {repetition_penalty = 0.0 : f64}

// -----

// transformer.text (C4)
// expected-error@below {{'top_k' is -1, expected at least 0}}
transformer.text tokenizer "t" vocab_size 5 context_length 7 {top_k = -1 : i64}

// -----

// transformer.text (C5)
// expected-note@below {{the first is here}}
transformer.text tokenizer "t" vocab_size 5 context_length 7
// expected-error@below {{is the second in its module, expected at most one}}
transformer.text tokenizer "t" vocab_size 5 context_length 7

// -----

// state (C1)
// expected-error@below {{'slots' is 0, expected at least 1}}
func.func private @f(!transformer.state<kv_cache, slots = 0, heads = 3, head_dim = 64, f32>)

// -----

// state (C1)
// expected-error@below {{'taps' is 0, expected at least 1}}
func.func private @f(!transformer.state<convolution, slots = 1, channels = 3, taps = 0, f32>)

// -----

// state (C2)
// expected-error@below {{element type is 'i8', expected f32, f16, bf16 or a block format}}
func.func private @f(!transformer.state<kv_cache, slots = 1, heads = 3, head_dim = 64, i8>)

// -----

// state (C3)
// expected-error@below {{'window' is -1, expected at least 0}}
func.func private @f(!transformer.state<kv_cache, slots = 1, heads = 3, head_dim = 64, window = -1, f32>)

// -----

// state (C4)
// expected-error@below {{a recurrent state has a window, expected none}}
func.func private @f(!transformer.state<recurrent, slots = 1, heads = 3, head_dim = 64, window = 5, f32>)

// -----

// state (C5)
// expected-error@below {{a latent cache has 2 heads, 'head_dim' 64 and 'value_dim' 64, expected one head and values no wider than keys}}
func.func private @f(!transformer.state<kv_cache, slots = 1, heads = 2, head_dim = 64, latent, f32>)

// -----

// state (C6)
// expected-error@below {{element type is '!transformer.block<q8, group = 32>', expected f32, f16 or bf16}}
func.func private @f(!transformer.state<recurrent, slots = 1, heads = 2, head_dim = 64, !transformer.block<q8, group = 32>>)

// -----

// state (C7)
// expected-error@below {{group 32 does not divide 'head_dim' = 48 and 'value_dim' = 48}}
func.func private @f(!transformer.state<kv_cache, slots = 1, heads = 2, head_dim = 48, !transformer.block<q8, group = 32>>)

// -----

// expected-error@below {{unknown kind of state 'cache'; expected kv_cache, recurrent or convolution}}
func.func private @f(!transformer.state<cache, slots = 1, heads = 2, head_dim = 48, f32>)

// -----

// block (C1)
// expected-error@below {{'group' is 24, expected a multiple of 16 from 16 to 1048576}}
func.func private @f(tensor<2x48x!transformer.block<q4, group = 24>>)

// -----

// block (C1)
// expected-error@below {{'group' is 32, expected 256 for q4_k}}
func.func private @f(tensor<2x512x!transformer.block<q4_k, group = 32>>)

// -----

// expected-error@below {{unknown block format 'q9'; expected one of q8, q4, q8_min, q4_min, q8_zero, q4_zero, q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, mxfp4, nvfp4, fp8_e4m3}}
func.func private @f(tensor<2x64x!transformer.block<q9, group = 32>>)

// -----

// state (C2)
// expected-error@below {{element type is '!transformer.block<q4_0, group = 32>', expected a format that values can be rounded to}}
func.func private @f(!transformer.state<kv_cache, slots = 1, heads = 2, head_dim = 64, !transformer.block<q4_0, group = 32>>)

// -----

// bounds (C1)
// expected-error@below {{'max_sequences' is 0, expected at least 1}}
func.func private @f() attributes {transformer.bounds = #transformer.bounds<max_tokens = 1, max_sequences = 0, max_context = 1>}

// -----

// expected-error@below {{attribute 'transformer.bounds' must be #transformer.bounds<...> on func.func}}
func.func private @f() attributes {transformer.bounds = 5 : i64}

// -----

// expected-error@below {{unknown attribute 'transformer.entri' of the transformer dialect}}
func.func private @f() attributes {transformer.entri}

// -----

// expected-error@below {{attribute 'transformer.entry' must be a unit attribute of func.func}}
module attributes {transformer.entry} {}

// -----

// expected-error@below {{argument 0: attribute 'transformer.role' is not a role, expected #transformer.role<...>}}
func.func private @f(tensor<?xi32> {transformer.role = "tokens"})

// -----

// expected-error@below {{argument 0 of type 'tensor<?xf32>' cannot have the role 'tokens'}}
func.func private @f(tensor<?xf32> {transformer.role = #transformer.role<tokens>})

// -----

// expected-error@below {{result 0 of type 'tensor<?xf32>' cannot have the role 'logits'}}
func.func private @f() -> (tensor<?xf32> {transformer.role = #transformer.role<logits>})

// -----

// expected-error@below {{argument 0 of an entry has no 'transformer.role'}}
func.func private @f(tensor<?xi32>) attributes {transformer.entry}

// -----

// expected-error@below {{arguments 0 and 1 both have the role 'rows'}}
func.func private @f(tensor<?xi32> {transformer.role = #transformer.role<rows>},
                     tensor<?xi32> {transformer.role = #transformer.role<rows>}) attributes {transformer.entry}

// -----

// expected-error@below {{argument 0 has the role 'output' of a result}}
func.func private @f(tensor<?xi32> {transformer.role = #transformer.role<output>}) attributes {transformer.entry}

// -----

!kv = !transformer.state<kv_cache, slots = 1, heads = 2, head_dim = 48, f32>
// expected-error@below {{an entry yields the states that it takes, in the same order; it takes 1 and yields 0}}
func.func private @f(!kv {transformer.role = #transformer.role<state>}) attributes {transformer.entry}
