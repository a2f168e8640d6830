// TextGraph.h - whether a graph is a text decoder: what lies beside it, and which of its inputs and outputs are what.
//
// Not here: the entry that is made of it (ImportText.cpp).
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_FRONTENDS_ONNX_TEXTGRAPH_H
#define LLMC_FRONTENDS_ONNX_TEXTGRAPH_H

#include "frontends/formats/ModelDirectory.h"
#include "frontends/formats/onnx/Onnx.h"
#include "frontends/models/Text.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace llmc::onnx_import {

/// The files of text that belong to a graph: in its folder, or in the one around a folder called `onnx`.
struct FilesBesideGraph {
  ModelDirectory directory;
  models::TextFiles files;
};
/// Of the graph in file `path`. Nothing where neither folder has a tokenizer, config.json or genai_config.json.
Result<std::optional<FilesBesideGraph>> findBesideGraph(const std::string &path);

/// What a text program makes of an input.
enum class TextInput {
  Tokens,      ///< [1, S]: the tokens of a step
  Past,        ///< keys, values or both of P positions
  Mask,        ///< [1, P + S] of ones: nothing is padded
  Positions,   ///< [1, S] or [S]: P, P + 1, ...
  KeptRows,    ///< how many positions get logits: S
  CacheBranch, ///< whether there is a past: true
};

/// A graph whose main inputs are tokens and, as far as there are any, the keys and values of those before.
struct TextGraph {
  struct Pair {
    std::string_view past, present;
    size_t place; ///< the dimension that grows
  };
  std::map<std::string_view, TextInput> inputs;
  std::vector<Pair> pairs; ///< empty: a step reads all tokens of a sequence again
  std::string_view tokens, logits;
  /// The past is for one token at a time: the graph was made by joining one for prompts and one for the rest, and the
  /// second need not hide later tokens of a step from earlier ones.
  bool tokenByToken = false;
};

/// Why a graph that could be expected to be one is no text decoder.
struct TextRefusal {
  std::string reason; ///< empty: nobody would expect it
};

/// Finds out. Mistakes, as a past without its present, are the result's.
Result<std::optional<TextGraph>> describeTextGraph(const onnx::Graph &graph, const std::string &path,
                                                   const std::optional<FilesBesideGraph> &beside, TextRefusal &refusal);

/// Tokenizer, tokens that end a text, how to sample, positions: out of config.json and generation_config.json, else out
/// of genai_config.json. `contextLength` is 0 where no file says it.
Result<models::TextFacts> readTextFacts(const FilesBesideGraph &beside, int64_t vocabSize);

} // namespace llmc::onnx_import

#endif // LLMC_FRONTENDS_ONNX_TEXTGRAPH_H
