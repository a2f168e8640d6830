// RUN: llmc-opt %s -split-input-file -verify-diagnostics --llmc-lower-to-kernel=page-tokens=96

// expected-error @+1 {{page-tokens is a multiple of 64, found 96}}
module {
}
