// Search.cpp - GreedySearch and BeamSearch of com.microsoft: a decoder in a graph of the node, alone or behind an
// encoder, run until its texts end, as nodes of ai.onnx and one Loop.
//
// Texts are rows of tokens, [rows, max_length]; the decoder's pasts grow by a place a turn, which Loop allows. Rows of
// beams stand side by side, and so do the finished texts of each batch, best first.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Expansion.h"
#include "frontends/onnx/GraphImporter.h"

#include "frontends/formats/json/Json.h"
#include "frontends/formats/onnx/Operators.h"

#include <limits>

using namespace mlir;

namespace llmc::onnx_import {

namespace {

/// Bounds of what comes at run time, where nobody gives others.
constexpr int64_t kMostTokens = 256, kMostBeams = 8;
constexpr double kLowest = std::numeric_limits<float>::lowest();

} // namespace

class Search {
public:
  Search(GraphImporter &importer, Node &facts, const onnx::Node &node, const GraphImporter::Scope &scope, int64_t opset,
         const GraphImporter::Call *call)
      : importer(importer), node(node), scope(scope), opset(opset), call(call),
        isBeam(facts.type.ends_with("BeamSearch")),
        e(facts, importer.builder,
          [this](const Node &part, SmallVectorImpl<Value> &made) { return this->importer.emit(part, made); }) {}

  LogicalResult run(SmallVectorImpl<Value> &results);

private:
  /// What turns hand on.
  struct State {
    Value texts;     ///< [rows, max_length]: tokens, and what is behind them
    Value next;      ///< [rows, 1]: the last token
    Value positions; ///< [rows, 1]: of it
    Value done;      ///< [batch, 1], bool
    Value sums;      ///< of beams: [batch, beams], logarithms of probabilities
    Value best;      ///< of beams: [batch, beams, max_length], finished texts
    Value scores;    ///< of beams: [batch, beams], theirs; -inf where there is none
    SmallVector<Value> pasts;

    SmallVector<Value *> all() {
      SmallVector<Value *> list = {&texts, &next, &positions, &done};
      if (sums)
        list.append({&sums, &best, &scores});
      for (Value &past : pasts)
        list.push_back(&past);
      return list;
    }
  };

  LogicalResult check();
  LogicalResult readNumbers();
  LogicalResult checkEncoder();
  /// A graph on inputs, which get the types that it declares; its logits [rows, tokens, words] become scores of what
  /// follows the last token, [rows, words], the others are `more`.
  LogicalResult apply(const onnx::Graph &graph, const GraphImporter::Scope &around, SmallVector<Value> inputs,
                      int64_t rows, Value &scores, SmallVectorImpl<Value> &more);
  /// What stands before the first turn: of a decoder alone the prompt, of one behind an encoder its first token.
  LogicalResult read(Value ids, Value seen, Value positions, State &state, Value &scores);
  LogicalResult encode(Value ids, Value seen, Value start, State &state, Value &scores);
  LogicalResult begin(State &state);
  LogicalResult turn(ValueRange arguments, State state, SmallVectorImpl<Value> &made);
  /// Chooses tokens by the scores [rows, words] of what follows `length` tokens.
  void choose(Value scores, Value length, bool isFirst, State &state);
  void chooseBest(Value scores, Value length, State &state);
  void chooseBeams(Value scores, Value length, State &state);
  Value adjusted(Value scores, Value texts, Value length, bool isFirst);
  /// Whether a text has not ended.
  Value goesOn(const State &state);
  Value withoutRepeats(Value scores, Value texts, Value length);
  /// Finished texts and others, [batch, count, max_length], and their scores: the best of both.
  void keepBest(State &state, Value texts, Value scores, int64_t count);

