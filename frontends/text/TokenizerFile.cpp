// TokenizerFile.cpp - tells which kind of tokenizer file a path names, and compiles it.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Tokenizer.h"

#include "frontends/formats/MappedFile.h"
#include "frontends/text/TokenizerFiles.h"

#include <unistd.h>

namespace llmc::text {

const std::vector<std::string> &tokenizerFileNames() {
  static const auto *names = new std::vector<std::string>{
#define TOKENIZER_FILE(name) name,
#include "frontends/text/PublishedNames.def"
  };
  return *names;
}

namespace {

constexpr size_t maxFileBytes = 256u << 20;

/// A file and those that belong to it: in a model's directory, or beside a path.
class Files {
public:
  Files(const ModelDirectory &directory, std::string name) : directory(&directory), name(std::move(name)) {}
  Files(const std::string &path, const std::string &shownAs) {
    size_t slash = path.rfind('/') + 1, shownSlash = shownAs.rfind('/') + 1; // npos + 1 is 0
    name = path.substr(slash);
    folder = path.substr(0, slash);
    shownFolder = shownAs.substr(0, shownSlash);
    shownName = shownAs;
  }

  bool endsWith(std::string_view end) const {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  }
  bool has(const char *other) const {
    return directory ? directory->has(other) : access((folder + other).c_str(), F_OK) == 0;
  }
  /// A path to open.
  Result<std::string> path(const std::string &file) const {
    return directory ? directory->locate(file) : Result<std::string>(folder + file);
  }
  std::string shown(const std::string &file) const {
    if (directory)
      return directory->shown(file);
    return file == name ? shownName : shownFolder + file;
  }
  Result<std::string> read(const std::string &file) const {
    Result<std::string> place = path(file);
    return place ? readFile(*place, shown(file), maxFileBytes) : place;
  }
  Result<TokenizerConfig> config() const {
    constexpr const char *file = "tokenizer_config.json";
    if (!has(file))
      return TokenizerConfig();
    Result<std::string> place = path(file);
    if (!place)
      return place.takeError();
    return readTokenizerConfig(*place, shown(file));
  }

  const ModelDirectory *directory = nullptr;
  std::string name;

private:
  std::string folder, shownFolder, shownName;
};

Result<TokenizerSpec> readVocabularyJson(const json::Document &document, const Files &files) {
  Result<TokenizerConfig> config = files.config();
  if (!config)
    return config.takeError();
  for (const char *name : {"merges.txt", "vocab.bpe"}) { // GPT-2's first files are called otherwise
    if (!files.has(name))
      continue;
    Result<std::string> text = files.read(name);
    if (!text)
      return text.takeError();
    return readVocabularyAndMerges(document, *text, files.shown(name), *config);
  }
  return lineError(files.shown(files.name), 0, "has no merges.txt beside it",
                   "a vocab.json lists tokens; which of them merge stands in merges.txt");
}

Result<TokenizerSpec> readAnyJson(const Files &files) {
  Result<std::string> path = files.path(files.name);
  if (!path)
    return path.takeError();
  Result<json::Document> document = json::Document::read(*path, files.shown(files.name));
  if (!document)
    return document.takeError();
  json::Value root = document->root();
  if (root.find("config") && root.find("config")->isObject() && !root.find("model"))
    return readTekken(*document);
  // Any word may be a token: "model" is one of GPT-2's.
  bool isVocabulary = root.isObject() && root.size() > 0 && root.member(0).isInteger();
  return isVocabulary ? readVocabularyJson(*document, files) : readTokenizerJson(*document);
}

Result<TokenizerSpec> readAny(const Files &files) {
  if (files.endsWith(".json"))
    return readAnyJson(files);
  Result<std::string> bytes = files.read(files.name);
  if (!bytes)
    return bytes.takeError();
  if (!bytes->empty() && bytes->front() == '{') // a file without a telling name may still be JSON
    return readAnyJson(files);
  Result<TokenizerConfig> config = files.config();
  if (!config)
    return config.takeError();
  std::string shown = files.shown(files.name);
  if (files.endsWith(".txt"))
    return readVocabularyList(*bytes, shown, *config);
  if (files.endsWith(".tiktoken") || looksLikeTiktoken(*bytes))
    return readTiktoken(*bytes, shown, *config);
  return readSentencePiece(*bytes, shown, *config);
}

Result<std::string> compiled(Result<TokenizerSpec> spec, const std::string &shown) {
  if (!spec)
    return spec.takeError();
  SectionResult section = writeTokenizerSection(*spec);
  if (!section.mistake.empty())
    return lineError(shown, 0, section.mistake);
  return std::move(section.bytes);
}

} // namespace

Result<TokenizerSpec> readTokenizer(const std::string &path, std::string shownAs) {
  return readAny(Files(path, shownAs.empty() ? path : shownAs));
}

Result<std::string> compileTokenizer(const std::string &path, std::string shownAs) {
  Files files(path, shownAs.empty() ? path : shownAs);
  return compiled(readAny(files), files.shown(files.name));
}

Result<std::string> compileTokenizer(const ModelDirectory &directory, const std::string &name) {
  return compiled(readAny(Files(directory, name)), directory.shown(name));
}

} // namespace llmc::text
