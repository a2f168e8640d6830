// Messages.h - how the tools talk to people: mistakes in the agreed form, progress, notes.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef LLMC_TOOLS_DRIVER_MESSAGES_H
#define LLMC_TOOLS_DRIVER_MESSAGES_H

#include "frontends/formats/Diagnostic.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringRef.h"

#include <memory>
#include <string>
#include <system_error>

namespace llmc::driver {

/// Exit codes of every command (the page on the command line).
enum ExitCode : int {
  exitDone = 0,
  exitInput = 1,
  exitUsage = 2,
  exitThreshold = 3,
  exitInternal = 70,
  exitInterrupted = 130
};

/// How messages are written.
struct MessageStyle {
  bool json = false; ///< One JSON object a line.
  bool colours = false;
  /// The form that --diagnostics asked for; colours on a terminal, unless NO_COLOR is set to something.
  static MessageStyle forTerminal();
};

/// Writes messages to stderr. One object for a command; not for use from several threads at once.
class Messages {
public:
  explicit Messages(MessageStyle style) : style(style) {}

  void error(const Diagnostic &mistake) { write("error", mistake); }
  void error(std::string file, std::string message, std::string note = {});
  void warning(const Diagnostic &mistake) { write("warning", mistake); }
  void remark(const Diagnostic &found) { write("remark", found); }
  /// A sentence of its own about what was said last.
  void note(const std::string &text);
  bool sawError() const { return errors > 0; }

  /// Shows what is being done on a terminal, in place of what was shown before; nothing elsewhere.
  void progress(llvm::StringRef text);
  void clearProgress();

private:
  void write(llvm::StringRef severity, const Diagnostic &mistake);
  MessageStyle style;
  unsigned errors = 0;
  bool progressShown = false;
};

/// The system's words for an error, lower case at the front: "no space left on device".
std::string reasonOf(std::error_code error);

/// The diagnostic of MLIR in the project's form: the innermost file location, and the first note as remedy.
Diagnostic fromMLIR(mlir::Diagnostic &diagnostic);

/// Hands MLIR's diagnostics to `messages` while it lives. Of several errors only the first is written: the others
/// follow from it more often than not.
class MessageHandler : public mlir::ScopedDiagnosticHandler {
public:
  MessageHandler(mlir::MLIRContext *context, Messages &messages);
};

/// From here on remarks tell what passes looked for and did not find, and why: attention of a graph that stays a
/// product, a softmax and a product, layers that are not alike. `messages` outlives the context.
void tellMissed(mlir::MLIRContext &context, Messages &messages);

} // namespace llmc::driver

#endif // LLMC_TOOLS_DRIVER_MESSAGES_H
