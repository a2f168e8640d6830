// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-roll-layers))' --split-input-file %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-roll-layers,llmc-roll-layers))' --split-input-file %s | FileCheck %s
// RUN: llmc-opt --pass-pipeline='builtin.module(func.func(llmc-roll-layers))' --split-input-file --remarks-filter-missed=llmc-roll-layers %s 2>&1 >/dev/null | FileCheck %s --check-prefix=MISSED

// CHECK-LABEL: func.func @equal_layers_become_one_class
// CHECK: %[[Y:.*]] = transformer.layers classes [0, 0, 0] slots [-1, -1, -1] iter(%{{.*}}) : tensor<?x5xf32> {
// CHECK-NEXT: ^bb0(%{{.*}}: index, %[[X:.*]]: tensor<?x5xf32>):
// CHECK-NEXT: %[[W:.*]] = transformer.weight ["l.0.norm", "l.1.norm", "l.2.norm"] : tensor<5xf32>
// CHECK-NEXT: %[[N:.*]] = transformer.rms_norm %[[X]], %[[W]]
// CHECK-NEXT: transformer.yield %[[N]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]]
func.func @equal_layers_become_one_class(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %0 = transformer.layers classes [0] slots [-1] iter(%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.0.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %1 = transformer.layers classes [0] slots [-1] iter(%0) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.1.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %2 = transformer.layers classes [0] slots [-1] iter(%1) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.2.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  return %2 : tensor<?x5xf32>
}

// -----

// Layers of two kinds in turn: two bodies, each with the keys of its own layers.
// CHECK-LABEL: func.func @alternating_layers_become_two_classes
// CHECK: transformer.layers classes [0, 1, 0, 1] slots [-1, -1, -1, -1]
// CHECK: transformer.weight ["l.0.norm", "l.2.norm"] : tensor<5xf32>
// CHECK: transformer.rms_norm
// CHECK: }, {
// CHECK: transformer.weight ["l.1.norm", "l.3.norm"] : tensor<5xf32>
// CHECK: transformer.layer_norm
// CHECK-NOT: transformer.layers
func.func @alternating_layers_become_two_classes(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %0 = transformer.layers classes [0] slots [-1] iter(%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.0.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %1 = transformer.layers classes [0] slots [-1] iter(%0) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.1.norm"] : tensor<5xf32>
    %n = transformer.layer_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %2 = transformer.layers classes [0] slots [-1] iter(%1) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.2.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %3 = transformer.layers classes [0] slots [-1] iter(%2) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.3.norm"] : tensor<5xf32>
    %n = transformer.layer_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  return %3 : tensor<?x5xf32>
}

// -----

// A weight of another type, or another attribute, is another class.
// CHECK-LABEL: func.func @different_types_and_attributes_are_different_classes
// CHECK: transformer.layers classes [0, 1, 2] slots [-1, -1, -1]
func.func @different_types_and_attributes_are_different_classes(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %0 = transformer.layers classes [0] slots [-1] iter(%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.0.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %1 = transformer.layers classes [0] slots [-1] iter(%0) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.1.norm"] : tensor<5xbf16>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-5 : (tensor<?x5xf32>, tensor<5xbf16>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  %2 = transformer.layers classes [0] slots [-1] iter(%1) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    %w = transformer.weight ["l.2.norm"] : tensor<5xf32>
    %n = transformer.rms_norm %h, %w epsilon 1.0e-6 : (tensor<?x5xf32>, tensor<5xf32>) -> tensor<?x5xf32>
    transformer.yield %n : tensor<?x5xf32>
  }
  return %2 : tensor<?x5xf32>
}

// -----

// MISSED: layers not joined with those before: a value between the layers is used elsewhere
// CHECK-LABEL: func.func @not_joined_when_a_value_between_is_used
// CHECK: %[[X1:.*]] = transformer.layers classes [0] slots [-1]
// CHECK: %[[X2:.*]] = transformer.layers classes [0] slots [-1] iter(%[[X1]])
// CHECK: return %[[X1]], %[[X2]]
func.func @not_joined_when_a_value_between_is_used(%x: tensor<?x5xf32>) -> (tensor<?x5xf32>, tensor<?x5xf32>) {
  %0 = transformer.layers classes [0] slots [-1] iter(%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  %1 = transformer.layers classes [0] slots [-1] iter(%0) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return %0, %1 : tensor<?x5xf32>, tensor<?x5xf32>
}

// -----

// CHECK-LABEL: func.func @not_joined_when_something_stands_between
// CHECK-COUNT-2: transformer.layers classes [0] slots [-1]
func.func @not_joined_when_something_stands_between(%x: tensor<?x5xf32>) -> tensor<?x5xf32> {
  %0 = transformer.layers classes [0] slots [-1] iter(%x) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  %1 = transformer.add %0, %0 : tensor<?x5xf32>
  %2 = transformer.layers classes [0] slots [-1] iter(%1) : tensor<?x5xf32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>):
    transformer.yield %h : tensor<?x5xf32>
  }
  return %2 : tensor<?x5xf32>
}

// -----

// Slots and tables go with their layers; what was rolled before is joined as it is.
// CHECK-LABEL: func.func @slots_and_tables_follow
// CHECK: transformer.layers classes [0, 0, 0] slots [2, 0, 1] tables {{.*}}7, 11, 13
func.func @slots_and_tables_follow(%x: tensor<?x5xf32>, %kv: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>)
    -> (tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>) {
  %0:2 = transformer.layers classes [0, 0] slots [2, 0] tables [array<i64: 7, 11>] iter(%x, %kv)
      : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32> {
  ^bb0(%slot: index, %window: index, %h: tensor<?x5xf32>, %c: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>):
    transformer.yield %h, %c : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
  }
  %1:2 = transformer.layers classes [0] slots [1] tables [array<i64: 13>] iter(%0#0, %0#1)
      : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32> {
  ^bb0(%slot: index, %window: index, %h: tensor<?x5xf32>, %c: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>):
    transformer.yield %h, %c : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
  }
  return %1#0, %1#1 : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
}

// -----

// MISSED: layers not joined with those before: the layers share a state slot
// CHECK-LABEL: func.func @not_joined_when_they_share_a_slot
// CHECK-COUNT-2: transformer.layers classes [0] slots [1]
func.func @not_joined_when_they_share_a_slot(%x: tensor<?x5xf32>, %kv: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>)
    -> (tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>) {
  %0:2 = transformer.layers classes [0] slots [1] iter(%x, %kv)
      : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>, %c: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>):
    transformer.yield %h, %c : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
  }
  %1:2 = transformer.layers classes [0] slots [1] iter(%0#0, %0#1)
      : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32> {
  ^bb0(%slot: index, %h: tensor<?x5xf32>, %c: !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>):
    transformer.yield %h, %c : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
  }
  return %1#0, %1#1 : tensor<?x5xf32>, !transformer.state<kv_cache, slots = 3, heads = 1, head_dim = 2, f32>
}
