// RUN: llmc-opt --llmc-verify-stop=stop=import --split-input-file --verify-diagnostics %s

module {
  transformer.checkpoint safetensors in "models/tiny"
  // expected-error @below {{'transformer.tensor' op is not allowed at the stop 'import'}}
  transformer.tensor "a" in "model.safetensors" : tensor<5xf32>
}

// -----

// expected-error @below {{the module names 0 checkpoints (expected 1)}}
module {
}

// -----

// expected-error @below {{the module has no entry (a func.func marked transformer.entry)}}
module {
  transformer.checkpoint safetensors in "models/tiny"
}

// -----

module {
  transformer.checkpoint safetensors in "models/tiny"
  // expected-error @below {{function 'step' is not an entry with bounds}}
  func.func @step() attributes {transformer.entry} {
    return
  }
}

// -----

module {
  transformer.checkpoint safetensors in "models/tiny"
  func.func @step() attributes {transformer.entry,
      transformer.bounds = #transformer.bounds<max_tokens = 7, max_sequences = 3, max_context = 11>} {
    // expected-error @below {{'arith.constant' op is not allowed at the stop 'import'}}
    %0 = arith.constant 1.0 : f32
    return
  }
}