  //===-- small parts --------------------------------------------------------------------------------------------===//
  RankedTensorType typeOf(Value value) { return e.extents().fromIR(mlir::cast<RankedTensorType>(value.getType())); }
  ArrayRef<int64_t> shapeOf(Value value) { return typeOf(value).getShape(); }
  Value scalar(Value value) { return e.op("Reshape", {value, e.list({})}); }
  /// A size as a number.
  Value sizeNumber(int64_t size) { return e.op("Squeeze", {e.list({size}), e.list({0})}); }
  Value integer(int64_t value, Type type) { return e.number(static_cast<double>(value), type); }
  Value where(Value condition, Value yes, Value no) { return e.op("Where", {condition, yes, no}); }
  Value places(Value data, Value indices, int64_t axis) {
    return e.op("Gather", {data, indices}, {e.set("axis", axis)});
  }
  std::pair<Value, Value> largest(Value data, int64_t count) {
    SmallVector<Value> made = e.ops("TopK", {data, e.list({count})}, {e.set("axis", int64_t(1))}, 2);
    return {made[0], made[1]};
  }
  /// [rows] of a batch of lists: its number times `count` and a place in the list, flat.
  Value flat(Value place, int64_t count, int64_t width) {
    Value begin = e.op("Mul", {e.line(batch, e.i64()), sizeNumber(count)});
    return e.reshape(e.op("Add", {e.reshape(begin, {batch, 1}), place}), {e.extents().mul(batch, width)});
  }
  /// Whether a place is in front of a length, [places].
  Value isBefore(Value places, Value length) { return e.op("Less", {places, length}); }
  /// Each row as often as there are beams.
  Value forBeams(Value x) {
    if (!isBeam)
      return x;
    if (e.hasFailed())
      return {};
    SmallVector<int64_t> wide = {batch, beams}, flat = {rows};
    for (int64_t size : shapeOf(x).drop_front()) {
      wide.push_back(size);
      flat.push_back(size);
    }
    return e.reshape(e.op("Expand", {e.unsqueeze(x, {1}), e.list(wide)}), flat);
  }
  /// The size that an input says: known, or of a name and within bounds; `places` are then [size].
  int64_t sizeOf(unsigned input, int64_t least, int64_t most, Value &places);
  Value optional(unsigned input, Type type) { return e.has(input) ? e.cast(scalar(e.input(input)), type) : Value(); }

  GraphImporter &importer;
  const onnx::Node &node;
  const GraphImporter::Scope &scope;
  int64_t opset;
  const GraphImporter::Call *call;
  bool isBeam;
  Expander e;

