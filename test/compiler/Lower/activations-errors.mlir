// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-lower-to-kernel=activations=q4

// expected-error @+1 {{activations are f32 or q8, found 'q4'}}
module {
}
