// Family.h - what a model family is: a match rule, hyperparameters, and the entry it builds.
//
// To add one: <Family>.cpp with `const Family &get<Family>Family()`, and a line in Families.def.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_MODELS_FAMILY_H
#define LLMC_FRONTENDS_MODELS_FAMILY_H

#include "frontends/formats/config/ConfigReader.h"
#include "frontends/formats/gguf/MetadataReader.h"

#include <memory>
#include <string_view>
#include <vector>

namespace llmc::models {

class EntryBuilder;

/// A GGUF model as families read it.
struct GgufSource {
  gguf::MetadataReader &metadata;
  const TensorIndex &tensors;
};

/// A model whose hyperparameters were read and found good.
class Model {
public:
  virtual ~Model() = default;
  /// Number of token ids, and of logits.
  virtual int64_t getVocabSize() const = 0;
  /// Positions the model was made for.
  virtual int64_t getContextLength() const = 0;
  /// Numbers of one head's key.
  virtual int64_t getHeadDim() const = 0;
  /// Emits the model's entries. Stops early once `builder` holds a mistake.
  virtual void build(EntryBuilder &builder) const = 0;
  /// Tensors that a checkpoint of the family may hold for no use: buffers that are computed.
  virtual bool ignoresTensor(std::string_view key) const = 0;
};

/// A family of models. Stateless; lives as long as the program.
class Family {
public:
  virtual ~Family() = default;
  /// Values of `model_type` that it takes.
  virtual std::vector<std::string_view> getModelTypes() const = 0;
  /// Reads the hyperparameters of a model of one of its types. Mistakes go to the reader; null only with one.
  virtual std::unique_ptr<Model> read(ConfigReader &config, std::string_view modelType) const = 0;
  /// Values of `general.architecture` of GGUF files that it takes.
  virtual std::vector<std::string_view> getGgufArchitectures() const { return {}; }
  /// The same as `read` for one of those: keys begin with the architecture. Mistakes go to `source.metadata`.
  virtual std::unique_ptr<Model> readGguf(const GgufSource &source, std::string_view architecture) const {
    return nullptr;
  }
};

/// All families, in the order of Families.def.
const std::vector<const Family *> &allFamilies();

#define LLMC_FAMILY(name) const Family &get##name##Family();
#include "frontends/models/Families.def"

} // namespace llmc::models

#endif // LLMC_FRONTENDS_MODELS_FAMILY_H
