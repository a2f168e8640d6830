// ArtifactTrace.cpp - looks into a step of a compiled model: what its launches leave in their buffers.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/ArtifactTrace.h"

#include "runtime/src/session/Session.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace llmc::driver {

static constexpr StringLiteral numberPrefix = "llmc.op:";

std::vector<Operation *> numberOps(func::FuncOp entry) {
  std::vector<Operation *> ops;
  entry.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op->getNumResults() == 0 || op->getName().getStringRef().starts_with("transformer.weight"))
      return;
    auto name = StringAttr::get(op->getContext(), numberPrefix + Twine(ops.size()));
    op->setLoc(NameLoc::get(name, op->getLoc()));
    ops.push_back(op);
  });
  return ops;
}

SmallVector<unsigned> opNumbers(Location location) {
  SmallVector<unsigned> numbers;
  location->walk([&](Location part) {
    unsigned number;
    if (auto named = dyn_cast<NameLoc>(part))
      if (StringRef name = named.getName().getValue();
          name.consume_front(numberPrefix) && !name.getAsInteger(10, number))
        numbers.push_back(number);
    return WalkResult::advance();
  });
  llvm::sort(numbers);
  numbers.erase(llvm::unique(numbers), numbers.end());
  return numbers;
}

namespace {

/// The buffer that a launch writes; null for launches whose output is no value of the program before lowering.
Value outputOf(Operation *op) {
  // A copy that planning put in.
  if (auto elementwise = dyn_cast<kernel::ElementwiseOp>(op))
    if (Block &body = elementwise.getBody().front(); &body.front() == body.getTerminator())
      return {};
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<kernel::EmbedOp, kernel::RMSNormOp, kernel::MatmulOp, kernel::RopeOp, kernel::AttentionOp,
            kernel::GatherRowsOp, kernel::ElementwiseOp>(
          [](auto launch) { return launch.getOuts().empty() ? Value() : Value(launch.getOuts().front()); })
      .Default(Value());
}

struct Launch {
  SmallVector<unsigned> ops;
  int64_t layer, member;
  Value buffer; ///< that it writes, or that it reads
};

/// Launches between two barriers, as they run.
struct Segment {
  std::vector<Launch> outputs, inputs;
};

class Tracer {
public:
  /// Either sink may be null.
  Tracer(kernel::ProgramOp program, ValueSink outputs, ValueSink inputs)
      : program(program), outputs(outputs), inputs(inputs) {
    walk(program.getBody().front());
  }

  /// Watches a session's next step.
  void watch(llmc_session &watched) {
    session = &watched;
    watched.context.barrier = [](void *self, uint32_t) { static_cast<Tracer *>(self)->barrier(); };
    watched.context.team = this;
    next = 0;
  }
  /// What came after the last barrier. False when the code ran other barriers than the program has.
  bool finish() {
    barrier();
    return next == segments.size();
  }

private:
  kernel::ProgramOp program;
  ValueSink outputs, inputs;
  llmc_session *session = nullptr;
  std::vector<Segment> segments = {{}};
  size_t next = 0;
  int64_t layersRun = 0;

  void walk(Block &block, int64_t layer = -1, int64_t member = 0) {
    for (Operation &op : block) {
      if (isa<kernel::BarrierOp>(op)) {
        segments.emplace_back();
      } else if (auto layers = dyn_cast<kernel::LayersOp>(op)) {
        SmallVector<int64_t> members(layers.getBodies().size());
        for (int64_t layerClass : layers.getClasses()) {
          int64_t number = layersRun++;
          walk(layers.getBodies()[layerClass].front(), number, members[layerClass]++);
        }
      } else if (Value output = outputOf(&op)) {
        Segment &segment = segments.back();
        // What is overwritten before anybody can look.
        llvm::erase_if(segment.outputs, [&](const Launch &earlier) { return overlap(earlier.buffer, output); });
        segment.outputs.push_back({opNumbers(op.getLoc()), layer, member, output});
        // All of a row goes into each of its products: what makes it is behind a barrier.
        if (auto matmul = dyn_cast<kernel::MatmulOp>(op); matmul && !matmul.isQuantized() && !matmul.isHalved())
          segment.inputs.push_back({opNumbers(op.getLoc()), layer, member, matmul.getX()});
      }
    }
  }

  /// The memory a buffer lies in: an arena slot, or (negative) an argument of the program.
  static int64_t memoryOf(Value buffer) {
    while (auto columns = buffer.getDefiningOp<kernel::ColumnsOp>())
      buffer = columns.getX();
    if (auto slot = buffer.getDefiningOp<kernel::BufferOp>())
      return static_cast<int64_t>(slot.getSlot());
    return -1 - static_cast<int64_t>(cast<BlockArgument>(buffer).getArgNumber());
  }

