# Writes LicenceTexts.cpp: licence texts of Debian's packages as C strings. Run by the build with -DOUT=.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
function(literal path result)
  if(EXISTS ${path})
    file(READ ${path} text)
  else()
    set(text "See ${path} of a Debian system.\n")
  endif()
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  set(${result} "\"${text}\"" PARENT_SCOPE)
endfunction()

literal(/usr/share/doc/libmd-dev/copyright libmd)
literal(/usr/share/common-licenses/LGPL-2.1 lgpl)
file(WRITE ${OUT} "// Licence texts of linked packages; written by licence_texts.cmake.
namespace llmc::runtime {
extern const char libmdLicence[] =
    ${libmd};
extern const char lgplLicence[] =
    ${lgpl};
} // namespace llmc::runtime
")
