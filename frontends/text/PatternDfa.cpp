// PatternDfa.cpp - classes of code points, and the automaton that finds what a backtracking engine would find.
//
// A state of the DFA is the list of places in the pattern where a backtracking engine might stand, in the order in
// which it would try them. When a place is the end of the pattern, the places behind it in the list are dropped: the
// engine would never try them. Look-ahead is settled when the next character is known, so a match is noted one
// character late.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/text/Pattern.h"

#include <algorithm>
#include <map>

namespace llmc::text {

using Kind = PatternNode::Kind;

void CodepointClasses::add(const CodepointSet &set) {
  if (std::find(sets.begin(), sets.end(), set) == sets.end())
    sets.push_back(set);
}

void CodepointClasses::add(const PatternNode &node) {
  if (node.kind == Kind::Set || node.kind == Kind::Ahead)
    add(node.set);
  for (const PatternNode &child : node.children)
    add(child);
}

bool CodepointClasses::finish() {
  // Between neighbouring ends of ranges nothing changes; what is in the same sets is one class.
  std::vector<uint32_t> ends = {0};
  for (const CodepointSet &set : sets)
    for (CodepointSet::Range range : set.list()) {
      ends.push_back(range.first);
      if (range.last + 1 < codepointCount)
        ends.push_back(range.last + 1);
    }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::map<std::vector<bool>, uint8_t> numbers;
  std::vector<size_t> next(sets.size(), 0); // the first range of each set that does not end before
  std::vector<bool> inside(sets.size());
  for (uint32_t start : ends) {
    for (size_t i = 0; i < sets.size(); ++i) {
      const std::vector<CodepointSet::Range> &ranges = sets[i].list();
      while (next[i] < ranges.size() && ranges[next[i]].last < start)
        ++next[i];
      inside[i] = next[i] < ranges.size() && ranges[next[i]].first <= start;
    }
    auto [entry, isNew] = numbers.try_emplace(inside, static_cast<uint8_t>(numbers.size()));
    if (isNew)
      representatives.push_back(start);
    if (representatives.size() > 255)
      return false;
    if (list.empty() || list.back().number != entry->second)
      list.push_back({start, entry->second});
  }
  return true;
}

uint8_t CodepointClasses::classOf(uint32_t codepoint) const {
  auto after =
      std::upper_bound(list.begin(), list.end(), codepoint, [](uint32_t value, Run run) { return value < run.first; });
  return std::prev(after)->number;
}

std::vector<bool> CodepointClasses::membersOf(const CodepointSet &set) const {
  std::vector<bool> members(count());
  for (uint32_t number = 0; number < count(); ++number)
    members[number] = set.contains(representatives[number]);
  return members;
}

namespace {

constexpr uint32_t maxStates = 8192;
constexpr size_t maxInstructions = 20000;
constexpr size_t maxWork = 50u << 20; // instructions visited; a second or so

/// The pattern as a program of a backtracking machine.
struct Instruction {
  enum class Op { Take, Ahead, Split, Jump, Match } op;
  std::vector<bool> members; ///< Take, Ahead: by class.
  bool atEnd = false;        ///< Ahead.
  uint32_t first = 0;        ///< Split, Jump: where to go (first).
  uint32_t second = 0;       ///< Split: where to go otherwise.
};

class Compiler {
public:
  explicit Compiler(const CodepointClasses &classes) : classes(classes) {}

  PatternResult<Dfa> compile(const PatternNode &pattern) {
    emit(pattern);
    append(Instruction::Op::Match);
    if (program.size() > maxInstructions)
      return {{}, "the pattern: its repeats make it too large"};
    seen.assign(program.size(), 0);

    uint32_t columns = classes.count() + 1;
    Dfa dfa;
    numbers[{}] = 0;
    lists.push_back({});
    numbers[{0}] = 1;
    lists.push_back({0});
    for (uint32_t state = 0; state < lists.size(); ++state) {
      for (uint32_t column = 0; column < columns; ++column) {
        bool matched = false;
        std::vector<uint32_t> next = step(lists[state], column, matched);
        if (state == 1 && matched)
          return {{}, "the pattern: it matches the empty text"};
        auto [entry, isNew] = numbers.try_emplace(next, static_cast<uint32_t>(lists.size()));
        if (isNew) {
          if (lists.size() == maxStates)
            return {{}, "the pattern: its automaton needs more than 8,192 states"};
          lists.push_back(std::move(next));
        }
        dfa.transitions.push_back(static_cast<uint16_t>(entry->second | (matched ? 0x8000u : 0)));
      }
      if (work > maxWork)
        return {{}, "the pattern: its automaton takes too long to build"};
    }
    dfa.stateCount = static_cast<uint32_t>(lists.size());
    return {std::move(dfa), {}};
  }

private:
  using Op = Instruction::Op;

