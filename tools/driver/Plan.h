// Plan.h - `llmc plan`: what a model will need and what it can reach, before there are weights.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_PLAN_H
#define LLMC_TOOLS_DRIVER_PLAN_H

#include "compiler/Pipelines/Pipelines.h"
#include "runtime/src/runner/OptionTable.h"
#include "tools/driver/Messages.h"

#include <map>
#include <optional>
#include <string>

namespace llmc::driver {

/// What a model takes, for the bounds and formats of its options. Bytes are those of packed weights, paddings included.
struct Plan {
  std::string name;
  uint64_t parameters = 0;
  std::map<std::string, uint64_t> weightBytes; ///< by packed format
  uint64_t weightsSection = 0;                 ///< their sum, and what aligns them
  uint64_t arena = 0;                          ///< of one session, a step of `maxStep` tokens
  uint64_t maxStep = 0, context = 0;
  uint64_t cachePerPosition = 0; ///< bytes of the key-value cache, all layers
  uint64_t cachePerSequence = 0; ///< of a full context, in whole pages
  uint64_t decodeBytes = 0;      ///< of weights that a step of one token reads
  double layerOperations = 0;    ///< of a token: two for each multiply-add with a matrix of the layers
  double headOperations = 0;     ///< of a token whose logits are wanted
  double positionOperations = 0; ///< of a token for each position it attends to
};

/// A machine, as far as a prediction needs it.
struct Machine {
  double bandwidth = 0;  ///< bytes a second that can be read from memory
  double operations = 0; ///< f32 operations a second, a multiply-add being two
  unsigned threads = 0;  ///< that measured them; 0: given by the user
};

/// Plans the model of a config.json, a checkpoint or a GGUF file. Nothing when there is a mistake, which was written.
std::optional<Plan> planModel(const std::string &model, const PipelineOptions &options, Messages &messages);

/// Tokens a second of a step of one token behind `position` others, at the machine's limits.
double decodeRate(const Plan &plan, const Machine &machine, uint64_t position);
/// Tokens a second of a prompt of `tokens`, whose last one's logits are wanted, at the machine's limits.
double prefillRate(const Plan &plan, const Machine &machine, uint64_t tokens);

/// The command `plan` as data: what planMain knows.
const runtime::CommandInfo &planCommandInfo();
/// The command line of `plan`: argv[0] is skipped. Returns the exit code.
int planMain(int argc, char **argv);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_PLAN_H
