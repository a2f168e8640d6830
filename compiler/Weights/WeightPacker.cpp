// WeightPacker.cpp - cuts the packing of all weights into blocks and runs them on a few threads.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Weights/WeightPacker.h"

#include "compiler/Weights/PanelledConstant.h"
#include "compiler/Weights/Recipe.h"
#include "dialects/Kernel/IR/Kernel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <variant>
#include <vector>

using namespace mlir;

namespace llmc::weights {

/// Bytes of one call of the sink, about: large enough that system calls do not count, small enough for a second-level
/// cache.
static constexpr int64_t blockBytes = 1 << 20;

uint64_t weightsSectionSize(ModuleOp module) {
  int64_t end = 0;
  for (auto weight : module.getOps<kernel::WeightOp>()) {
    auto type = cast<kernel::PackedType>(weight.getType());
    int64_t copies = weight.getCopies(), offset = weight.getOffset(), stride = weight.getStride();
    end = std::max(end, offset + (copies - 1) * stride + type.getSizeInBytes());
  }
  for (auto constant : module.getOps<kernel::ConstantOp>())
    end = std::max(end, static_cast<int64_t>(constant.getOffset()) + constant.getSizeInBytes());
  return static_cast<uint64_t>(end);
}

/// Constants are what the checkpoint has under their keys, bit for bit.
static LogicalResult checkConstants(ModuleOp module, const TensorIndex &checkpoint) {
  for (auto constant : module.getOps<kernel::ConstantOp>()) {
    const TensorEntry *entry = checkpoint.find({constant.getKey().data(), constant.getKey().size()});
    if (!entry || entry->size != static_cast<uint64_t>(constant.getStoredBytes()))
      return constant.emitError() << "tensor '" << constant.getKey()
                                  << "' is not in the file as it was: import it again";
  }
  return success();
}

/// Streams constants as they are, a block at a time.
static llvm::Error writeConstants(ModuleOp module, const TensorIndex &checkpoint, WeightSink sink) {
  for (auto constant : module.getOps<kernel::ConstantOp>()) {
    if (constant.getColumns())
      continue;
    const TensorEntry *entry = checkpoint.find({constant.getKey().data(), constant.getKey().size()});
    for (uint64_t begin = 0; begin < entry->size; begin += blockBytes) {
      uint64_t size = std::min<uint64_t>(blockBytes, entry->size - begin);
      if (llvm::Error error = sink(constant.getOffset() + begin, {checkpoint.data(*entry) + begin, size}))
        return error;
    }
  }
  return llvm::Error::success();
}

/// Runs `work` on this thread and on up to `numThreads` - 1 more (0: as many as the machine runs), and waits for all.
static void runOnThreads(unsigned numThreads, size_t mostUseful, llvm::function_ref<void()> work) {
  if (numThreads == 0)
    numThreads = std::max(1u, std::thread::hardware_concurrency());
  // Not std::thread: where the system gives no more of them, it ends the process, and fewer do as well.
  std::vector<pthread_t> others;
  auto enter = [](void *other) -> void * {
    (*static_cast<llvm::function_ref<void()> *>(other))();
    return nullptr;
  };
  for (unsigned i = 1; i < std::min<size_t>(numThreads, mostUseful); ++i) {
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, enter, &work) != 0)
      break;
    others.push_back(thread);
  }
  work();
  for (pthread_t thread : others)
    ::pthread_join(thread, nullptr);
}

/// The first check with a bad value reports it, whatever the threads.
static LogicalResult runChecks(const std::vector<ValueCheck> &checks, unsigned numThreads) {
  constexpr int64_t part = 1 << 20; // values
  std::vector<std::pair<size_t, int64_t>> parts;
  for (auto [i, check] : llvm::enumerate(checks))
    for (int64_t begin = 0; begin < check.source->numElements(); begin += part)
      parts.push_back({i, begin});
  std::atomic<size_t> next{0}, bad{parts.size()};
  runOnThreads(numThreads, parts.size(), [&] {
    for (size_t i; (i = next++) < bad.load();) {
      const ValueCheck &check = checks[parts[i].first];
      if (!check.findBad(parts[i].second, std::min(parts[i].second + part, check.source->numElements())))
        continue;
      for (size_t least = bad.load(); i < least && !bad.compare_exchange_weak(least, i);) {
      }
    }
  });
  if (bad == parts.size())
    return success();
  const ValueCheck &check = checks[parts[bad].first];
  return check.refuse(*check.findBad(parts[bad].second, check.source->numElements()));
}

