// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-lower-to-kernel=sums=bf16

// expected-error @+1 {{sums are made in f32 or f16, found 'bf16'}}
module {
}
