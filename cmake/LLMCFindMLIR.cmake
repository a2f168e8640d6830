# Finds MLIR, LLVM and LLD 22 and builds the precompiled header that all MLIR-using libraries share.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# No version is asked for: MLIR's package rejects "22".
find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "llmc needs LLVM/MLIR 22, found ${LLVM_PACKAGE_VERSION}; tools/dev/setup installs it")
endif()
find_package(LLD REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/lld)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(TRANSFORM _llvm_definitions REPLACE "^-D" "") # CMake 3.25 does not strip it
add_compile_definitions(${_llvm_definitions})
set(LLVM_RUNTIME_OUTPUT_INTDIR ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})

# TableGen inside a room is included from the repository root, e.g. "dialects/Kernel/IR/KernelOps.td".
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
include_directories(${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})

add_library(llmc-mlir-pch OBJECT ${PROJECT_SOURCE_DIR}/cmake/MLIRPrecompiled.cpp)
llmc_mlir_target(llmc-mlir-pch)
# ccache and precompiled headers agree only without the timestamp in the header.
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Xclang$<SEMICOLON>-fno-pch-timestamp>)
target_precompile_headers(llmc-mlir-pch PRIVATE
  <mlir/IR/Builders.h> <mlir/IR/BuiltinOps.h> <mlir/IR/BuiltinTypes.h> <mlir/IR/OpImplementation.h>
  <mlir/IR/PatternMatch.h> <mlir/Pass/Pass.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Interfaces/SideEffectInterfaces.h> <mlir/Interfaces/InferTypeOpInterface.h>
  <mlir/Bytecode/BytecodeOpInterface.h>)
