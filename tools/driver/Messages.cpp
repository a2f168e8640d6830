// Messages.cpp - text and JSON forms of messages.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/driver/Messages.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Remarks.h"
#include "runtime/src/runner/Messages.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <unistd.h>

using namespace mlir;

namespace llmc::driver {

MessageStyle MessageStyle::forTerminal() {
  MessageStyle style;
  const char *noColour = std::getenv("NO_COLOR");
  style.json = runtime::messagesAreJson();
  style.colours = !style.json && isatty(STDERR_FILENO) && !(noColour && *noColour);
  return style;
}

void Messages::error(std::string file, std::string message, std::string note) {
  error(Diagnostic{std::move(file), 0, 0, std::move(message), std::move(note)});
}

void Messages::note(const std::string &text) {
  if (style.json)
    write("note", Diagnostic{"", 0, 0, text, ""});
  else
    llvm::errs() << (style.colours ? "\x1b[1;36mnote: \x1b[0m" : "note: ") << text << "\n";
}

void Messages::progress(llvm::StringRef text) {
  if (style.json || !isatty(STDERR_FILENO))
    return;
  llvm::errs() << "\r\x1b[K" << text;
  progressShown = true;
}

void Messages::clearProgress() {
  if (progressShown)
    llvm::errs() << "\r\x1b[K";
  progressShown = false;
}

void Messages::write(llvm::StringRef severity, const Diagnostic &mistake) {
  clearProgress();
  errors += severity == "error";
  llvm::raw_ostream &out = llvm::errs();
  if (style.json) {
    llvm::json::Object object{{"severity", severity},
                              {"file", llvm::json::fixUTF8(mistake.file)},
                              {"message", llvm::json::fixUTF8(mistake.message)}};
    if (mistake.line)
      object["line"] = mistake.line;
    if (mistake.column)
      object["column"] = mistake.column;
    if (!mistake.note.empty())
      object["note"] = llvm::json::fixUTF8(mistake.note);
    out << llvm::json::Value(std::move(object)) << "\n";
    return;
  }
  const char *bold = style.colours ? "\x1b[1m" : "", *plain = style.colours ? "\x1b[0m" : "";
  const char *colour = !style.colours ? "" : severity == "error" ? "\x1b[1;31m" : "\x1b[1;35m";
  const char *noteColour = style.colours ? "\x1b[1;36m" : "";
  out << bold << mistake.file;
  if (mistake.line) {
    out << ":" << mistake.line;
    if (mistake.column)
      out << ":" << mistake.column;
  }
  out << (mistake.file.empty() ? "" : ": ") << plain << colour << severity << ": " << plain << mistake.message << "\n";
  if (!mistake.note.empty())
    out << noteColour << "note: " << plain << mistake.note << "\n";
}

std::string reasonOf(std::error_code error) {
  std::string reason = error.message();
  if (!reason.empty())
    reason[0] = llvm::toLower(reason[0]);
  return reason;
}

/// The file, line and column that a location leads to, whatever it is wrapped in.
static void findPlace(Location location, Diagnostic &mistake) {
  if (auto file = dyn_cast<FileLineColLoc>(location)) {
    mistake.file = file.getFilename().str();
    mistake.line = file.getLine();
    mistake.column = file.getColumn();
  } else if (auto name = dyn_cast<NameLoc>(location)) {
    findPlace(name.getChildLoc(), mistake);
  } else if (auto call = dyn_cast<CallSiteLoc>(location)) {
    findPlace(call.getCallee(), mistake);
  } else if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      if (mistake.file.empty())
        findPlace(part, mistake);
  }
}

Diagnostic fromMLIR(mlir::Diagnostic &diagnostic) {
  Diagnostic mistake;
  findPlace(diagnostic.getLocation(), mistake);
  mistake.message = diagnostic.str();
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    if (mistake.note.empty())
      mistake.note = note.str();
  return mistake;
}

MessageHandler::MessageHandler(MLIRContext *context, Messages &messages) : ScopedDiagnosticHandler(context) {
  setHandler([&messages](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && !messages.sawError())
      messages.error(fromMLIR(diagnostic));
    else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
      messages.warning(fromMLIR(diagnostic));
    else if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
      messages.remark(fromMLIR(diagnostic));
  });
}

namespace {

struct MissedStreamer : mlir::remark::detail::MLIRRemarkStreamerBase {
  Messages &messages;
  explicit MissedStreamer(Messages &messages) : messages(messages) {}
  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    Diagnostic found;
    findPlace(remark.getLocation(), found);
    for (const auto &part : remark.getArgs())
      found.message += part.val;
    messages.remark(found);
  }
};

} // namespace

void tellMissed(MLIRContext &context, Messages &messages) {
  mlir::remark::RemarkCategories categories;
  categories.missed = "llmc-.*";
  // It fails where the context has an engine already, which ours has not.
  (void)mlir::remark::enableOptimizationRemarks(context, std::make_unique<MissedStreamer>(messages),
                                                std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories);
}

} // namespace llmc::driver
