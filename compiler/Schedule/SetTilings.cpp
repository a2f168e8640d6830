// SetTilings.cpp - let products be worked through as a schedule file says.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Schedule/Passes.h"
#include "compiler/Schedule/Tilings.h"
#include "compiler/Targets/TargetBackend.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>

namespace llmc {
#define GEN_PASS_DEF_SETTILINGSPASS
#include "compiler/Schedule/SchedulePasses.h.inc"
} // namespace llmc

using namespace mlir;
using namespace llmc;
using namespace llmc::kernel;
namespace json = llvm::json;

std::pair<std::string, std::string> llmc::productName(MatmulOp op) {
  std::string weight;
  llvm::raw_string_ostream(weight) << op.getWeight().getType();
  StringRef inside = weight;
  inside.consume_front("!kernel.packed<");
  inside.consume_back(">");
  return {op.isQuantized() ? "i8" : op.isHalved() ? "f16" : "f32", inside.str()};
}

json::Object llmc::tilingJson(const std::pair<std::string, std::string> &product, TilingAttr tiling) {
  json::Object entry{{"rows", product.first}, {"weight", product.second}};
  if (tiling.getPanels())
    entry["panels"] = tiling.getPanels();
  if (tiling.getGroup())
    entry["group"] = tiling.getGroup();
  if (tiling.getAhead() >= 0)
    entry["ahead"] = tiling.getAhead();
  if (tiling.getManyRows())
    entry["many"] = json::Array{tiling.getManyRows(), tiling.getManyPanels()};
  return entry;
}

namespace {

constexpr uint64_t kMostBytes = 1 << 20;
constexpr size_t kMostProducts = 4096;

struct SetTilings : llmc::impl::SetTilingsPassBase<SetTilings> {
  using SetTilingsPassBase::SetTilingsPassBase;

  void runOnOperation() override {
    if (!file.empty() && failed(apply()))
      signalPassFailure();
  }

  InFlightDiagnostic mistake() { return emitError(FileLineColLoc::get(&getContext(), StringRef(file), 0, 0)); }
  InFlightDiagnostic mistake(size_t entry) { return mistake() << "entry " << entry + 1 << " of 'products' "; }

  /// The whole number under `key` of an entry; `absent` without one, nothing when it is anything else.
  std::optional<int64_t> number(const json::Object &entry, StringRef key, int64_t absent) {
    const json::Value *value = entry.get(key);
    return value ? value->getAsInteger() : absent;
  }

  /// The tiling that an entry gives; null after an error.
  TilingAttr read(const json::Object &entry, size_t index) {
    for (const auto &[key, value] : entry)
      if (!llvm::is_contained({"rows", "weight", "panels", "group", "ahead", "many", "microseconds"}, StringRef(key)))
        return mistake(index) << "has the unknown key '" << StringRef(key)
                              << "' (expected rows, weight, panels, group, ahead, many, microseconds)",
               TilingAttr();
    std::optional<int64_t> panels = number(entry, "panels", 0), group = number(entry, "group", 0);
    std::optional<int64_t> ahead = number(entry, "ahead", -1), rows = 0, across = 0;
    if (const json::Value *many = entry.get("many")) {
      const json::Array *pair = many->getAsArray();
      bool isPair = pair && pair->size() == 2;
      rows = isPair ? (*pair)[0].getAsInteger() : std::nullopt;
      across = isPair ? (*pair)[1].getAsInteger() : std::nullopt;
    }
    if (!panels || !group || !ahead || !rows || !across)
      return mistake(index) << "has another value than a whole number in 'panels', 'group' or 'ahead', or than two of "
                               "them in 'many'",
             TilingAttr();
    return TilingAttr::getChecked([&] { return mistake(index) << "is out of range: "; }, &getContext(), *panels, *group,
                                  *ahead, *rows, *across);
  }

  LogicalResult check(MatmulOp op, TilingAttr tiling, size_t index, const TargetBackend &backend) {
    TilingChoices choices = tilingChoices(op, backend);
    if (tiling.getPanels() && !llvm::is_contained(choices.panels, tiling.getPanels()))
      return mistake(index) << "has 'panels' " << tiling.getPanels() << ", for which " << backend.name()
                            << " has no tile of one row (expected "
                            << llvm::join(llvm::map_range(choices.panels, [](int64_t n) { return std::to_string(n); }),
                                          ", ")
                            << ")";
    if (!tiling.getManyRows())
      return success();
    std::vector<std::string> known;
    for (RegisterTile tile : choices.many) {
      if (tile.rows == tiling.getManyRows() && tile.panels == tiling.getManyPanels())
        return success();
      known.push_back("[" + std::to_string(tile.rows) + ", " + std::to_string(tile.panels) + "]");
    }
    return mistake(index) << "has 'many' [" << tiling.getManyRows() << ", " << tiling.getManyPanels()
                          << "], a tile that " << backend.name() << " has not for this product (expected "
                          << (known.empty() ? "none" : llvm::join(known, ", ")) << ")";
  }

  LogicalResult apply() {
    uint64_t size = 0;
    if (std::error_code error = llvm::sys::fs::file_size(file, size))
      return mistake() << "cannot be read: " << error.message();
    if (size > kMostBytes)
      return mistake() << "has " << size << " bytes (expected a schedule of at most " << kMostBytes << ")";
    auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
    if (!buffer)
      return mistake() << "cannot be read: " << buffer.getError().message();
    llvm::Expected<json::Value> parsed = json::parse((*buffer)->getBuffer());
    if (!parsed)
      return mistake() << "is not JSON: " << llvm::toString(parsed.takeError());
    const json::Object *object = parsed->getAsObject();
    if (!object || object->getInteger("llmc_schedule") != 1)
      return mistake() << "is no schedule that this llmc knows (expected an object with \"llmc_schedule\": 1, as llmc "
                          "compile --tune writes it)";
    std::optional<StringRef> variant = object->getString("variant");
    const TargetBackend *backend = variant ? targetBackend(*variant) : nullptr;
    if (!backend)
      return mistake() << "names no processor variant in 'variant' (expected " << llvm::join(targetBackendNames(), ", ")
                       << ")";
    const json::Array *products = object->getArray("products");
    if (!products || products->size() > kMostProducts)
      return mistake() << "has no list of at most " << kMostProducts << " 'products'";

    std::map<std::pair<std::string, std::string>, SmallVector<MatmulOp>> known;
    getOperation().walk([&](MatmulOp op) { known[productName(op)].push_back(op); });
    bool any = false; // a statistic counts nothing in builds without assertions
    for (auto [index, each] : llvm::enumerate(*products)) {
      const json::Object *entry = each.getAsObject();
      std::optional<StringRef> rows = entry ? entry->getString("rows") : std::nullopt;
      std::optional<StringRef> weight = entry ? entry->getString("weight") : std::nullopt;
      if (!rows || !weight)
        return mistake(index) << "names no product in 'rows' and 'weight'";
      TilingAttr tiling = read(*entry, index);
      if (!tiling)
        return failure();
      auto found = known.find({rows->str(), weight->str()});
      if (found == known.end())
        continue;
      for (MatmulOp op : found->second) {
        if (failed(check(op, tiling, index, *backend)))
          return failure();
        Builder b(&getContext());
        op->setAttr(kTilingsAttrName, b.getDictionaryAttr(b.getNamedAttr(backend->name(), tiling)));
        ++numSet;
        any = true;
      }
    }
    if (!any)
      mlir::emitWarning(FileLineColLoc::get(&getContext(), StringRef(file), 0, 0))
          << "tells of no product of this model: it was measured with another model, or other --weights";
    return success();
  }
};

} // namespace
