// Manifest.cpp - a manifest's tables and texts, laid out one after the other.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Artifact/Manifest.h"

#include "llmc/step_abi.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <cassert>
#include <cstring>

namespace llmc::artifact {

namespace {

/// Appends tables (8-byte aligned) and texts. Rows that refer to other tables are made after those.
class Layout {
public:
  std::string data = std::string(sizeof(llmc_manifest), '\0');

  template <typename Row> llmc_range table(const std::vector<Row> &rows) {
    if (rows.empty())
      return {0, 0};
    data.resize((data.size() + 7) / 8 * 8);
    llmc_range range = {static_cast<uint32_t>(data.size()), static_cast<uint32_t>(rows.size())};
    data.append(reinterpret_cast<const char *>(rows.data()), rows.size() * sizeof(Row));
    return range;
  }

  /// Equal texts are stored once.
  llmc_text text(const std::string &value) {
    auto [entry, added] = texts.try_emplace(value, static_cast<uint32_t>(data.size()));
    if (added)
      data += value;
    return {entry->second, static_cast<uint32_t>(value.size())};
  }

private:
  llvm::StringMap<uint32_t> texts;
};

llmc_range tensors(Layout &layout, const std::vector<Tensor> &list) {
  std::vector<llmc_tensor> rows;
  for (const Tensor &tensor : list) {
    llmc_tensor row = {};
    row.name = layout.text(tensor.name);
    row.element_type = tensor.elementType;
    row.role = tensor.role;
    row.rank = static_cast<uint32_t>(tensor.sizes.size());
    assert(row.rank <= LLMC_MAX_RANK);
    row.row_stride = tensor.rowStride;
    for (size_t i = 0; i < tensor.sizes.size(); ++i)
      row.sizes[i] = tensor.sizes[i].isDim ? LLMC_SIZE_IS_DIM | tensor.sizes[i].value : tensor.sizes[i].value;
    rows.push_back(row);
  }
  return layout.table(rows);
}

llmc_range slots(Layout &layout, const std::vector<Slot> &list) {
  std::vector<llmc_slot> rows;
  for (const Slot &slot : list) {
    std::vector<llmc_size> sizes;
    for (const SizeExpression &expression : slot) {
      std::vector<llmc_size_term> terms;
      for (const SizeTerm &term : expression) {
        llmc_size_term row = {term.coefficient, {LLMC_NO_DIM, LLMC_NO_DIM, LLMC_NO_DIM, LLMC_NO_DIM}};
        assert(term.dims.size() <= 4);
        std::copy(term.dims.begin(), term.dims.end(), row.dims);
        terms.push_back(row);
      }
      sizes.push_back({layout.table(terms)});
    }
    rows.push_back({layout.table(sizes)});
  }
  return layout.table(rows);
}

llmc_range states(Layout &layout, const std::vector<State> &list) {
  std::vector<llmc_state> rows;
  for (const State &state : list) {
    llmc_state row = {};
    row.name = layout.text(state.name);
    row.kind = state.kind;
    row.element_type = state.elementType;
    row.slots = state.slots;
    row.page_tokens = state.pageTokens;
    row.page_bytes = state.pageBytes;
    rows.push_back(row);
  }
  return layout.table(rows);
}

} // namespace

std::string Manifest::bytes() const {
  Layout layout;
  llmc_manifest header = {};
  header.step_abi_version = LLMC_STEP_ABI_VERSION;

  std::vector<llmc_dim> dimRows;
  for (const Dim &dim : dims)
    dimRows.push_back(
        {layout.text(dim.name), static_cast<uint32_t>(dim.kind), 0, dim.minimum, dim.maximum, dim.defaultValue});
  header.dims = layout.table(dimRows);

  std::vector<llmc_entry> entryRows;
  for (const Entry &entry : entries) {
    llmc_entry row = {};
    row.name = layout.text(entry.name);
    row.inputs = tensors(layout, entry.inputs);
    row.outputs = tensors(layout, entry.outputs);
    row.states = states(layout, entry.states);
    row.slots = slots(layout, entry.slots);
    entryRows.push_back(row);
  }
  header.entries = layout.table(entryRows);

  std::vector<llmc_variant> variantRows;
  for (const Variant &variant : variants) {
    assert(variant.entryOffsets.size() == entries.size());
    llmc_variant row = {};
    row.name = layout.text(variant.name);
    row.architecture = variant.architecture;
    row.features = variant.features;
    row.entry_offsets = layout.table(variant.entryOffsets);
    variantRows.push_back(row);
  }
  header.variants = layout.table(variantRows);

  std::vector<llmc_fact> factRows;
  for (const Fact &fact : facts)
    factRows.push_back({layout.text(fact.key), layout.text(fact.value)});
  header.facts = layout.table(factRows);

  std::vector<llmc_weight_info> weightRows;
  for (const WeightInfo &weight : weights)
    weightRows.push_back({layout.text(weight.name), layout.text(weight.format), weight.offset, weight.size});
  header.weights = layout.table(weightRows);

  llmc_generation &row = header.generation;
  row.bos_id = generation.bosId;
  row.pad_id = generation.padId;
  row.eos_ids = layout.table(generation.eosIds);
  row.vocab_size = generation.vocabSize;
  row.do_sample = generation.doSample;
  row.temperature = generation.temperature;
  row.top_p = generation.topP;
  row.min_p = generation.minP;
  row.repetition_penalty = generation.repetitionPenalty;
  row.top_k = generation.topK;
  row.max_position = generation.maxPosition;

  std::vector<llmc_launch> launchRows;
  for (const Launch &launch : launches)
    launchRows.push_back({layout.text(launch.kernel), layout.text(launch.subject), launch.entry, launch.times,
                          launch.layerClass, launch.rows, launch.wantedRows, static_cast<uint32_t>(launch.arithmetic),
                          launch.weightBytes, launch.rowBytes, launch.rowOperations, launch.keyBytes,
                          launch.keyOperations, launch.window});
  header.launches = layout.table(launchRows);

  std::vector<llmc_symbol> symbolRows;
  for (const Symbol &symbol : symbols)
    symbolRows.push_back({layout.text(symbol.name), symbol.variant, symbol.launch, symbol.offset, symbol.size});
  header.symbols = layout.table(symbolRows);

  header.size = static_cast<uint32_t>(layout.data.size());
  std::memcpy(layout.data.data(), &header, sizeof header);
  return std::move(layout.data);
}

} // namespace llmc::artifact
