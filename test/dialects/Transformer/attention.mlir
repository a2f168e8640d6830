// Attention with every feature, the state ops and mixtures of experts survive text and two processes.
// RUN: llmc-opt %s > %t && llmc-opt %t | diff %t - && FileCheck %s < %t
// RUN: llmc-opt %s --mlir-print-op-generic | llmc-opt | diff %t -

!kv = !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
!latent = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 24, value_dim = 16, latent, bf16>
!windowed = !transformer.state<kv_cache, slots = 2, heads = 3, head_dim = 5, window = 11, f16>

// CHECK-LABEL: @cached
func.func @cached(%q: tensor<?x576xf32>, %kv: !kv, %slot: index, %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  // CHECK: transformer.attention %{{.*}} cache %{{.*}}[%{{.*}}] at %{{.*}} of %{{.*}} heads 9 kv_heads 3 head_dim 64 scale {{.*}} causal :
  %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences heads 9 kv_heads 3 head_dim 64
      scale 0.125 causal
      : (tensor<?x576xf32>, !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index,
         tensor<?xi32>, tensor<?xi32>) -> tensor<?x576xf32>
  return
}

// CHECK-LABEL: @every_score_feature
func.func @every_score_feature(%q: tensor<?x15xf32>, %kv: !windowed, %slot: index, %positions: tensor<?xi32>,
    %sequences: tensor<?xi32>, %table: tensor<32x3xf32>, %mask: tensor<?x?xi1>, %bias: tensor<3x?x?xf32>,
    %sinks: tensor<3xf32>) {
  // CHECK: transformer.attention
  // CHECK-SAME: causal window 7 soft_cap {{.*}} alibi [{{.*}}] relative %{{.*}} max_distance 128 mask %{{.*}} bias %{{.*}} sinks %{{.*}} :
  %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences heads 3 kv_heads 3 head_dim 5
    scale 0.5 causal window 7 soft_cap 50.0 alibi [0.5, 0.25, 0.125] relative %table max_distance 128 mask %mask
    bias %bias sinks %sinks
    : (tensor<?x15xf32>, !windowed, index, tensor<?xi32>, tensor<?xi32>, tensor<32x3xf32>, tensor<?x?xi1>,
       tensor<3x?x?xf32>, tensor<3xf32>) -> tensor<?x15xf32>
  return
}

// CHECK-LABEL: @window_of_the_layer
func.func @window_of_the_layer(%q: tensor<?x15xf32>, %kv: !windowed, %slot: index, %positions: tensor<?xi32>,
                               %sequences: tensor<?xi32>, %window: index) {
  // CHECK: transformer.attention {{.*}} causal window_size %{{.*}} :
  %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences heads 3 kv_heads 3 head_dim 5
    scale 0.5 causal window_size %window
    : (tensor<?x15xf32>, !windowed, index, tensor<?xi32>, tensor<?xi32>, index) -> tensor<?x15xf32>
  return
}

