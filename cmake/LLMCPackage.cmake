# Packages by CPack: `cpack -G TGZ` (one archive a part, each can be unpacked anywhere) and `cpack -G DEB`.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

set(CPACK_PACKAGE_NAME llmc)
set(CPACK_PACKAGE_VENDOR llmc)
set(CPACK_PACKAGE_CONTACT "The llmc authors <llmc@project.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ahead-of-time compiler from trained transformers to native code")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 2)

# The parts: who only builds programs around compiled models takes the runtime and needs no LLVM.
set(CPACK_COMPONENTS_ALL runtime)
if(LLMC_BUILD_COMPILER)
  list(APPEND CPACK_COMPONENTS_ALL compiler)
endif()
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" _system)
set(CPACK_ARCHIVE_RUNTIME_FILE_NAME llmc-runtime-${PROJECT_VERSION}-${_system})
set(CPACK_ARCHIVE_COMPILER_FILE_NAME llmc-compiler-${PROJECT_VERSION}-${_system})
# Both archives unpack into one folder.
set(CPACK_PACKAGE_FILE_NAME llmc-${PROJECT_VERSION}-${_system})
set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX "")
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME llmc-runtime)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "This package runs compiled models and links them into programs in C and C++:
 library, headers, CMake package, prebuilt runtime. It needs no LLVM.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS OFF) # its programs are static
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "llmc, cmake, gcc | clang")
set(CPACK_DEBIAN_COMPILER_PACKAGE_NAME llmc)
set(CPACK_DEBIAN_COMPILER_DESCRIPTION "A checkpoint directory or a GGUF file goes in, one native executable comes out.")
# libMLIR and libLLVM by what the program links; what executables are made of comes from the other package.
set(CPACK_DEBIAN_COMPILER_PACKAGE_SHLIBDEPS ON)
# By name as well: in a folder with a space in its name CPack loses some of what dpkg-shlibdeps found.
set(CPACK_DEBIAN_COMPILER_PACKAGE_DEPENDS
    "llmc-runtime (= ${PROJECT_VERSION}), libllvm${LLVM_VERSION_MAJOR}, libmlir-${LLVM_VERSION_MAJOR}")
include(CPack)
