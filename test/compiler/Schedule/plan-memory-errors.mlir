// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-plan-memory

// expected-error @+1 {{argument 0 of type 'tensor<?x13xf32>' has no plan: inputs are i32 [T]}}
func.func @rows_go_in(%x: tensor<?x13xf32> {transformer.role = #transformer.role<input>}) attributes {transformer.entry} {
  return
}

// -----

func.func @not_kernels(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>}) attributes {transformer.entry} {
  // expected-error @+1 {{'arith.constant' op cannot be planned: only kernel ops can}}
  %c = arith.constant 0 : index
  return
}

// -----

kernel.weight @e copies 1 at -1 stride 0 : !kernel.packed<table, 53, 13, 1, f32> {
  %w = transformer.weight ["e"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<table, 53, 13, 1, f32>
  kernel.yield %p : !kernel.packed<table, 53, 13, 1, f32>
}
func.func @logits_of_all_tokens(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>})
    -> (tensor<?x13xf32> {transformer.role = #transformer.role<logits>}) attributes {transformer.entry} {
  %e = kernel.get_weight @e : <table, 53, 13, 1, f32>
  %x = kernel.embed %ids, %e : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  // expected-error @+1 {{hands back #transformer.role<logits> with a row for each of the tokens, expected the rows}}
  return %x : tensor<?x13xf32>
}

// -----

kernel.weight @e copies 1 at -1 stride 0 : !kernel.packed<table, 53, 13, 1, f32> {
  %w = transformer.weight ["e"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<table, 53, 13, 1, f32>
  kernel.yield %p : !kernel.packed<table, 53, 13, 1, f32>
}
func.func @a_view_comes_out(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>}) -> tensor<?x5xf32>
    attributes {transformer.entry} {
  %e = kernel.get_weight @e : <table, 53, 13, 1, f32>
  %x = kernel.embed %ids, %e : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  %y = kernel.columns %x from 3 : (tensor<?x13xf32>) -> tensor<?x5xf32>
  // expected-error @+1 {{hands back a value that no kernel writes}}
  return %y : tensor<?x5xf32>
}

// -----

kernel.weight @e copies 1 at -1 stride 0 : !kernel.packed<table, 53, 13, 1, f32> {
  %w = transformer.weight ["e"] : tensor<53x13xf32>
  %p = kernel.pack %w : (tensor<53x13xf32>) -> !kernel.packed<table, 53, 13, 1, f32>
  kernel.yield %p : !kernel.packed<table, 53, 13, 1, f32>
}
func.func @change_places(%ids: tensor<?xi32> {transformer.role = #transformer.role<tokens>}) attributes {transformer.entry} {
  %e = kernel.get_weight @e : <table, 53, 13, 1, f32>
  %x = kernel.embed %ids, %e : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  %y = kernel.embed %ids, %e {scale = 3.0 : f32}
    : (tensor<?xi32>, !kernel.packed<table, 53, 13, 1, f32>) -> tensor<?x13xf32>
  // expected-error @+1 {{carries values that change places, which has no plan}}
  %a, %b = kernel.layers classes [0, 0] slots [-1, -1] iter(%x, %y : tensor<?x13xf32>, tensor<?x13xf32>) {
  ^bb0(%slot: index, %member: index, %g: tensor<?x13xf32>, %h: tensor<?x13xf32>):
    kernel.yield %h, %g : tensor<?x13xf32>, tensor<?x13xf32>
  } -> (tensor<?x13xf32>, tensor<?x13xf32>)
  return
}
