// RUN: llmc-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{lies at a multiple of 64 bytes, found 4}}
kernel.constant @c0 "w" at 4 : memref<7xf32>

// -----

// expected-error@+1 {{has columns and steps, or neither}}
kernel.constant @c0 "w" at 64 : memref<80xf32> {columns = [array<i64: 7, 1>]}

// -----

// expected-error@+1 {{names a size and a stride for each loop, found array<i64: 7>}}
kernel.constant @c0 "w" at 64 : memref<80xf32> {columns = [array<i64: 7>], steps = [array<i64: 5, 7>]}

// -----

// expected-error@+1 {{is memref<80xf32> in panels, found 'memref<35xf32>'}}
kernel.constant @c0 "w" at 64 : memref<35xf32> {columns = [array<i64: 7, 1>], steps = [array<i64: 5, 7>]}

// -----

// expected-error@+1 {{holds whole bytes an element, found 'memref<7xi1>'}}
kernel.constant @c0 "w" at 64 : memref<7xi1>

// -----

kernel.program @main inputs 0 outputs 0 roles [] slots [64, 2] slot_sizes [1] {
^bb0:
  // expected-error@+1 {{slot 1 is not one of the program's}}
  %h = kernel.memory 1 at 0 : memref<7xf32>
  kernel.yield
}

// -----

kernel.program @main inputs 0 outputs 0 roles [] slots [64, 2] slot_sizes [1] {
^bb0:
  // expected-error@+1 {{lies at a multiple of 64 bytes, found 8}}
  %h = kernel.memory 0 at 8 : memref<7xf32>
  kernel.yield
}

// -----

kernel.program @main inputs 1 outputs 0 roles [#transformer.role<input>] slots [] slot_sizes [] {
^bb0(%x: memref<7xf32>):
  // expected-error@+1 {{says of 2 buffers whether it writes them, and has 1}}
  kernel.generic 7 writes [true, false](%x) : memref<7xf32> {
  ^bb0(%first: index, %last: index, %a: memref<7xf32>):
  }
  kernel.yield
}

// -----

kernel.program @main inputs 1 outputs 0 roles [#transformer.role<input>] slots [] slot_sizes [] {
^bb0(%x: memref<7xf32>):
  // expected-error@+1 {{body takes first, last and the buffers}}
  kernel.generic 7 writes [true](%x) : memref<7xf32> {
  ^bb0(%a: memref<7xf32>):
  }
  kernel.yield
}

// -----

kernel.program @main inputs 1 outputs 0 roles [#transformer.role<input>] slots [] slot_sizes [] {
^bb0(%x: memref<7xf32>):
  // expected-error@+1 {{body takes 'memref<5xf32>' for a buffer 'memref<7xf32>'}}
  kernel.generic 7 writes [true](%x) : memref<7xf32> {
  ^bb0(%first: index, %last: index, %a: memref<5xf32>):
  }
  kernel.yield
}

// -----

kernel.program @main inputs 1 outputs 0 roles [#transformer.role<input>] slots [] slot_sizes [] {
^bb0(%x: memref<7xf32>):
  // expected-error@+1 {{has one buffer twice}}
  kernel.generic 7 writes [true, false](%x, %x) : memref<7xf32>, memref<7xf32> {
  ^bb0(%first: index, %last: index, %a: memref<7xf32>, %b: memref<7xf32>):
  }
  kernel.yield
}
