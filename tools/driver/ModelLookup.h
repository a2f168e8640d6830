// ModelLookup.h - what the MODEL argument of a command names: a directory, or org/name in the local Hugging Face cache.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_MODELLOOKUP_H
#define LLMC_TOOLS_DRIVER_MODELLOOKUP_H

#include "frontends/formats/Diagnostic.h"

#include <string>

namespace llmc::driver {

/// What to open for a MODEL argument: the argument itself when something of that name is there, else the newest
/// snapshot of `org/name` in the cache (HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME or ~/.cache/huggingface/hub). Of a
/// folder that holds GGUF files and no config.json it is the file: the only one, or that of `org/name:PART` with PART
/// in its name. Never the network: when it is absent the note has the command that downloads it.
Result<std::string> findModel(const std::string &argument);

/// A model's name for files and facts: the last part of its directory's path, or `name` of a cached `org/name`.
std::string modelName(const std::string &directory);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_MODELLOOKUP_H
