# llmc_add_model - compiles a model while a program is built, and links it in.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#[[
llmc_add_model(<target> <model> [NAME <identifier>] [OPTIONS <option>...] [DEPENDS <file>...])

<target>   An existing program or library that gets the model and llmc::runtime linked in. Where no target has that name,
           a static library of the name is made, for several programs to link.
<model>    A checkpoint directory, a .gguf file, or org/name in the local Hugging Face cache, compiled by `llmc compile` while
           building, again whenever one of its files, the options or the compiler change; or a compiled .llmc file (or
           executable), linked as it is: then no compiler has to be there. Relative to the current source directory.
NAME       The C identifier of the model; by default the last part of <model>'s name, with '_' for what no identifier has.
OPTIONS    For `llmc compile`: --weights bf16, --cpu x86-64-v3, --max-context 2048, …
DEPENDS    More files that the model is made from; for a .llmc that the build itself makes, the target that makes it.

The program includes the generated header and opens the model where it lies; nothing is read from files any more:

    #include "<identifier>.h"
    llmc_model_open_memory(<identifier>.data, <identifier>.size, &model, &error);
]]
function(llmc_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "NAME" "OPTIONS;DEPENDS")
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "llmc_add_model(${target}): unexpected '${ARG_UNPARSED_ARGUMENTS}' (expected NAME, OPTIONS or DEPENDS)")
  endif()
  if(model STREQUAL "")
    message(FATAL_ERROR "llmc_add_model(${target}): no model is named (expected a checkpoint directory, a .gguf or a .llmc file)")
  endif()
  set(given "${model}")
  get_filename_component(model "${model}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT EXISTS "${model}" AND given MATCHES "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
    _llmc_cached("${given}" cached)
    if(cached)
      set(model "${cached}")
      if(NOT ARG_NAME)
        string(REGEX REPLACE ".*/" "" ARG_NAME "${given}")
        string(MAKE_C_IDENTIFIER "${ARG_NAME}" ARG_NAME)
      endif()
    endif()
  endif()
  if(NOT EXISTS "${model}" AND NOT ARG_DEPENDS)
    message(FATAL_ERROR "llmc_add_model(${target}): '${model}' is not there (expected a checkpoint directory, a .gguf or a .llmc file)")
  endif()
  _llmc_model_name("${model}" "${ARG_NAME}" "${target}" name)

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/llmc/${target}")
  if(IS_DIRECTORY "${model}" OR model MATCHES "\\.gguf$")
    _llmc_compile("${target}" "${model}" "${folder}/${name}.llmc" "${ARG_OPTIONS}" "${ARG_DEPENDS}")
    set(container "${folder}/${name}.llmc")
    set(made "${container}")
  else()
    if(ARG_OPTIONS)
      message(FATAL_ERROR "llmc_add_model(${target}): '${model}' is compiled already, OPTIONS are for models that are not")
    endif()
    set(container "${model}")
    set(made "${model}" ${ARG_DEPENDS})
  endif()
  _llmc_embed("${target}" "${name}" "${container}" "${folder}" "${made}")
endfunction()

# The snapshot of org/name in the local Hugging Face cache, as llmc compile finds it; empty when there is none. It is
# looked up while configuring: a newer snapshot is taken when the project is configured again.
function(_llmc_cached model result)
  set(${result} "" PARENT_SCOPE)
  set(cache "$ENV{HOME}/.cache/huggingface/hub")
  set(under_HF_HOME "/hub")
  set(under_XDG_CACHE_HOME "/huggingface/hub")
  foreach(variable HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME XDG_CACHE_HOME)
    if(NOT "$ENV{${variable}}" STREQUAL "")
      set(cache "$ENV{${variable}}${under_${variable}}")
      break()
    endif()
  endforeach()
  string(REPLACE "/" "--" folder "models--${model}")
  set(repository "${cache}/${folder}")
  if(EXISTS "${repository}/refs/main")
    file(STRINGS "${repository}/refs/main" revision LIMIT_COUNT 1)
    if(revision MATCHES "^[0-9A-Za-z]+$" AND IS_DIRECTORY "${repository}/snapshots/${revision}")
      set(${result} "${repository}/snapshots/${revision}" PARENT_SCOPE)
      return()
    endif()
  endif()
  file(GLOB snapshots LIST_DIRECTORIES TRUE "${repository}/snapshots/*")
  if(snapshots)
    list(SORT snapshots)
    list(GET snapshots -1 last)
    set(${result} "${last}" PARENT_SCOPE)
  endif()
endfunction()

# The identifier: as given, else from the path. One program's models need different ones.
function(_llmc_model_name model given target result)
  if(given)
    string(MAKE_C_IDENTIFIER "${given}" name)
    if(NOT name STREQUAL given)
      message(FATAL_ERROR "llmc_add_model(${target}): NAME '${given}' is no C identifier")
    endif()
  else()
    get_filename_component(name "${model}" NAME)
    string(REGEX REPLACE "\\.(llmc|gguf)$" "" name "${name}")
    string(MAKE_C_IDENTIFIER "${name}" name)
  endif()
  get_property(taken GLOBAL PROPERTY _LLMC_MODELS_OF_${target})
  if(name IN_LIST taken)
    message(FATAL_ERROR "llmc_add_model(${target}): there is a model '${name}' already; give this one another NAME")
  endif()
  set_property(GLOBAL APPEND PROPERTY _LLMC_MODELS_OF_${target} "${name}")
  set(${result} "${name}" PARENT_SCOPE)
endfunction()

# The rule that compiles. The files are listed anew on every build, so that one that comes or goes is noticed.
function(_llmc_compile target model output options depends)
  if(NOT LLMC_EXECUTABLE)
    message(FATAL_ERROR "llmc_add_model(${target}): no llmc is there to compile '${model}' (install the package llmc, set LLMC_EXECUTABLE, or give a compiled .llmc file)")
  endif()
  set(pattern "${model}")
  string(REGEX REPLACE "([][*?])" "[\\1]" pattern "${pattern}")
  if(IS_DIRECTORY "${model}")
    string(APPEND pattern "/*")
  else()
    # Of a model in parts the first is named.
    string(REGEX REPLACE "-00001-of-([0-9]+)\\.gguf$" "-*-of-\\1.gguf" pattern "${pattern}")
  endif()
  set(again CONFIGURE_DEPENDS)
  if(model MATCHES "[\"\\$]") # CMake writes such names down wrongly
    set(again "")
  endif()
  file(GLOB files LIST_DIRECTORIES FALSE ${again} "${pattern}")
  if(NOT files)
    message(FATAL_ERROR "llmc_add_model(${target}): '${model}' has no files")
  endif()
  # A file that went away and other options make nothing newer than the output: they are written down, which does.
  string(REPLACE ";" "\n" list "${files};${options}")
  _llmc_write("${output}.from" "${list}\n")
  get_filename_component(folder "${output}" DIRECTORY)
  get_filename_component(file "${output}" NAME)
  add_custom_command(OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${folder}"
    COMMAND "${LLMC_EXECUTABLE}" compile "${model}" --emit llmc -o "${output}" ${options}
    DEPENDS ${files} ${depends} "${output}.from" "${LLMC_EXECUTABLE}"
    COMMENT "Compiling the model ${file}" VERBATIM)
endfunction()

# The object that holds the container, and the header that names it.
function(_llmc_embed target name container folder made)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if("C" IN_LIST languages)
    set(source "${folder}/${name}.c")
  elseif("CXX" IN_LIST languages)
    set(source "${folder}/${name}.cpp")
  else()
    message(FATAL_ERROR "llmc_add_model(${target}): the project has neither C nor CXX enabled")
  endif()
  # A path in a text of the assembler in a text of C.
  string(REPLACE "\\" "\\\\\\\\" path "${container}")
  string(REPLACE "\"" "\\\\\\\"" path "${path}")
  set(LLMC_NAME "${name}")
  set(LLMC_PATH "${path}")
  string(CONFIGURE [=[
/* The compiled model @LLMC_NAME@ as a part of the program; written by llmc_add_model.
 *
 * The bytes are put in by the assembler and mapped with the program, page by page as they are used. The large section
 * lies behind everything else, so that models past 2 GiB link as well; the pointer to it takes any distance. */
__asm__(
#if defined(__x86_64__) && (!defined(__clang__) || __clang_major__ >= 17)
    ".section .lrodata.llmc, \"al\", @progbits\n"
#else
    ".section .rodata.llmc, \"a\"\n"
#endif
    ".balign 4096\n"
    ".Lllmc_@LLMC_NAME@_begin:\n"
    ".incbin \"@LLMC_PATH@\"\n"
    ".Lllmc_@LLMC_NAME@_end:\n"
    ".section .data.rel.ro.llmc, \"aw\"\n"
    ".balign 8\n"
    ".globl @LLMC_NAME@\n"
    ".hidden @LLMC_NAME@\n"
    ".type @LLMC_NAME@, %object\n"
    ".size @LLMC_NAME@, 16\n"
    "@LLMC_NAME@:\n"
    ".quad .Lllmc_@LLMC_NAME@_begin\n"
    ".quad .Lllmc_@LLMC_NAME@_end - .Lllmc_@LLMC_NAME@_begin\n"
    ".text\n");
]=] text @ONLY)
  _llmc_write("${source}" "${text}")
  string(CONFIGURE [=[
/* The compiled model @LLMC_NAME@, linked into this program; written by llmc_add_model. */
#ifndef LLMC_EMBEDDED_@LLMC_NAME@
#define LLMC_EMBEDDED_@LLMC_NAME@

#include "llmc/llmc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For llmc_model_open_memory(@LLMC_NAME@.data, @LLMC_NAME@.size, …). */
extern const llmc_embedded_model @LLMC_NAME@;

#ifdef __cplusplus
}
#endif

#endif
]=] text @ONLY)
  _llmc_write("${folder}/${name}.h" "${text}")

  set(targets "")
  foreach(one IN LISTS made)
    if(TARGET "${one}")
      list(APPEND targets "${one}")
    endif()
  endforeach()
  if(targets)
    list(REMOVE_ITEM made ${targets})
  endif()
  set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${made}" COMPILE_OPTIONS "-fno-lto"
                              SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
  # A target of its own makes the object, so that <target> may stand anywhere in the project and be of any language.
  # Properties, not target_link_libraries: that allows one of its two signatures a target, and the project chose.
  if(NOT TARGET "${target}")
    add_library("${target}" STATIC "${source}" "${container}")
    set_target_properties("${target}" PROPERTIES POSITION_INDEPENDENT_CODE ON _LLMC_MADE ON)
    target_include_directories("${target}" PUBLIC "${folder}")
    target_link_libraries("${target}" PUBLIC llmc::runtime)
    if(targets)
      add_dependencies("${target}" ${targets})
    endif()
    return()
  endif()
  get_target_property(named "${target}" TYPE)
  set(object "${target}-llmc-${name}")
  add_library("${object}" OBJECT "${source}" "${container}")
  if(targets)
    add_dependencies("${object}" ${targets})
  endif()
  set_target_properties("${object}" PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set_property(TARGET "${target}" APPEND PROPERTY SOURCES "$<TARGET_OBJECTS:${object}>")
  set_property(TARGET "${target}" APPEND PROPERTY INCLUDE_DIRECTORIES "${folder}")
  set_property(TARGET "${target}" APPEND PROPERTY LINK_LIBRARIES llmc::runtime)
  if(named STREQUAL "STATIC_LIBRARY")
    set_property(TARGET "${target}" APPEND PROPERTY INTERFACE_LINK_LIBRARIES "$<LINK_ONLY:llmc::runtime>")
  endif()
  get_property(own TARGET "${target}" PROPERTY _LLMC_MADE)
  if(own)
    set_property(TARGET "${target}" APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES "${folder}")
  endif()
endfunction()

# Writes a file when its text has changed, so that configuring again does not build again.
function(_llmc_write path text)
  if(EXISTS "${path}")
    file(READ "${path}" old)
    if(old STREQUAL text)
      return()
    endif()
  endif()
  file(WRITE "${path}" "${text}")
endfunction()