// CHECK-LABEL: @cross_attention
func.func @cross_attention(%q: tensor<?x576xf32>, %kv: !kv, %slot: index, %positions: tensor<?xi32>,
                           %sequences: tensor<?xi32>, %lengths: tensor<?xi32>) {
  // CHECK: transformer.attention {{.*}} lengths %{{.*}} heads 9
  // CHECK-NOT: causal
  %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences lengths %lengths heads 9 kv_heads 3
    head_dim 64 scale 0.125
    : (tensor<?x576xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x576xf32>
  return
}

// CHECK-LABEL: @latent
func.func @latent(%q: tensor<?x96xf32>, %kv: !latent, %slot: index, %positions: tensor<?xi32>,
                  %sequences: tensor<?xi32>) {
  // CHECK: transformer.attention {{.*}} heads 4 kv_heads 1 head_dim 24 value_dim 16 scale {{.*}} causal : {{.*}} -> tensor<?x64xf32>
  %o = transformer.attention %q cache %kv[%slot] at %positions of %sequences heads 4 kv_heads 1 head_dim 24
    value_dim 16 scale 0.2 causal
    : (tensor<?x96xf32>, !latent, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @given_keys_in_a_band
func.func @given_keys_in_a_band(%q: tensor<?x12xf32>, %k: tensor<?x6xf32>, %v: tensor<?x10xf32>,
                                %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %kp: tensor<?xi32>,
                                %ks: tensor<?xi32>) {
  // CHECK: transformer.attention %{{.*}} keys %{{.*}} values %{{.*}} at %{{.*}} of %{{.*}} key_at %{{.*}} key_of %{{.*}} heads 4 {{.*}} window 3 window_after 2 :
  %o = transformer.attention %q keys %k values %v at %positions of %sequences key_at %kp key_of %ks heads 4 kv_heads 2
    head_dim 3 value_dim 5 scale 0.5 window 3 window_after 2
    : (tensor<?x12xf32>, tensor<?x6xf32>, tensor<?x10xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>,
       tensor<?xi32>) -> tensor<?x20xf32>
  return
}

// CHECK-LABEL: @cache_update
func.func @cache_update(%kv: !kv, %slot: index, %k: tensor<?x192xf32>, %v: tensor<?x192xf32>,
                        %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  // CHECK: transformer.cache_update %{{.*}}[%{{.*}}], %{{.*}}, %{{.*}} at %{{.*}} of %{{.*}} :
  %kv1 = transformer.cache_update %kv[%slot], %k, %v at %positions of %sequences
      : (!transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>, index, tensor<?x192xf32>,
         tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>)
      -> !transformer.state<kv_cache, slots = 30, heads = 3, head_dim = 64, f32>
  return
}

// CHECK-LABEL: @latent_update
func.func @latent_update(%kv: !latent, %slot: index, %k: tensor<?x24xf32>, %positions: tensor<?xi32>,
                         %sequences: tensor<?xi32>) {
  // CHECK: transformer.cache_update %{{.*}}[%{{.*}}], %{{.*}} at %{{.*}} of %{{.*}} :
  %kv1 = transformer.cache_update %kv[%slot], %k at %positions of %sequences
    : (!latent, index, tensor<?x24xf32>, tensor<?xi32>, tensor<?xi32>) -> !latent
  return
}

// CHECK-LABEL: @convolution
func.func @convolution(%x: tensor<?x48xf32>, %w: tensor<48x4xf32>, %b: tensor<48xf32>,
                       %s: !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>, %slot: index,
                       %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  // CHECK: transformer.convolution %{{.*}}, %{{.*}} state %{{.*}}[%{{.*}}] at %{{.*}} of %{{.*}} :
  %y, %s1 = transformer.convolution %x, %w state %s[%slot] at %positions of %sequences
      : (tensor<?x48xf32>, tensor<48x4xf32>, !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>,
         index, tensor<?xi32>, tensor<?xi32>)
      -> (tensor<?x48xf32>, !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>)
  // CHECK: transformer.convolution %{{.*}}, %{{.*}} bias %{{.*}} state
  %z, %s2 = transformer.convolution %x, %w bias %b state %s1[%slot] at %positions of %sequences
    : (tensor<?x48xf32>, tensor<48x4xf32>, tensor<48xf32>,
       !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>, index, tensor<?xi32>, tensor<?xi32>)
    -> (tensor<?x48xf32>, !transformer.state<convolution, slots = 2, channels = 48, taps = 3, f32>)
  return
}

// CHECK-LABEL: @recurrence
func.func @recurrence(%q: tensor<?x6xf32>, %k: tensor<?x6xf32>, %v: tensor<?x20xf32>, %a: tensor<?x4xf32>,
                      %s: !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>,
                      %slot: index, %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  // CHECK: transformer.recurrence %{{.*}} decay %{{.*}} state %{{.*}}[%{{.*}}] at %{{.*}} of %{{.*}} key_heads 2 scale {{.*}} :
  %y, %s1 = transformer.recurrence %q, %k, %v decay %a state %s[%slot] at %positions of %sequences key_heads 2
      scale 1.0
      : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, tensor<?x4xf32>,
         !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>, index, tensor<?xi32>,
         tensor<?xi32>)
      -> (tensor<?x20xf32>, !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>)
  // CHECK: transformer.recurrence %{{.*}} beta %{{.*}} state {{.*}} delta :
  %z, %s2 = transformer.recurrence %q, %k, %v beta %a state %s1[%slot] at %positions of %sequences key_heads 2
    scale 1.0 delta
    : (tensor<?x6xf32>, tensor<?x6xf32>, tensor<?x20xf32>, tensor<?x4xf32>,
       !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>, index, tensor<?xi32>,
       tensor<?xi32>)
    -> (tensor<?x20xf32>, !transformer.state<recurrent, slots = 2, heads = 4, head_dim = 3, value_dim = 5, f32>)
  return
}

// CHECK-LABEL: @route
func.func @route(%logits: tensor<?x8xf32>, %c: tensor<8xf32>) {
  // CHECK: transformer.route softmax %{{.*}} top_k 2 renormalize :
  %w, %e = transformer.route softmax %logits top_k 2 renormalize
      : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  // CHECK: transformer.route topk_softmax %{{.*}} top_k 3 :
  %w1, %e1 = transformer.route topk_softmax %logits top_k 3 : (tensor<?x8xf32>) -> (tensor<?x3xf32>, tensor<?x3xi32>)
  // CHECK: transformer.route sigmoid %{{.*}} correction %{{.*}} top_k 2 groups 4 top_groups 2 group_score top2_sum renormalize scaling_factor
  %w2, %e2 = transformer.route sigmoid %logits correction %c top_k 2 groups 4 top_groups 2 group_score top2_sum
    renormalize scaling_factor 2.5 : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// CHECK-LABEL: @experts
func.func @experts(%x: tensor<?x64xf32>, %w: tensor<?x2xf32>, %e: tensor<?x2xi32>, %g: tensor<8x96x64xbf16>,
                   %u: tensor<8x96x64xbf16>, %d: tensor<8x64x96xbf16>, %gb: tensor<8x96xf32>, %db: tensor<8x64xf32>) {
  // CHECK: transformer.experts silu
  %y = transformer.experts silu %x, %w, %e, %g, %u, %d
      : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<8x96x64xbf16>,
         tensor<8x96x64xbf16>, tensor<8x64x96xbf16>)
      -> tensor<?x64xf32>
  // CHECK: transformer.experts quick_gelu {{.*}} gate_bias %{{.*}} up_bias %{{.*}} down_bias %{{.*}} limit {{.*}} up_offset
  %z = transformer.experts quick_gelu %x, %w, %e, %g, %u, %d gate_bias %gb up_bias %gb down_bias %db limit 7.0
    up_offset 1.0
    : (tensor<?x64xf32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<8x96x64xbf16>, tensor<8x96x64xbf16>,
       tensor<8x64x96xbf16>, tensor<8x96xf32>, tensor<8x96xf32>, tensor<8x64xf32>) -> tensor<?x64xf32>
  return
}
