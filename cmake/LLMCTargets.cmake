# Functions every room uses to declare its libraries, so that flags and include roots are said once.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

find_package(Threads REQUIRED)

# Warnings on our own sources; third-party headers come in as SYSTEM.
set(LLMC_WARNINGS -Wall -Wextra -Wno-unused-parameter -Wimplicit-fallthrough)

# llmc_add_library(name SOURCES... [LINK libs...] [PUBLIC_LINK libs...])
# A static library without LLVM or MLIR: no exceptions, no RTTI, include root = the repository and runtime/include.
function(llmc_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PUBLIC_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include)
  target_compile_options(${name} PRIVATE ${LLMC_WARNINGS} $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} PUBLIC ${ARG_PUBLIC_LINK})
endfunction()

# llmc_add_mlir_library(name SOURCES... [DEPENDS tablegen targets...] [LINK libs...] [PCH header...])
# A static library that uses the MLIR and LLVM shared libraries (never the static archives: dialects would be registered
# twice).
function(llmc_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  llmc_mlir_target(${name})
  target_link_libraries(${name} PUBLIC MLIR LLVM ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_precompile_headers(${name} REUSE_FROM llmc-mlir-pch)
endfunction()

# Include paths and flags of a target that includes MLIR headers.
function(llmc_mlir_target name)
  target_include_directories(${name} SYSTEM PUBLIC ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
                             ${PROJECT_SOURCE_DIR}/runtime/include)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter -fno-exceptions)
endfunction()