LogicalResult checkWeights(ModuleOp module, const TensorIndex &checkpoint, unsigned numThreads) {
  std::vector<ValueCheck> checks;
  for (auto weight : module.getOps<kernel::WeightOp>()) {
    if (static_cast<int64_t>(weight.getOffset()) < 0)
      return weight.emitError() << "weight '" << weight.getSymName() << "' has no place in the weights section";
    for (int64_t copy = 0, copies = weight.getCopies(); copy < copies; ++copy)
      if (failed(readRecipe(weight, copy, checkpoint, &checks)))
        return failure();
  }
  if (failed(runChecks(checks, numThreads)))
    return failure();
  return checkConstants(module, checkpoint);
}

namespace {

struct Placed {
  std::variant<PackedWeight, PanelledConstant> weight;
  uint64_t offset;

  int64_t numPieces() const {
    return std::visit([](const auto &weight) { return weight.numPieces(); }, weight);
  }
  int64_t pieceBytes() const {
    return std::visit([](const auto &weight) { return weight.pieceBytes(); }, weight);
  }
  void pack(int64_t begin, int64_t end, uint8_t *out, PackScratch &scratch) const {
    if (auto *packed = std::get_if<PackedWeight>(&weight))
      packPieces(*packed, begin, end, out, scratch);
    else
      std::get<PanelledConstant>(weight).pack(begin, end, out);
  }
};
struct Block {
  size_t weight; // index into the placed ones
  int64_t begin, end;
};

} // namespace

llvm::Error packWeights(ModuleOp module, const TensorIndex &checkpoint, WeightSink sink, unsigned numThreads) {
  if (llvm::Error error = writeConstants(module, checkpoint, sink))
    return error;
  std::vector<Placed> placed;
  std::vector<Block> blocks;
  auto add = [&](Placed one) {
    int64_t pieces = one.numPieces(), step = std::max<int64_t>(1, blockBytes / one.pieceBytes());
    for (int64_t begin = 0; begin < pieces; begin += step)
      blocks.push_back({placed.size(), begin, std::min(pieces, begin + step)});
    placed.push_back(std::move(one));
  };
  for (auto weight : module.getOps<kernel::WeightOp>())
    for (int64_t copy = 0, copies = weight.getCopies(); copy < copies; ++copy) {
      FailureOr<PackedWeight> recipe = readRecipe(weight, copy, checkpoint);
      if (failed(recipe))
        return llvm::createStringError("a weight recipe cannot run");
      add({std::move(*recipe), static_cast<uint64_t>(weight.getOffset() + copy * weight.getStride())});
    }
  for (auto constant : module.getOps<kernel::ConstantOp>())
    if (constant.getColumns())
      add({PanelledConstant(constant, checkpoint), constant.getOffset()});

  std::atomic<size_t> next{0};
  std::atomic<bool> stopped{false};
  std::mutex mutex; // of the error
  llvm::Error error = llvm::Error::success();
  auto run = [&] {
    PackScratch scratch;
    std::vector<uint8_t> bytes;
    for (size_t i; !stopped && (i = next++) < blocks.size();) {
      const Placed &from = placed[blocks[i].weight];
      int64_t pieceBytes = from.pieceBytes();
      bytes.resize(static_cast<size_t>((blocks[i].end - blocks[i].begin) * pieceBytes));
      from.pack(blocks[i].begin, blocks[i].end, bytes.data(), scratch);
      if (llvm::Error failed = sink(from.offset + static_cast<uint64_t>(blocks[i].begin * pieceBytes), bytes)) {
        std::lock_guard<std::mutex> lock(mutex);
        error =
            llvm::joinErrors(std::move(error), stopped ? (llvm::consumeError(std::move(failed)), llvm::Error::success())
                                                       : std::move(failed));
        stopped = true;
      }
    }
  };

  runOnThreads(numThreads, blocks.size(), run);
  return error;
}

} // namespace llmc::weights
