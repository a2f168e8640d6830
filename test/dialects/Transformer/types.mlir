// Every kind of state, the block types, the roles and bounds of entries.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

// CHECK-DAG: = !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
// CHECK-DAG: = !transformer.state<kv_cache, slots = 32, heads = 8, head_dim = 128, window = 4096, bf16>
// CHECK-DAG: = !transformer.state<kv_cache, slots = 61, heads = 1, head_dim = 576, value_dim = 512, latent, bf16>
// CHECK-DAG: = !transformer.state<kv_cache, slots = 2, heads = 3, head_dim = 64, !transformer.block<q8, group = 32>>
// CHECK-DAG: = !transformer.state<recurrent, slots = 24, heads = 8, head_dim = 64, value_dim = 128, f32>
// CHECK-DAG: = !transformer.state<convolution, slots = 24, channels = 1536, taps = 3, f32>
!cache = !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
!windowed = !transformer.state<kv_cache, slots = 32, heads = 8, head_dim = 128, window = 4096, bf16>
!latent = !transformer.state<kv_cache, slots = 61, heads = 1, head_dim = 576, value_dim = 512, latent, bf16>
!quantized = !transformer.state<kv_cache, slots = 2, heads = 3, head_dim = 64, !transformer.block<q8, group = 32>>
!matrix = !transformer.state<recurrent, slots = 24, heads = 8, head_dim = 64, value_dim = 128, f32>
!recent = !transformer.state<convolution, slots = 24, channels = 1536, taps = 3, f32>

// CHECK-LABEL: func.func private @states
func.func private @states(!cache, !windowed, !latent, !quantized, !matrix, !recent)

// CHECK-LABEL: func.func private @blocks
// CHECK-SAME: tensor<576x1536x!transformer.block<q8, group = 32>>, tensor<5x64x!transformer.block<q4, group = 64>>
!weight = tensor<576x1536x!transformer.block<q8, group = 32>>
func.func private @blocks(!weight, tensor<5x64x!transformer.block<q4, group = 64>>)

// CHECK-LABEL: @stored_blocks
// CHECK-SAME: tensor<576x1536x!transformer.block<q4_k, group = 256>>, tensor<3x64x!transformer.block<nvfp4, group = 64>>
// CHECK-SAME: tensor<3x4096x!transformer.block<q8_min, group = 4096>>
!stored = tensor<576x1536x!transformer.block<q4_k, group = 256>>
func.func private @stored_blocks(!stored, tensor<3x64x!transformer.block<nvfp4, group = 64>>, tensor<3x4096x!transformer.block<q8_min, group = 4096>>)

// CHECK-LABEL: func.func @entry
// CHECK-SAME: %{{.*}}: tensor<?xi32> {transformer.role = #transformer.role<tokens>}
// CHECK-SAME: {transformer.role = #transformer.role<positions>}
// CHECK-SAME: {transformer.role = #transformer.role<sequences>}
// CHECK-SAME: {transformer.role = #transformer.role<rows>}
// CHECK-SAME: {transformer.role = #transformer.role<state>}
// CHECK-SAME: {transformer.role = #transformer.role<lengths>}
// CHECK-SAME: {transformer.role = #transformer.role<input>}
// CHECK-SAME: (tensor<?x7xf32> {transformer.role = #transformer.role<logits>}
// CHECK-SAME: tensor<?x5xf32> {transformer.role = #transformer.role<output>}
// CHECK-SAME: transformer.bounds = #transformer.bounds<max_tokens = 64, max_sequences = 4, max_context = 2048>
// CHECK-SAME: transformer.entry
func.func @entry(%tokens: tensor<?xi32> {transformer.role = #transformer.role<tokens>},
                 %positions: tensor<?xi32> {transformer.role = #transformer.role<positions>},
                 %sequences: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
                 %rows: tensor<?xi32> {transformer.role = #transformer.role<rows>},
                 %kv: !cache {transformer.role = #transformer.role<state>},
                 %lengths: tensor<?xi32> {transformer.role = #transformer.role<lengths>},
                 %scores: tensor<?x7xf32> {transformer.role = #transformer.role<input>},
                 %hidden: tensor<?x5xf32> {transformer.role = #transformer.role<input>})
    -> (tensor<?x7xf32> {transformer.role = #transformer.role<logits>}, !cache,
        tensor<?x5xf32> {transformer.role = #transformer.role<output>})
    attributes {transformer.entry,
                transformer.bounds = #transformer.bounds<max_tokens = 64, max_sequences = 4, max_context = 2048>} {
  return %scores, %kv, %hidden : tensor<?x7xf32>, !cache, tensor<?x5xf32>
}

// CHECK-LABEL: func.func private @step()
// CHECK-SAME: #transformer.bounds<max_tokens = 64, max_sequences = 4, max_context = 2048>
func.func private @step() attributes {
  transformer.bounds = #transformer.bounds<max_tokens = 64, max_sequences = 4, max_context = 2048>}
