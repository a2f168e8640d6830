# Writes the one static library that programs with a model inside link. Run by the build:
#   cmake -DOUT=libllmc.a -DLIBRARIES=core.a;b.a -DLIBMD=libmd.a -DAR=… -DNM=… -DLINKER=… -DOBJCOPY=…
#         -P LLMCEmbedArchive.cmake
#
# All parts of the runtime, and of libmd the one member that they use: nothing else has to be installed to link. That
# member becomes part of the object that calls it, and its names local: a program may link libmd itself, and a shared
# library with a model inside does not show them.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status ERROR_VARIABLE text OUTPUT_VARIABLE output
    WORKING_DIRECTORY ${folder})
  if(status)
    message(FATAL_ERROR "${OUT}: ${ARGV0} failed: ${text}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

get_filename_component(folder ${OUT} DIRECTORY)
set(folder ${folder}/parts)
file(REMOVE_RECURSE ${folder})
file(REMOVE ${OUT})
file(MAKE_DIRECTORY ${folder})

list(GET LIBRARIES 0 core)
run(${AR} x ${LIBMD} sha2.o)
run(${AR} x ${core} Hash.cpp.o)
run(${NM} --defined-only --extern-only sha2.o)
string(REGEX MATCHALL "[ \t][TDBRW] [^\n]+" names "${output}")
list(TRANSFORM names REPLACE "^[ \t][TDBRW] " "")
string(REPLACE ";" "\n" names "${names}")
file(WRITE ${folder}/names "${names}\n")
run(${LINKER} -r -o joined.o Hash.cpp.o sha2.o)
run(${OBJCOPY} --localize-symbols=names joined.o)

set(script "create ${OUT}.new\n")
foreach(library IN LISTS LIBRARIES)
  string(APPEND script "addlib ${library}\n")
endforeach()
# The plain hash goes, the joined one comes.
string(APPEND script "delete Hash.cpp.o\naddmod joined.o\nsave\nend\n")
file(WRITE ${folder}/script "${script}")
execute_process(COMMAND ${AR} -M INPUT_FILE ${folder}/script RESULT_VARIABLE status ERROR_VARIABLE text
  WORKING_DIRECTORY ${folder})
if(status)
  message(FATAL_ERROR "${OUT}: ${AR} failed: ${text}")
endif()
file(RENAME ${OUT}.new ${OUT})
