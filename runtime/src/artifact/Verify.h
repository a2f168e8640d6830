// Verify.h - the full check of an artifact, weights included.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_RUNTIME_ARTIFACT_VERIFY_H
#define LLMC_RUNTIME_ARTIFACT_VERIFY_H

#include "runtime/src/artifact/Artifact.h"

namespace llmc::runtime {

/// Hashes every section of an opened artifact (reads all of it) and checks that the bytes between them are zero.
/// @retval LLMC_INVALID_FILE  names the section whose bytes differ
Status verifyArtifact(const Artifact &artifact, Error &error);

} // namespace llmc::runtime

#endif // LLMC_RUNTIME_ARTIFACT_VERIFY_H
