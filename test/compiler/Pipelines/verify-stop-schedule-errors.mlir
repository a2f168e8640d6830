// RUN: llmc-opt --llmc-verify-stop=stop=schedule --split-input-file --verify-diagnostics %s

// expected-error @below {{the module has no kernel.program}}
module {
  transformer.checkpoint safetensors in "models/tiny"
}

// -----

module {
  transformer.checkpoint safetensors in "models/tiny"
  // expected-error @below {{'func.func' op is not allowed at the stop 'schedule'}}
  func.func private @step()
}

// -----

module {
  transformer.checkpoint safetensors in "models/tiny"
  // expected-error @below {{has no bounds}}
  kernel.program @step inputs 0 outputs 0 roles [] slots [] slot_sizes [] {
    kernel.yield
  }
}

// -----

module {
  transformer.checkpoint safetensors in "models/tiny"
  // expected-error @below {{has no place in the weights section}}
  kernel.weight @w copies 1 at -1 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
    %0 = transformer.weight ["a"] : tensor<5xf32>
    %1 = kernel.pack %0 : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
    kernel.yield %1 : !kernel.packed<table, 1, 5, 1, f32>
  }
}

// -----

// The second copy of the first lies where the second weight is.
module {
  transformer.checkpoint safetensors in "models/tiny"
  kernel.program @step inputs 0 outputs 0 roles [] slots [] slot_sizes [] {
    kernel.yield
  } {bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>}
  kernel.weight @w copies 2 at 0 stride 64 : !kernel.packed<table, 1, 5, 1, f32> {
    %0 = transformer.weight ["a", "b"] : tensor<5xf32>
    %1 = kernel.pack %0 : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
    kernel.yield %1 : !kernel.packed<table, 1, 5, 1, f32>
  }
  // expected-error @below {{at byte 64 overlaps 'w', which ends at 84}}
  kernel.weight @v copies 1 at 64 stride 0 : !kernel.packed<table, 1, 5, 1, f32> {
    %0 = transformer.weight ["c"] : tensor<5xf32>
    %1 = kernel.pack %0 : (tensor<5xf32>) -> !kernel.packed<table, 1, 5, 1, f32>
    kernel.yield %1 : !kernel.packed<table, 1, 5, 1, f32>
  }
}
