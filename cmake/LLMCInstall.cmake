# What `cmake --install` puts where, in two parts:
#   runtime   library, headers, CMake package, prebuilt runtime, llmc-run, examples; needs no LLVM
#   compiler  llmc and the tools of compiler engineers; needs LLVM's and MLIR's shared libraries
# Everything finds everything else relative to itself, so that an installed tree can be moved.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "Libraries; a static one and files of any machine, so not by architecture")
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/llmc)

install(PROGRAMS $<TARGET_FILE:llmc-runtime> DESTINATION ${CMAKE_INSTALL_LIBDIR}/llmc COMPONENT runtime)
install(TARGETS llmc-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(FILES ${LLMC_EMBED_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
foreach(_header llmc.h llmc.hpp generate.h chat.h artifact_format.h step_abi.h template_format.h tokenizer_format.h)
  install(FILES ${PROJECT_SOURCE_DIR}/runtime/include/llmc/${_header}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/llmc COMPONENT runtime)
endforeach()

set(INCLUDE_DIR ${CMAKE_INSTALL_INCLUDEDIR})
set(LIB_DIR ${CMAKE_INSTALL_LIBDIR})
set(BIN_DIR ${CMAKE_INSTALL_BINDIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/package/llmcConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/llmcConfig.cmake INSTALL_DESTINATION ${_package} PATH_VARS INCLUDE_DIR LIB_DIR BIN_DIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# A minor version of the C API only adds.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/llmcConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/llmcConfig.cmake ${PROJECT_BINARY_DIR}/package/llmcConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/package/LLMCAddModel.cmake
        DESTINATION ${_package} COMPONENT runtime)

set(_papers ${PROJECT_BINARY_DIR}/package/llmc.spdx ${PROJECT_BINARY_DIR}/package/THIRD-PARTY-LICENSES)
add_custom_command(OUTPUT ${_papers}
  COMMAND ${CMAKE_COMMAND} -DOUT=${PROJECT_BINARY_DIR}/package -DVERSION=${PROJECT_VERSION}
          -P ${PROJECT_SOURCE_DIR}/cmake/LLMCBillOfMaterials.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/LLMCBillOfMaterials.cmake COMMENT "Bill of materials" VERBATIM)
add_custom_target(llmc-papers ALL DEPENDS ${_papers})
# Debian wants each package's terms under the package's name.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/llmc-runtime RENAME copyright
        COMPONENT runtime)
if(LLMC_BUILD_COMPILER)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/llmc RENAME copyright
          COMPONENT compiler)
endif()
install(FILES ${_papers} DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/llmc-runtime COMPONENT runtime)
foreach(_example CMakeLists.txt answer.c answer.cpp)
  install(FILES ${PROJECT_SOURCE_DIR}/docs/examples/embed/${_example}
          DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/llmc-runtime/examples/embed COMPONENT runtime)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/docs/examples/generate.c DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/llmc-runtime/examples
        COMPONENT runtime)

if(LLMC_BUILD_COMPILER)
  # Debian keeps MLIR's library outside the linker's path.
  set_target_properties(llmc llmc-opt llmc-lsp-server llmc-reduce PROPERTIES INSTALL_RPATH ${LLVM_LIBRARY_DIRS})
  install(TARGETS llmc llmc-opt llmc-lsp-server llmc-reduce RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
          COMPONENT compiler)
  # Manual pages and completions are written by the program that they are about.
  set(_pages ${PROJECT_BINARY_DIR}/package/share)
  add_custom_command(OUTPUT ${_pages}/written
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${_pages}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${_pages}/bash-completion/completions ${_pages}/zsh/site-functions
            ${_pages}/fish/vendor_completions.d
    COMMAND llmc manual ${_pages}/man/man1
    COMMAND llmc completion bash > ${_pages}/bash-completion/completions/llmc
    COMMAND llmc completion zsh > ${_pages}/zsh/site-functions/_llmc
    COMMAND llmc completion fish > ${_pages}/fish/vendor_completions.d/llmc.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${_pages}/written
    DEPENDS llmc COMMENT "Manual pages and completions" VERBATIM)
  add_custom_target(llmc-pages ALL DEPENDS ${_pages}/written)
  install(DIRECTORY ${_pages}/ DESTINATION ${CMAKE_INSTALL_DATAROOTDIR} COMPONENT compiler PATTERN written EXCLUDE)
endif()

include(LLMCPackage)