  uint32_t append(Op op) {
    program.push_back({});
    program.back().op = op;
    return static_cast<uint32_t>(program.size() - 1);
  }
  uint32_t here() const { return static_cast<uint32_t>(program.size()); }

  void emit(const PatternNode &node) {
    if (program.size() > maxInstructions)
      return;
    switch (node.kind) {
    case Kind::Empty:
      return;
    case Kind::Set:
    case Kind::Ahead: {
      uint32_t place = append(node.kind == Kind::Set ? Op::Take : Op::Ahead);
      program[place].members = classes.membersOf(node.set);
      program[place].atEnd = node.atEnd;
      return;
    }
    case Kind::Sequence:
      for (const PatternNode &child : node.children)
        emit(child);
      return;
    case Kind::Alternative: {
      std::vector<uint32_t> ends;
      for (size_t i = 0; i < node.children.size(); ++i) {
        bool last = i + 1 == node.children.size();
        uint32_t split = last ? 0 : append(Op::Split);
        if (!last)
          program[split].first = here();
        emit(node.children[i]);
        if (last)
          break;
        ends.push_back(append(Op::Jump));
        program[split].second = here();
      }
      for (uint32_t end : ends)
        program[end].first = here();
      return;
    }
    case Kind::Repeat:
      emitRepeat(node);
      return;
    }
  }

  void emitRepeat(const PatternNode &node) {
    const PatternNode &child = node.children[0];
    auto choose = [&](uint32_t split, uint32_t more, uint32_t done) {
      program[split].first = node.lazy ? done : more;
      program[split].second = node.lazy ? more : done;
    };
    for (uint32_t i = 0; i < node.least && program.size() <= maxInstructions; ++i)
      emit(child);
    if (node.most == PatternNode::unbounded) {
      uint32_t split = append(Op::Split);
      uint32_t body = here();
      emit(child);
      program[append(Op::Jump)].first = split;
      choose(split, body, here());
      return;
    }
    std::vector<std::pair<uint32_t, uint32_t>> splits;
    for (uint32_t i = node.least; i < node.most && program.size() <= maxInstructions; ++i) {
      uint32_t split = append(Op::Split);
      splits.push_back({split, here()});
      emit(child);
    }
    for (auto [split, body] : splits)
      choose(split, body, here());
  }

  /// The list after reading a character of class `column` (the last column: after finding the end). `matched` tells
  /// that the pattern ended before that character.
  std::vector<uint32_t> step(const std::vector<uint32_t> &list, uint32_t column, bool &matched) {
    bool end = column == classes.count();
    std::vector<uint32_t> next;
    ++round;
    for (uint32_t start : list) {
      pending.assign(1, start);
      while (!pending.empty()) {
        uint32_t place = pending.back();
        pending.pop_back();
        ++work;
        if (seen[place] == round)
          continue;
        seen[place] = round;
        const Instruction &instruction = program[place];
        switch (instruction.op) {
        case Op::Take:
          if (!end && instruction.members[column])
            next.push_back(place + 1);
          break;
        case Op::Ahead:
          if (end ? instruction.atEnd : bool(instruction.members[column]))
            pending.push_back(place + 1);
          break;
        case Op::Jump:
          pending.push_back(instruction.first);
          break;
        case Op::Split:
          pending.push_back(instruction.second);
          pending.push_back(instruction.first);
          break;
        case Op::Match:
          matched = true;
          return next; // what is tried later never counts
        }
      }
    }
    return next;
  }

  const CodepointClasses &classes;
  std::vector<Instruction> program;
  std::map<std::vector<uint32_t>, uint32_t> numbers;
  std::vector<std::vector<uint32_t>> lists;
  std::vector<uint32_t> pending;
  std::vector<uint64_t> seen;
  uint64_t round = 0;
  size_t work = 0;
};

} // namespace

PatternResult<Dfa> compilePattern(const PatternNode &pattern, const CodepointClasses &classes) {
  return Compiler(classes).compile(pattern);
}

} // namespace llmc::text
