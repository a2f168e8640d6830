# Writes llmc.spdx (SPDX 2.3, tag-value) and THIRD-PARTY-LICENSES: what llmc and its executables are made of. Run by the build:
#   cmake -DOUT=FOLDER -DVERSION=0.1.0 -P LLMCBillOfMaterials.cmake
#
# Versions are those of the Debian packages on the building machine; the texts are the packages' own copyright files.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
cmake_policy(VERSION 3.25)

# Debian package | SPDX name | licence concluded | what it is linked into: runtime (and so every executable), compiler | how
set(PARTS
  "libc6-dev|glibc|LGPL-2.1-or-later|runtime|STATIC_LINK"
  "libgcc-12-dev|libgcc|GPL-3.0-or-later WITH GCC-exception-3.1|runtime|STATIC_LINK"
  "libstdc++-12-dev|libstdc++|GPL-3.0-or-later WITH GCC-exception-3.1|runtime|STATIC_LINK"
  "libmd-dev|libmd|BSD-3-Clause|runtime|STATIC_LINK"
  "libutf8proc-dev|utf8proc|MIT AND Unicode-DFS-2016|compiler|STATIC_LINK"
  "liblld-22-dev|lld|Apache-2.0 WITH LLVM-exception|compiler|STATIC_LINK"
  "rapidjson-dev|rapidjson|MIT|compiler|STATIC_LINK"
  "libcli11-dev|cli11|BSD-3-Clause|compiler|STATIC_LINK"
  "libmlir-22-dev|mlir|Apache-2.0 WITH LLVM-exception|compiler|DYNAMIC_LINK"
  "llvm-22-dev|llvm|Apache-2.0 WITH LLVM-exception|compiler|DYNAMIC_LINK")
set(OWN "Apache-2.0 WITH LLVM-exception")

if(DEFINED ENV{SOURCE_DATE_EPOCH})
  string(TIMESTAMP created "%Y-%m-%dT%H:%M:%SZ" UTC)
else()
  # The day of the commit, so that the same sources give the same file.
  execute_process(COMMAND git -C ${CMAKE_CURRENT_LIST_DIR} log -1 --format=%cd --date=format-local:%Y-%m-%dT00:00:00Z
    OUTPUT_VARIABLE created OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT created)
    string(TIMESTAMP created "%Y-%m-%dT00:00:00Z" UTC)
  endif()
endif()

set(packages "")
set(relations "")
set(notices "")
foreach(part IN LISTS PARTS)
  string(REPLACE "|" ";" fields "${part}")
  list(GET fields 0 debian)
  list(GET fields 1 name)
  list(GET fields 2 licence)
  list(GET fields 3 into)
  list(GET fields 4 how)
  execute_process(COMMAND dpkg-query -W -f "\${Version}" ${debian} OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE status)
  if(status OR NOT version)
    set(version NOASSERTION)
  endif()
  string(REPLACE "+" "-" id "SPDXRef-${name}")
  string(APPEND packages "
PackageName: ${name}
SPDXID: ${id}
PackageVersion: ${version}
PackageSupplier: Organization: Debian
PackageDownloadLocation: NOASSERTION
FilesAnalyzed: false
PackageLicenseConcluded: ${licence}
PackageLicenseDeclared: ${licence}
PackageCopyrightText: NOASSERTION
")
  if(NOT version STREQUAL NOASSERTION)
    string(REPLACE ":" "%3A" escaped "${version}")
    string(REPLACE "+" "%2B" escaped "${escaped}")
    string(REPLACE "+" "%2B" package "${debian}")
    string(APPEND packages "ExternalRef: PACKAGE-MANAGER purl pkg:deb/debian/${package}@${escaped}\n")
  endif()
  string(APPEND relations "Relationship: SPDXRef-llmc-${into} ${how} ${id}\n")
  set(text "See /usr/share/doc/${debian}/copyright of a Debian system.\n")
  if(EXISTS /usr/share/doc/${debian}/copyright)
    file(READ /usr/share/doc/${debian}/copyright text)
  endif()
  string(APPEND notices "---- ${name} ${version} (${licence}) ----\n\n${text}\n")
endforeach()
foreach(common LGPL-2.1 GPL-3)
  if(EXISTS /usr/share/common-licenses/${common})
    file(READ /usr/share/common-licenses/${common} text)
    string(APPEND notices "---- ${common} ----\n\n${text}\n")
  endif()
endforeach()

function(own id name what)
  string(APPEND packages "
PackageName: ${name}
SPDXID: ${id}
PackageVersion: ${VERSION}
PackageDownloadLocation: NOASSERTION
FilesAnalyzed: false
PackageLicenseConcluded: ${OWN}
PackageLicenseDeclared: ${OWN}
PackageCopyrightText: NOASSERTION
PackageComment: <text>${what}</text>
")
  set(packages "${packages}" PARENT_SCOPE)
endfunction()
own(SPDXRef-llmc llmc "The sources and what is built from them")
own(SPDXRef-llmc-runtime llmc-runtime "The runtime: what every executable that llmc writes begins with, and libllmc.a")
own(SPDXRef-llmc-compiler llmc-compiler "The programs llmc, llmc-opt, llmc-lsp-server and llmc-reduce")

file(MAKE_DIRECTORY ${OUT})
file(WRITE ${OUT}/llmc.spdx "SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: llmc-${VERSION}
DocumentNamespace: https://spdx.org/spdxdocs/llmc-${VERSION}
Creator: Tool: llmc-build-${VERSION}
Created: ${created}
DocumentComment: <text>Executables that llmc writes are the package llmc-runtime with a model behind it: what it links statically is in each of them. The model's own licence is in its container (--licenses).</text>
${packages}
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-llmc
Relationship: SPDXRef-llmc CONTAINS SPDXRef-llmc-runtime
Relationship: SPDXRef-llmc CONTAINS SPDXRef-llmc-compiler
Relationship: SPDXRef-llmc-compiler CONTAINS SPDXRef-llmc-runtime
${relations}")
file(WRITE ${OUT}/THIRD-PARTY-LICENSES "What llmc links, with the terms of each. What is in a compiled model tells `./model --licenses`; which part links what
stands in llmc.spdx.

${notices}")