  static bool overlap(Value a, Value b) {
    if (memoryOf(a) != memoryOf(b))
      return false;
    auto first = cast<MemRefType>(a.getType()), second = cast<MemRefType>(b.getType());
    if (kernel::rowStride(first) != kernel::rowStride(second))
      return true;
    int64_t from = kernel::columnOffset(first), other = kernel::columnOffset(second);
    return from < other + second.getDimSize(1) && other < from + first.getDimSize(1);
  }

  void barrier() {
    if (next < segments.size())
      for (const Launch &launch : segments[next].outputs)
        show(launch, outputs);
    ++next;
    if (next < segments.size())
      for (const Launch &launch : segments[next].inputs)
        show(launch, inputs);
  }

  void show(const Launch &launch, ValueSink sink) {
    if (!sink)
      return;
    auto type = cast<MemRefType>(launch.buffer.getType());
    int64_t memory = memoryOf(launch.buffer);
    const float *base = nullptr;
    if (memory >= 0) {
      if (static_cast<uint64_t>(memory) >= session->entry.slots.count)
        return;
      base = reinterpret_cast<const float *>(session->arena + session->slotOffsets[memory]);
    } else {
      auto argument = static_cast<uint64_t>(-1 - memory), inputs = static_cast<uint64_t>(program.getNumInputs());
      if (argument < inputs || argument - inputs >= session->entry.outputs.count)
        return;
      base = static_cast<const float *>(session->outputs[argument - inputs]);
    }
    ObservedValue value;
    value.ops = launch.ops;
    value.layer = launch.layer;
    value.member = launch.member;
    value.rows = rows;
    value.columns = type.getDimSize(1);
    value.rowStride = kernel::rowStride(type);
    value.data = base + kernel::columnOffset(type);
    sink(value);
  }

public:
  int64_t rows = 0; ///< Of every buffer: all rows are wanted.
};

/// A session of one thread, all of whose rows are wanted.
class WatchedSession {
public:
  WatchedSession() = default;
  WatchedSession(const WatchedSession &) = delete;
  ~WatchedSession() { llmc_session_close(session); }

  llmc_status open(const llmc_model &model, uint32_t rows, llmc_error &error) {
    llmc_session_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = 1;
    options.max_rows_per_step = rows;
    return llmc_session_open(&model, &options, &session, &error);
  }
  llmc_status step(Tracer &tracer, ArrayRef<int32_t> tokens, llmc_error &error) {
    auto count = static_cast<uint32_t>(tokens.size());
    tracer.rows = count;
    tracer.watch(*session);
    llmc_step_input input = {0, count, tokens.data(), count};
    llmc_logits logits;
    llmc_status status = llmc_step(session, &input, 1, &logits, &error);
    if (!status && !tracer.finish())
      return runtime::fail(error, LLMC_INVALID_FILE, "its code runs other steps than the model's program has");
    return status;
  }

  llmc_session *session = nullptr;
};

} // namespace

llmc_status traceStep(const llmc_model &model, kernel::ProgramOp program, ArrayRef<int32_t> tokens, ValueSink sink,
                      llmc_error &error) {
  auto count = static_cast<uint32_t>(tokens.size());
  WatchedSession session;
  if (llmc_status status = session.open(model, count, error))
    return status;
  Tracer tracer(program, sink, nullptr);
  return session.step(tracer, tokens, error);
}

llmc_status traceInputs(const llmc_model &model, kernel::ProgramOp program, ArrayRef<int32_t> tokens, uint32_t window,
                        ValueSink sink, llvm::function_ref<bool(uint64_t done)> progress, llmc_error &error) {
  uint32_t most = window;
  llmc_dim_info dim;
  for (uint32_t i = 0; llmc_model_dim(&model, i, &dim) == LLMC_OK; ++i)
    if (dim.kind == LLMC_DIM_TOKENS)
      most = static_cast<uint32_t>(std::min<uint64_t>(most, dim.maximum));
  WatchedSession session;
  if (llmc_status status = session.open(model, most, error))
    return status;
  Tracer tracer(program, nullptr, sink);
  uint64_t done = 0;
  for (ArrayRef<int32_t> left = tokens; !left.empty(); left = left.drop_front(std::min<size_t>(window, left.size()))) {
    if (llmc_status status = llmc_sequence_truncate(session.session, 0, 0, &error))
      return status;
    for (ArrayRef<int32_t> piece = left.take_front(window); !piece.empty();
         piece = piece.drop_front(std::min<size_t>(most, piece.size())))
      if (llmc_status status = session.step(tracer, piece.take_front(most), error))
        return status;
    if (!progress(++done))
      return runtime::fail(error, LLMC_CANCELLED, "interrupted");
  }
  return LLMC_OK;
}

} // namespace llmc::driver