  const onnx::Graph *encoder = nullptr, *first = nullptr, *later = nullptr;
  GraphImporter::Scope firstScope, laterScope;
  SmallVector<Value> encoded; ///< what a decoder behind an encoder reads between its tokens and its pasts
  SmallVector<Value> cross;   ///< keys and values of what was encoded
  int64_t batch = 0, prompt = 0, length = 0, beams = 1, rows = 0, wanted = 0, words = 0;
  int64_t eos = 0, pad = 0;
  Value line, beamLine, wantedLine; ///< [max_length], [beams] and [wanted]: 0, 1, ...
  Value mask;                       ///< [rows, max_length]: of the prompt's tokens, 1 behind them
  Value shortest, repetition, penalty, words_, prefixes;
};

int64_t Search::sizeOf(unsigned input, int64_t least, int64_t most, Value &places) {
  if (std::optional<SmallVector<int64_t>> known = e.knownIntegers(input); known && known->size() == 1) {
    int64_t size = std::clamp<int64_t>((*known)[0], least, int64_t(1) << 20);
    places = e.line(size, e.i64());
    return size;
  }
  Value end = e.cast(scalar(e.input(input)), e.i64());
  places = e.counted(end, json::printable(node.inputs[input], 60), least, most);
  return places ? shapeOf(places)[0] : 1;
}

LogicalResult Search::check() {
  auto graphOf = [&](std::string_view name) -> const onnx::Graph * {
    const onnx::Attribute *attribute = node.find(name);
    return attribute && attribute->graphs.size() == 1 ? &attribute->graphs[0] : nullptr;
  };
  later = graphOf("decoder");
  first = graphOf("init_decoder") ? graphOf("init_decoder") : later;
  if (!later)
    return e.error() << "has no graph for its decoder";
  int64_t kind = e.integer("model_type", 0);
  if (kind != 0 && kind != 1)
    return e.error() << "unsupported attribute 'model_type' = " << kind
                     << " (expected 0, a decoder alone, or 1, one behind an encoder)";
  encoder = graphOf("encoder");
  if ((kind == 1) != (encoder != nullptr))
    return e.error() << "attribute 'model_type' = " << kind << (encoder ? " beside" : " without")
                     << " a graph for an encoder";
  if (encoder)
    first = encoder;
  if (encoder ? failed(checkEncoder()) : false)
    return failure();
  for (const onnx::Graph *graph : {first, later})
    if (encoder)
      continue;
    else if (graph->inputs.size() < 4 || graph->inputs.size() != later->inputs.size() ||
             graph->outputs.size() != graph->inputs.size() - 2)
      return e.error() << "its decoder has " << graph->inputs.size() << " inputs and " << graph->outputs.size()
                       << " outputs (expected tokens, positions, a mask and pasts; logits and as many presents)";
  if (e.rankOf(0) != 2)
    return e.error() << "input 0 is " << e.extents().text(e.typeOf(0)) << " (expected [batch, tokens])";
  for (unsigned i = 1; i < e.inputs.size(); ++i) {
    bool isTable = i >= (isBeam ? 7 : 4);
    if (e.has(i) && !isTable && e.extents().product(e.shapeOf(i)) != 1)
      return e.error() << "input " << i << " is " << e.extents().text(e.typeOf(i)) << " (expected one number)";
  }
  if (isBeam && (e.has(10) || e.numOutputs > 2))
    return e.error() << (e.has(10) ? "input 10 ('decoder_input_ids')" : "output 2 ('scores')") << " is not supported";
  if (std::optional<SmallVector<int64_t>> known = e.has(11) ? e.knownIntegers(11) : std::nullopt;
      e.has(11) && !(known && known->size() == 1 && (*known)[0] == 0))
    return e.error() << "input 11 ('logits_processor') is not known to be 0, which is not supported";
  return success();
}

LogicalResult Search::readNumbers() {
  eos = e.integer("eos_token_id", -1);
  pad = e.integer("pad_token_id", -1);
  words = e.integer("vocab_size", -1);
  batch = e.shapeOf(0)[0];
  prompt = encoder ? 1 : e.shapeOf(0)[1];
  length = sizeOf(1, 1, kMostTokens, line);
  wanted = 1;
  if (isBeam) {
    beams = sizeOf(3, 1, kMostBeams, beamLine);
    wanted = sizeOf(4, 1, kMostBeams, wantedLine);
  }
  rows = e.extents().mul(batch, beams);
  shortest = optional(2, e.i64());
  penalty = isBeam ? optional(5, e.f32()) : Value();
  repetition = optional(isBeam ? 6 : 3, e.f32());
  words_ = e.input(isBeam ? 7 : 4);
  prefixes = e.input(isBeam ? 8 : 5);
  if (e.hasFailed())
    return failure();
  // A text that is no longer than its prompt, and more texts than there are beams.
  if (!e.extents().agree(e.extents().most(length, e.extents().add(prompt, 1)), length))
    return e.error() << "input 1 ('max_length') is " << e.extents().text(length) << " (expected more than the prompt's "
                     << e.extents().text(prompt) << ")";
  if (!e.extents().agree(e.extents().most(beams, wanted), beams))
    return e.error() << "input 4 ('num_return_sequences') is " << e.extents().text(wanted)
                     << " (expected no more than the " << e.extents().text(beams) << " beams)";
  return success();
}

LogicalResult Search::checkEncoder() {
  size_t layers = encoder->outputs.size() < 2 ? 0 : (encoder->outputs.size() - 2) / 4;
  if (encoder->inputs.size() != 3 || layers < 1 || encoder->outputs.size() != 2 + 4 * layers)
    return e.error() << "its encoder has " << encoder->inputs.size() << " inputs and " << encoder->outputs.size()
                     << " outputs (expected tokens, a mask and the decoder's first tokens; logits, states, and four "
                        "presents a layer)";
  if (later->inputs.size() < 2 + 4 * layers || later->outputs.size() != 1 + 2 * layers)
    return e.error() << "its decoder has " << later->inputs.size() << " inputs and " << later->outputs.size()
                     << " outputs (expected those of " << layers << " layers)";
  return success();
}

LogicalResult Search::apply(const onnx::Graph &graph, const GraphImporter::Scope &around, SmallVector<Value> inputs,
                            int64_t count, Value &scores, SmallVectorImpl<Value> &more) {
  for (auto [value, declared] : llvm::zip_equal(inputs, graph.inputs)) {
    Type element = elementFromNumber(e.context(), static_cast<int64_t>(declared.type));
    if (!element)
      return e.error() << "input '" << json::printable(declared.name, 60) << "' of its graph has no type";
    value = e.cast(value, element);
  }
  if (e.hasFailed())
    return failure();
  SmallVector<Value> made;
  if (failed(importer.turn(graph, around, inputs, opset, call, made)))
    return failure();
  RankedTensorType logits = typeOf(made[0]);
  if (logits.getRank() != 3 || isOpen(logits.getShape()[2]) || !isa<FloatType>(logits.getElementType()) ||
      !e.extents().agree(logits.getShape()[0], count))
    return e.error() << "its decoder gives " << e.extents().text(logits) << " (expected logits [batch, tokens, words])";
  if (words <= 0)
    words = logits.getShape()[2];
  if (words > logits.getShape()[2])
    return e.error() << "attribute 'vocab_size' = " << words << " is more than the " << logits.getShape()[2]
                     << " words of its decoder";
  Value last = places(made[0], integer(-1, e.i64()), 1);
  if (words < logits.getShape()[2])
    last = e.slice(last, 1, 0, words);
  scores = e.cast(last, e.f32());
  more.assign(made.begin() + 1, made.end());
  return success(!e.hasFailed());
}

Value Search::withoutRepeats(Value scores, Value texts, Value length) {
  int64_t count = e.integer("no_repeat_ngram_size", 0);
  if (count <= 0)
    return scores;
  // At each place: whether the last tokens stand in front of it, and it is not the text's end.
  Value found = e.op("And", {isBefore(line, length), e.op("GreaterOrEqual", {line, integer(count - 1, e.i64())})});
  found = e.reshape(found, {1, this->length});
  for (int64_t k = 1; k < count; ++k) {
    Value behind = integer(k, e.i64());
    Value from = e.op("Max", {e.op("Sub", {line, behind}), integer(0, e.i64())});
    Value at = e.op("Max", {e.op("Sub", {length, behind}), integer(0, e.i64())});
    Value own = e.reshape(places(texts, at, 1), {rows, 1});
    found = e.op("And", {found, e.op("Equal", {places(texts, from, 1), own})});
  }
  // Where nothing is found the token is one that stays.
  Value zeros = e.op("Expand", {integer(0, e.i32()), e.list({rows, words})});
  Value marks = e.cast(e.op("Expand", {found, e.list({rows, this->length})}), e.i32());
  Value banned = e.op("ScatterElements", {zeros, e.cast(texts, e.i64()), marks},
                      {e.set("axis", int64_t(1)), e.set("reduction", StringRef("max"))});
  return where(e.op("Greater", {banned, integer(0, e.i32())}), e.number(kLowest, e.f32()), scores);
}

Value Search::adjusted(Value scores, Value texts, Value length, bool isFirst) {
  if (repetition) {
    // Tokens behind the end stand for the first one.
    Value own = where(isBefore(line, length), texts, e.slice(texts, 1, 0, 1));
    Value zeros = e.op("Expand", {integer(0, e.i32()), e.list({rows, words})});
    Value ones = e.op("Expand", {integer(1, e.i32()), e.list({rows, this->length})});
    Value seen = e.op("ScatterElements", {zeros, e.cast(own, e.i64()), ones}, {e.set("axis", int64_t(1))});
    Value less = where(e.op("Less", {scores, e.number(0, e.f32())}), e.op("Mul", {scores, repetition}),
                       e.op("Div", {scores, repetition}));
    scores = where(e.op("Greater", {seen, integer(0, e.i32())}), less, scores);
  }
  scores = withoutRepeats(scores, texts, length);
  Value lowest = e.number(kLowest, e.f32());
  if (words_)
    scores = where(e.op("Equal", {words_, integer(0, e.i32())}), lowest, scores);
  if (prefixes && isFirst)
    scores = where(e.op("Equal", {forBeams(prefixes), integer(0, e.i32())}), lowest, scores);
  if (shortest && eos >= 0 && eos < words) {
    Value isEnd = e.op("Equal", {e.line(words, e.i64()), integer(eos, e.i64())});
    scores = where(e.op("And", {isEnd, e.op("Less", {length, shortest})}), lowest, scores);
  }
  return scores;
}

void Search::chooseBest(Value scores, Value length, State &state) {
  Value next = e.op("ArgMax", {scores}, {e.set("axis", int64_t(1)), e.set("keepdims", int64_t(1))});
  state.done = e.op("Or", {state.done, e.op("Equal", {next, integer(eos, e.i64())})});
  state.next = where(state.done, integer(pad, e.i32()), e.cast(next, e.i32()));
  state.texts = where(e.op("Equal", {line, length}), state.next, state.texts);
}

void Search::keepBest(State &state, Value texts, Value scores, int64_t count) {
  int64_t all = e.extents().add(beams, count);
  auto [kept, which] = largest(e.concat({state.scores, scores}, 1), beams);
  Value both = e.reshape(e.concat({state.best, texts}, 1), {e.extents().mul(batch, all), length});
  state.best = e.reshape(places(both, flat(which, all, beams), 0), {batch, beams, length});
  state.scores = kept;
}

void Search::chooseBeams(Value scores, Value length, State &state) {
  int64_t twice = e.extents().mul(2, beams);
  Value none = e.number(-std::numeric_limits<double>::infinity(), e.f32());
  Value sums = e.op("Add", {scores, e.reshape(state.sums, {rows, 1})});
  auto [top, index] = largest(e.reshape(sums, {batch, e.extents().mul(beams, words)}), twice);
  Value beam = e.op("Div", {index, integer(words, e.i64())}), token = e.op("Mod", {index, integer(words, e.i64())});
  Value isEnd = e.op("Equal", {token, integer(eos, e.i64())}), going = e.op("Not", {state.done});

  // Texts that end here, in the order of their beams' probabilities; an end beyond the beams is none.
  Value divisor = e.cast(length, e.f32());
  if (penalty)
    divisor = e.op("Pow", {divisor, penalty});
  Value counts = e.op("And", {isEnd, e.op("Less", {e.line(twice, e.i64()), sizeNumber(beams)})});
  Value ended = where(e.op("And", {counts, going}), e.op("Div", {top, divisor}), none);
  Value own = places(state.texts, flat(beam, beams, twice), 0);
  own = where(isBefore(line, length), own, integer(pad, e.i32()));
  keepBest(state, e.reshape(own, {batch, twice, this->length}), ended, twice);

  // Whether any that goes on could come among them.
  Value worst = e.op("ReduceMin", {state.scores, e.list({1})}, {e.set("keepdims", int64_t(1))});
  Value enough = e.op("Greater", {worst, none});
  if (!e.integer("early_stopping", 0)) {
    Value hope = e.op("Div", {e.slice(top, 1, 0, 1), divisor});
    enough = e.op("And", {enough, e.op("Not", {e.op("Less", {worst, hope})})});
  }
  Value done = e.op("Or", {state.done, enough});

  Value next, place;
  std::tie(next, place) = largest(where(isEnd, none, top), beams);
  auto chosen = [&](Value of) { return e.op("GatherElements", {of, place}, {e.set("axis", int64_t(1))}); };
  Value parents = flat(chosen(beam), beams, beams);
  state.sums = where(state.done, e.number(0, e.f32()), next);
  state.next = e.reshape(where(state.done, integer(pad, e.i32()), e.cast(chosen(token), e.i32())), {rows, 1});
  state.texts = where(e.op("Equal", {line, length}), state.next, places(state.texts, parents, 0));
  for (Value &past : state.pasts)
    past = places(past, parents, encoder ? 0 : 1);
  state.done = done;
}

void Search::choose(Value scores, Value length, bool isFirst, State &state) {
  if (isBeam)
    scores = e.op("LogSoftmax", {scores}, {e.set("axis", int64_t(-1))});
  scores = adjusted(scores, state.texts, length, isFirst);
  if (isBeam)
    chooseBeams(scores, length, state);
  else
    chooseBest(scores, length, state);
}

LogicalResult Search::begin(State &state) {
  Value ids = e.input(0), given = e.input(isBeam ? 9 : 6), size = sizeNumber(prompt);
  Value isToken = e.cast(e.op("Not", {e.op("Equal", {ids, integer(pad, e.i32())})}), e.i32());
  // Padding has the place 0, whatever stands before it.
  Value count = e.op("CumSum", {isToken, integer(1, e.i64())});
  Value positions = e.op("Mul", {e.op("Sub", {count, integer(1, e.i32())}), isToken});
  Value tokens = e.op("ReduceSum", {isToken, e.list({1})}, {e.set("keepdims", int64_t(1))});
  // The prompt's columns, and `behind` in the rest.
  auto whole = [&](Value columns, int64_t behind) {
    Value from = e.op("Min", {line, e.op("Sub", {size, integer(1, e.i64())})});
    return forBeams(where(isBefore(line, size), places(columns, from, 1), integer(behind, e.i32())));
  };
  if (e.hasFailed())
    return failure();
  if (given && typeOf(given).getShape() != typeOf(ids).getShape())
    return e.error() << "the mask is " << e.extents().text(typeOf(given)) << " (expected as many as the tokens, "
                     << e.extents().text(typeOf(ids)) << ")";
  // An encoder's text may end with a token that pads elsewhere: what stands in front of all others is padding.
  Value seen = given ? given : encoder ? e.cast(e.op("Greater", {count, integer(0, e.i32())}), e.i32()) : isToken;
  Value start;
  if (encoder)
    start = e.op("Expand", {integer(e.integer("decoder_start_token_id", -1), e.i32()), e.list({batch, 1})});
  else
    mask = whole(seen, 1);
  state.texts = whole(encoder ? start : ids, pad);
  state.positions = forBeams(tokens);
  Value no = e.op("Less", {integer(1, e.i32()), integer(0, e.i32())});
  state.done = e.op("Expand", {no, e.list({batch, 1})});
  if (isBeam) {
    // All beams begin alike: of the first one alone something comes.
    Value isFirst = e.op("Equal", {beamLine, integer(0, e.i64())});
    Value sums = where(isFirst, e.number(0, e.f32()), e.number(-1e9, e.f32()));
    state.sums = e.op("Expand", {sums, e.list({batch, beams})});
    state.best = e.op("Expand", {integer(pad, e.i32()), e.list({batch, beams, length})});
    state.scores =
        e.op("Expand", {e.number(-std::numeric_limits<double>::infinity(), e.f32()), e.list({batch, beams})});
  }
  Value scores;
  if (e.hasFailed() ||
      failed(encoder ? encode(ids, seen, start, state, scores) : read(ids, seen, positions, state, scores)))
    return failure();
  choose(scores, size, /*isFirst=*/true, state);
  return success(!e.hasFailed());
}

LogicalResult Search::read(Value ids, Value seen, Value positions, State &state, Value &scores) {
  SmallVector<Value> inputs = {forBeams(ids), forBeams(positions), forBeams(seen)};
  for (size_t i = 3; i < first->inputs.size(); ++i) {
    const onnx::ValueInfo &input = first->inputs[i];
    Type element = elementFromNumber(e.context(), static_cast<int64_t>(input.type));
    bool fits = element && input.hasShape && input.dims.size() == 5 && input.dims[0].value == 2;
    for (int d : {2, 4})
      fits = fits && input.dims[d].value > 0;
    if (!fits)
      return e.error() << "input '" << json::printable(input.name, 60)
                       << "' of its decoder is no past [2, batch, heads, length, width] of known heads and width";
    inputs.push_back(
        e.op("Expand", {e.number(0, element), e.list({2, rows, input.dims[2].value, 0, input.dims[4].value})}));
  }
  return apply(*first, firstScope, inputs, rows, scores, state.pasts);
}

LogicalResult Search::encode(Value ids, Value seen, Value start, State &state, Value &scores) {
  SmallVector<Value> made;
  if (failed(apply(*encoder, firstScope, {ids, seen, start}, batch, scores, made)))
    return failure();
  scores = forBeams(scores);
  size_t half = (made.size() - 1) / 2;
  for (auto [i, value] : llvm::enumerate(ArrayRef<Value>(made).drop_front()))
    (i < half ? state.pasts : cross).push_back(forBeams(value));
  // Between a decoder's tokens and its pasts: what of the encoder it reads, by name.
  for (size_t i = 1; i + 4 * (half / 2) < later->inputs.size(); ++i) {
    std::string_view name = later->inputs[i].name;
    Value value = name == "encoder_input_ids"        ? ids
                  : name == "encoder_attention_mask" ? seen
                  : name == "encoder_hidden_states"  ? made[0]
                                                     : Value();
    if (!value)
      return e.error() << "input '" << json::printable(name, 60)
                       << "' of its decoder is none of encoder_input_ids, encoder_attention_mask and "
                          "encoder_hidden_states";
    encoded.push_back(forBeams(value));
  }
  return success(!e.hasFailed());
}

LogicalResult Search::turn(ValueRange arguments, State state, SmallVectorImpl<Value> &made) {
  SmallVector<Value *> parts = state.all();
  for (auto [part, argument] : llvm::zip(parts, arguments.drop_front(2)))
    *part = argument;
  Value at = e.op("Add", {arguments[0], sizeNumber(e.extents().add(prompt, 1))});
  SmallVector<Value> inputs = {state.next}, presents;
  if (encoder) {
    inputs.append(encoded);
  } else {
    int64_t total = e.extents().add(shapeOf(state.pasts[0])[3], 1);
    Value from = e.op("Min", {e.line(total, e.i64()), sizeNumber(e.extents().sub(length, 1))});
    inputs.append({state.positions, places(mask, from, 1)});
  }
  inputs.append(state.pasts);
  inputs.append(cross);
  Value scores;
  if (failed(apply(*later, laterScope, inputs, rows, scores, presents)))
    return failure();
  state.pasts = presents;
  state.positions = e.op("Add", {state.positions, integer(1, e.i32())});
  choose(scores, at, /*isFirst=*/false, state);
  if (e.hasFailed())
    return failure();
  made.push_back(goesOn(state));
  for (Value *part : state.all())
    made.push_back(*part);
  return success(!e.hasFailed());
}

Value Search::goesOn(const State &state) {
  Value all = e.op("ReduceMin", {e.cast(state.done, e.i32())}, {e.set("keepdims", int64_t(0))});
  return e.op("Equal", {all, integer(0, e.i32())});
}

LogicalResult Search::run(SmallVectorImpl<Value> &results) {
  if (failed(check()) || failed(readNumbers()))
    return failure();
  firstScope = laterScope = scope;
  if (failed(importer.openBody(*first, e.loc, firstScope)) || failed(importer.openBody(*later, e.loc, laterScope)))
    return failure();
  State state;
  if (failed(begin(state)))
    return failure();
  Node loop(e.loc, e.graph);
  loop.type = "Loop";
  loop.since = onnx::findOperator("Loop", opset)->since;
  loop.settings = importer.builder.getDictionaryAttr({});
  loop.inputs = {sizeNumber(e.extents().sub(length, e.extents().add(prompt, 1))), goesOn(state)};
  if (e.hasFailed())
    return failure();
  for (Value *part : state.all())
    loop.inputs.push_back(*part);
  loop.numOutputs = loop.inputs.size() - 2;
  for (unsigned i = 0; i < loop.numOutputs; ++i)
    loop.outputNames.push_back(e.outputNames[0] + "." + std::to_string(i));
  SmallVector<Value> handed;
  auto write = [&](ValueRange arguments, SmallVectorImpl<Value> &made) { return turn(arguments, state, made); };
  if (failed(importer.loop(loop, write, e.extents().maximum(length), std::nullopt, handed)))
    return failure();
  for (auto [part, value] : llvm::zip(state.all(), handed))
    *part = value;
  if (!isBeam) {
    results.push_back(state.texts);
    return success();
  }
  // What did not end is as long as it may be.
  Value divisor = e.cast(sizeNumber(length), e.f32());
  if (penalty)
    divisor = e.op("Pow", {divisor, penalty});
  Value none = e.number(-std::numeric_limits<double>::infinity(), e.f32());
  Value open = where(state.done, none, e.op("Div", {state.sums, divisor}));
  keepBest(state, e.reshape(state.texts, {batch, beams, length}), open, beams);
  results.push_back(places(state.best, wantedLine, 1));
  results.push_back(places(state.scores, wantedLine, 1));
  results.resize(e.numOutputs);
  return success(!e.hasFailed());
}

LogicalResult GraphImporter::expandSearch(Node &facts, const onnx::Node &node, Scope &scope, int64_t opset,
                                          const Call *call) {
  facts.takesOpen = true;
  SmallVector<Value> results;
  if (failed(Search(*this, facts, node, scope, opset, call).run(results)))
    return failure();
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      scope[node.outputs[i]] = results[i];
  return success();
}

} // namespace llmc::onnx_import
