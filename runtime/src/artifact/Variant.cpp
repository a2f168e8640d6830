// Variant.cpp - choosing the code for this processor.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/src/artifact/Variant.h"

#include "runtime/src/platform/CpuFeatures.h"

namespace llmc::runtime {

Status chooseVariant(const Artifact &artifact, uint32_t architecture, uint64_t features, uint32_t &variant,
                     Error &error) {
  features &= platform::knownFeatures();
  // The closest one, for the message: the variant of this architecture that lacks the fewest features.
  uint32_t closest = UINT32_MAX;
  int fewest = 65;
  for (uint32_t i = 0; i < artifact.manifest.variants.count; ++i) {
    llmc_variant row = artifact.variant(i);
    if (row.architecture != architecture)
      continue;
    uint64_t missing = row.features & ~features;
    if (!missing) {
      variant = i;
      return LLMC_OK;
    }
    if (__builtin_popcountll(missing) < fewest) {
      fewest = __builtin_popcountll(missing);
      closest = i;
    }
  }
  if (closest == UINT32_MAX)
    return fail(error, LLMC_UNSUPPORTED, "is compiled for %s, this processor is %s",
                platform::architectureName(artifact.variant(0).architecture), platform::architectureName(architecture));
  llmc_variant row = artifact.variant(closest);
  llmc_text_view name = artifact.text(row.name);
  char needs[256], lacks[256], has[256], processor[64];
  platform::featureNames(row.features, needs, sizeof needs);
  platform::featureNames(row.features & ~features, lacks, sizeof lacks);
  platform::featureNames(features, has, sizeof has);
  platform::processorName(processor);
  fail(error, LLMC_UNSUPPORTED, "needs at least variant '%.*s' (%s), this processor%s%s%s has no %s",
       printed(name.size), name.data, needs, *processor ? " (" : "", processor, *processor ? ")" : "", lacks);
  return addNote(error, "the processor has %s; compile for it with --cpu", *has ? has : "none of the known features");
}

} // namespace llmc::runtime
