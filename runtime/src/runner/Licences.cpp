// Licences.cpp - the licences of what is linked into the runtime, and of the model's parts.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/runner/Inspect.h"

#include "runtime/src/runner/Output.h"

#include <stdio.h>

namespace llmc::runtime {

/// Texts that the build takes from Debian's packages, embedded in LicenceTexts.cpp of the build folder.
extern const char libmdLicence[];
extern const char lgplLicence[];

static const char ownLicence[] =
    R"(The llmc runtime is licensed under the Apache License 2.0 with LLVM exceptions
(https://llvm.org/LICENSE.txt).

Executables of llmc link statically:

  GNU C Library (glibc)      GNU Lesser General Public License 2.1 or later, below.
                             https://www.gnu.org/software/libc
  GCC support libraries      GNU General Public License 3 with the GCC Runtime Library
                             Exception 3.1, which lets a compiled program carry any licence.
  libmd                      SHA-256; its notices are below. https://www.hadrons.org/software/libmd

The LGPL gives you the right to link the executable anew with another glibc. The runtime's
sources and the commands that link it are part of llmc; a model's container can be taken from an
executable (its last 32 bytes tell where it lies) and run by a runtime built that way.
)";

static void rule(const char *title) { printf("\n---- %s ----\n\n", title); }

bool printLicences(const llmc_model *model) {
  llmc_text_view licences = llmc_model_licences(model);
  if (licences.size) {
    printf("---- the model ----\n\n");
    fwrite(licences.data, 1, licences.size, stdout);
    rule("the runtime");
  }
  fputs(ownLicence, stdout);
  rule("libmd");
  fputs(libmdLicence, stdout);
  rule("GNU Lesser General Public License 2.1");
  fputs(lgplLicence, stdout);
  return flushOutput();
}

} // namespace llmc::runtime
