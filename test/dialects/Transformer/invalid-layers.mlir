// Layers: every labelled rule is broken once.
// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// transformer.layers (C1)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{has 2 classes and 1 slots, expected one of each for every layer, and a layer}}
  %y = transformer.layers classes [0, 0] slots [-1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C1)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{table 0 has 3 numbers, expected 2, one for each layer}}
  %y = transformer.layers classes [0, 0] slots [-1, -1] tables [array<i64: 1, 2, 3>] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %t: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C2)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{layer 1 is of class 1, expected 0 to 0}}
  %y = transformer.layers classes [0, 1] slots [-1, -1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C2)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{has 2 bodies and layers of 1 classes}}
  %y = transformer.layers classes [0, 0] slots [-1, -1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }, {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C3)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{layer 0 is of class 1, expected at most 0: classes are numbered by first appearance}}
  %y = transformer.layers classes [1, 0] slots [-1, -1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }, {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C4)
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%x: tensor<?x5xf32>, %kv: !kv) {
  // expected-error@below {{layer 1 has slot 2, expected -1 to 1}}
  %y, %k = transformer.layers classes [0, 0] slots [0, 2] iter (%x, %kv) : tensor<?x5xf32>, !kv {
  ^bb0(%slot: index, %h: tensor<?x5xf32>, %c: !kv):
    transformer.yield %h, %c : tensor<?x5xf32>, !kv
  }
  return
}

// -----

// transformer.layers (C5)
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{body 0 has arguments ('tensor<?x5xf32>'), expected ('index', 'tensor<?x5xf32>')}}
  %y = transformer.layers classes [0] slots [-1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return
}

// -----

// transformer.layers (C6)
func.func @f(%x: tensor<?x5xf32>) {
  %y = transformer.layers classes [0] slots [-1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    // expected-error@below {{yields ('index'), expected ('tensor<?x5xf32>')}}
    transformer.yield %slot : index
  }
  return
}

// -----

// transformer.layers (C6)
func.func @f(%x: tensor<?x5xf32>) {
  %y = transformer.layers classes [0] slots [-1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    // expected-error@below {{ends a body of layers, expected transformer.yield}}
    "llvm.unreachable"() : () -> ()
  }
  return
}

// -----

// transformer.layers (C7): the same slot twice.
!kv = !transformer.state<kv_cache, slots = 2, heads = 2, head_dim = 6, f32>
func.func @f(%x: tensor<?x5xf32>, %kv: !kv) {
  // expected-error@below {{layer 1 has slot 1, which an earlier layer has}}
  %y, %k = transformer.layers classes [0, 0] slots [1, 1] iter (%x, %kv) : tensor<?x5xf32>, !kv {
  ^bb0(%slot: index, %h: tensor<?x5xf32>, %c: !kv):
    transformer.yield %h, %c : tensor<?x5xf32>, !kv
  }
  return
}

// -----

// transformer.layers (C7): a state from above is not handed in.
!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 5, f32>
func.func @f(%x: tensor<?x5xf32>, %kv: !kv {transformer.role = #transformer.role<state>}, %p: tensor<?xi32>) -> !kv {
  %i = arith.constant 0 : index
  %kv0 = transformer.cache_update %kv[%i], %x, %x at %p of %p
    : (!kv, index, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
  %y = transformer.layers classes [0] slots [-1] iter (%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    // expected-error@below {{consumes a state of an enclosing region; hand it in as an iteration value}}
    %kv1 = transformer.cache_update %kv0[%i], %h, %h at %p of %p
      : (!kv, index, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    transformer.yield %h : tensor<?x5xf32>
  }
  return %kv : !kv
}

// -----

// transformer.layers (C7): consumed twice in a body.
!kv = !transformer.state<kv_cache, slots = 2, heads = 1, head_dim = 5, f32>
func.func @f(%x: tensor<?x5xf32>, %kv: !kv, %p: tensor<?xi32>) {
  %y, %k = transformer.layers classes [0] slots [1] iter (%x, %kv) : tensor<?x5xf32>, !kv {
  ^bb0(%slot: index, %h: tensor<?x5xf32>, %c: !kv):
    // expected-note@below {{another consumer is here}}
    %kv1 = transformer.cache_update %c[%slot], %h, %h at %p of %p
      : (!kv, index, tensor<?x5xf32>, tensor<?x5xf32>, tensor<?xi32>, tensor<?xi32>) -> !kv
    // expected-error@below {{consumes a state that is consumed already}}
    transformer.yield %h, %c : tensor<?x5xf32>, !kv
  }
  return
}

// -----

// transformer.yield belongs to layers.
func.func @f(%x: tensor<?x5xf32>) {
  // expected-error@below {{expects parent op 'transformer.layers'}}
  transformer.yield %x : tensor<?x5xf32>
}
