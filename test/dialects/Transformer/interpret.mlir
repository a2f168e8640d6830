// The interpreter behind --llmc-interpret: roles get the one sequence's values, steps are cut as told, tokens are made
// greedily.
// RUN: llmc-opt %s --llmc-interpret="ids=2,0,1" -o /dev/null | FileCheck %s --check-prefix=WHOLE
// RUN: llmc-opt %s --llmc-interpret="ids=2,0,1 cuts=1,1" -o /dev/null | FileCheck %s --check-prefix=LAST
// RUN: llmc-opt %s --llmc-interpret="ids=2 generate=4" -o /dev/null | FileCheck %s --check-prefix=TOKENS
// RUN: llmc-opt %s --llmc-interpret="function=packed" -o /dev/null | FileCheck %s --check-prefix=PACKED
// RUN: not llmc-opt %s --llmc-interpret="ids=2,0 cuts=2" -o /dev/null 2>&1 | FileCheck %s --check-prefix=CUTS
// RUN: not llmc-opt %s --llmc-interpret="ids=3" -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: not llmc-opt %s --llmc-interpret="function=nobody" -o /dev/null 2>&1 | FileCheck %s --check-prefix=FUNCTION

// With keys of zero every score is 0 and attention is the mean of the values so far.
// WHOLE: result 0: [3, 3]
// WHOLE-NEXT: 8 0 0
// WHOLE-NEXT: 4 4 0
// WHOLE-NEXT: 2.66666675 2.66666675 2.66666675
// WHOLE-NEXT: result 1: a state
// LAST: result 0: [1, 3]
// LAST-NEXT: 2.66666675 2.66666675 2.66666675
// The first of equal largest logits is taken.
// TOKENS: {{^}}0 0 1 1{{$}}
// CUTS: error: a step of 2 of 2 tokens leaves none for the last
// TOKEN: error: token 3 is outside 0 to 2
// FUNCTION: error: has no function 'nobody'

!kv = !transformer.state<kv_cache, slots = 1, heads = 1, head_dim = 3, f32>

func.func @step(%tokens: tensor<?xi32> {transformer.role = #transformer.role<tokens>},
                %positions: tensor<?xi32> {transformer.role = #transformer.role<positions>},
                %sequences: tensor<?xi32> {transformer.role = #transformer.role<sequences>},
                %rows: tensor<?xi32> {transformer.role = #transformer.role<rows>},
                %kv: !kv {transformer.role = #transformer.role<state>})
    -> (tensor<?x3xf32> {transformer.role = #transformer.role<logits>}, !kv) attributes {transformer.entry} {
  // Token 0 adds to the logit of 1, token 1 to that of 2, token 2 to that of 0.
  %table = arith.constant dense<[[0.0, 8.0, 0.0], [0.0, 0.0, 8.0], [8.0, 0.0, 0.0]]> : tensor<3x3xf32>
  %x = transformer.embedding %tokens, %table : (tensor<?xi32>, tensor<3x3xf32>) -> tensor<?x3xf32>
  %y, %kv1 = transformer.layers classes [0] slots [0] iter (%x, %kv) : tensor<?x3xf32>, !kv {
  ^bb0(%slot: index, %h: tensor<?x3xf32>, %c: !kv):
    %zero = transformer.scale %h by 0.0 : tensor<?x3xf32>
    %c1 = transformer.cache_update %c[%slot], %zero, %h at %positions of %sequences
      : (!kv, index, tensor<?x3xf32>, tensor<?x3xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    %o = transformer.attention %h cache %c1[%slot] at %positions of %sequences heads 1 kv_heads 1 head_dim 3 scale 1.0
      causal : (tensor<?x3xf32>, !kv, index, tensor<?xi32>, tensor<?xi32>) -> tensor<?x3xf32>
    transformer.yield %o, %c1 : tensor<?x3xf32>, !kv
  }
  %r = transformer.gather_rows %y, %rows : (tensor<?x3xf32>, tensor<?xi32>) -> tensor<?x3xf32>
  return %r, %kv1 : tensor<?x3xf32>, !kv
}

// PACKED: result 0: [2, 1, 2, 2]
// PACKED-NEXT: 1 2
// PACKED-NEXT: 3 4
// PACKED-NEXT: 5 6
// PACKED-NEXT: 0 0
func.func @packed() -> tensor<2x1x2x2xbf16> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xbf16>
  %p = transformer.weight.pack %w rows 2 group 2 : (tensor<3x2xbf16>) -> tensor<2x1x2x2xbf16>
  return %p : tensor<2x1x2x2xbf16>
}
