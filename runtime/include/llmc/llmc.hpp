/* llmc.hpp - the C API for C++17: objects that free themselves, errors as values. Header-only.
 *
 *     llmc::Result<llmc::Model> model = llmc::Model::open("smol.llmc");
 *     if (!model)
 *       return std::fprintf(stderr, "smol.llmc: error: %s\n", model.error().text().c_str()), 1;
 *     llmc::Result<llmc::Session> session = llmc::Session::open(*model);
 *
 * Errors: what can fail returns a Result, a value or an Error, and throws nothing itself; memory that the standard
 * library is refused throws std::bad_alloc as it always does. Works with -fno-exceptions and -fno-rtti. `value()` is
 * for programs that want exceptions: it throws llmc::Exception in place of an error, or ends the program by std::abort
 * where exceptions are off.
 *
 * Ownership: each object is move-only and frees what it holds. A session borrows its model and a generator its session:
 * destroy them in the other order of their making, as locals do by themselves; moving the borrowed object is allowed.
 * Threads, units and the meaning of each call are those of llmc.h, generate.h and chat.h.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef LLMC_LLMC_HPP
#define LLMC_LLMC_HPP

#include "llmc/chat.h"
#include "llmc/generate.h"
#include "llmc/llmc.h"

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace llmc {

/// What went wrong; texts as in llmc_error.
struct Error {
  llmc_status status = LLMC_OK;
  std::string message;
  std::string note; ///< what helps; may be empty

  Error() = default;
  explicit Error(const llmc_error &error) : status(error.status), message(error.message), note(error.note) {}
  /// For people: the message, and the note behind it.
  std::string text() const { return note.empty() ? message : message + " (" + note + ")"; }
};

#if defined(__cpp_exceptions)
/// What Result::value throws.
class Exception : public std::exception {
public:
  explicit Exception(Error error) : mistake(std::move(error)), whole(mistake.text()) {}
  const char *what() const noexcept override { return whole.c_str(); }
  const Error &error() const noexcept { return mistake; }

private:
  Error mistake;
  std::string whole;
};
#endif

/// A value or an error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : content(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return content.index() == 0; }
  /// Only where there is a value.
  T &operator*() & noexcept { return *std::get_if<0>(&content); }
  const T &operator*() const & noexcept { return *std::get_if<0>(&content); }
  T &&operator*() && noexcept { return std::move(*std::get_if<0>(&content)); }
  T *operator->() noexcept { return std::get_if<0>(&content); }
  const T *operator->() const noexcept { return std::get_if<0>(&content); }
  /// Only where there is none.
  const Error &error() const noexcept { return *std::get_if<1>(&content); }

  /// The value; without one throws Exception, or aborts where exceptions are off.
  T &value() & {
    check();
    return **this;
  }
  T value() && {
    check();
    return std::move(**this);
  }

private:
  void check() const {
    if (*this)
      return;
#if defined(__cpp_exceptions)
    throw Exception(error());
#else
    std::abort();
#endif
  }
  std::variant<T, Error> content;
};

/// The result of what gives nothing but may fail.
struct Done {};

namespace detail {
template <auto function> struct Close {
  template <typename T> void operator()(T *object) const noexcept { function(object); }
};
inline llmc_text_view view(std::string_view text) { return {text.data(), text.size()}; }
/// Calls `write(room, capacity, &size)` with the room that it asks for.
template <typename Container, typename Write>
Result<Container> filled(Container room, Write write, const llmc_error &error) {
  for (;;) {
    size_t size = 0;
    if (write(room.data(), room.size(), &size) != LLMC_OK)
      return Error(error);
    bool fits = size <= room.size();
    room.resize(size);
    if (fits)
      return room;
  }
}
} // namespace detail

/// A message of a conversation.
struct Message {
  std::string role, content;
};

/// An opened model.
class Model {
public:
  static Result<Model> open(const std::string &path, llmc_model_options options = {}) {
    Model model;
    llmc_error error;
    llmc_model *opened;
    options.struct_size = sizeof options;
    if (llmc_model_open_with(path.c_str(), &options, &opened, &error) != LLMC_OK)
      return Error(error);
    model.handle.reset(opened);
    return model;
  }
  /// A container in memory that outlives the model; aligned to 64 bytes.
  static Result<Model> openMemory(const void *data, size_t size) {
    Model model;
    llmc_error error;
    llmc_model *opened;
    if (llmc_model_open_memory(data, size, &opened, &error) != LLMC_OK)
      return Error(error);
    model.handle.reset(opened);
    return model;
  }
  /// A model that llmc_add_model linked into the program.
  static Result<Model> open(const llmc_embedded_model &embedded) { return openMemory(embedded.data, embedded.size); }

  llmc_model *get() const noexcept { return handle.get(); }

  llmc_model_info info() const {
    llmc_model_info facts = {};
    facts.struct_size = sizeof facts;
    llmc_model_get_info(get(), &facts);
    return facts;
  }
  Result<Done> verify() const {
    llmc_error error;
    if (llmc_model_verify(get(), &error) != LLMC_OK)
      return Error(error);
    return Done();
  }
  std::string_view licences() const {
    llmc_text_view text = llmc_model_licences(get());
    return {text.data, text.size};
  }
  Result<std::vector<int32_t>> tokenize(std::string_view text, bool addSpecial = true,
                                        bool parseSpecial = false) const {
    llmc_error error;
    return detail::filled(
        std::vector<int32_t>(text.size() + 8),
        [&](int32_t *ids, size_t room, size_t *count) {
          return llmc_tokenize(get(), text.data(), text.size(), addSpecial, parseSpecial, ids, room, count, &error);
        },
        error);
  }
  Result<std::string> detokenize(const std::vector<int32_t> &ids, bool skipSpecial = true) const {
    llmc_error error;
    return detail::filled(
        std::string(ids.size() * 8, '\0'),
        [&](char *text, size_t room, size_t *size) {
          return llmc_detokenize(get(), ids.data(), ids.size(), skipSpecial, text, room, size, &error);
        },
        error);
  }
  /// Writes a conversation down as the model's chat template does.
  Result<std::string> renderChat(const std::vector<Message> &messages, bool addGenerationPrompt = true) const {
    std::vector<llmc_chat_message> parts(messages.size());
    for (size_t i = 0; i < messages.size(); ++i) {
      parts[i] = {};
      parts[i].role = detail::view(messages[i].role);
      parts[i].content = detail::view(messages[i].content);
    }
    llmc_chat chat = {};
    chat.struct_size = sizeof chat;
    chat.messages = parts.data();
    chat.num_messages = parts.size();
    chat.add_generation_prompt = addGenerationPrompt;
    return renderChat(chat);
  }
  Result<std::string> renderChat(const llmc_chat &chat) const {
    llmc_error error;
    return detail::filled(
        std::string(1024, '\0'),
        [&](char *text, size_t room, size_t *size) { return llmc_chat_render(get(), &chat, text, room, size, &error); },
        error);
  }
  llmc_generate_options generateDefaults() const {
    llmc_generate_options options;
    llmc_generate_defaults(get(), &options);
    return options;
  }

private:
  std::unique_ptr<llmc_model, detail::Close<llmc_model_close>> handle;
};

/// Runs steps of a model.
class Session {
public:
  /// `options.struct_size` is filled in.
  static Result<Session> open(const Model &model, llmc_session_options options = {}) {
    Session session;
    llmc_error error;
    llmc_session *opened;
    options.struct_size = sizeof options;
    if (llmc_session_open(model.get(), &options, &opened, &error) != LLMC_OK)
      return Error(error);
    session.handle.reset(opened);
    return session;
  }
  llmc_session *get() const noexcept { return handle.get(); }

  llmc_session_info info() const {
    llmc_session_info facts = {};
    facts.struct_size = sizeof facts;
    llmc_session_get_info(get(), &facts);
    return facts;
  }
  /// The logits lie in the session: valid until its next step.
  Result<llmc_logits> step(const llmc_step_input *inputs, uint32_t count) {
    llmc_error error;
    llmc_logits logits = {};
    if (llmc_step(get(), inputs, count, &logits, &error) != LLMC_OK)
      return Error(error);
    return logits;
  }
  Result<llmc_logits> step(std::initializer_list<llmc_step_input> inputs) {
    return step(inputs.begin(), static_cast<uint32_t>(inputs.size()));
  }
  /// A prompt of any length; the logits are its last token's.
  Result<llmc_logits> prefill(uint32_t sequence, const std::vector<int32_t> &tokens) {
    llmc_error error;
    llmc_logits logits = {};
    if (llmc_prefill(get(), sequence, tokens.data(), static_cast<uint32_t>(tokens.size()), &logits, &error) != LLMC_OK)
      return Error(error);
    return logits;
  }
  uint32_t length(uint32_t sequence) const noexcept { return llmc_sequence_length(get(), sequence); }
  Result<Done> truncate(uint32_t sequence, uint32_t length) {
    llmc_error error;
    if (llmc_sequence_truncate(get(), sequence, length, &error) != LLMC_OK)
      return Error(error);
    return Done();
  }

private:
  std::unique_ptr<llmc_session, detail::Close<llmc_session_close>> handle;
};

/// Generates text in a session.
class Generator {
public:
  static Result<Generator> open(const Session &session) {
    Generator generator;
    llmc_error error;
    llmc_generator *opened;
    if (llmc_generator_open(session.get(), &opened, &error) != LLMC_OK)
      return Error(error);
    generator.handle.reset(opened);
    return generator;
  }
  llmc_generator *get() const noexcept { return handle.get(); }

  /// Calls `onPiece(const llmc_piece &)` for each piece; false from it ends generation. Takes the place of on_piece and
  /// user in `options`. It must not throw.
  template <typename OnPiece>
  Result<llmc_generate_result> generate(const std::vector<int32_t> &prompt, llmc_generate_options options,
                                        OnPiece &&onPiece) {
    using Function = std::remove_reference_t<OnPiece>;
    options.user = const_cast<void *>(static_cast<const void *>(std::addressof(onPiece)));
    options.on_piece = [](void *user, const llmc_piece *piece) -> int {
      return (*static_cast<Function *>(user))(*piece) ? 0 : 1;
    };
    return generate(prompt, options);
  }
  Result<llmc_generate_result> generate(const std::vector<int32_t> &prompt, const llmc_generate_options &options) {
    llmc_error error;
    llmc_generate_result result = {};
    result.struct_size = sizeof result;
    if (llmc_generate(get(), prompt.data(), static_cast<uint32_t>(prompt.size()), &options, &result, &error) != LLMC_OK)
      return Error(error);
    return result;
  }

private:
  std::unique_ptr<llmc_generator, detail::Close<llmc_generator_close>> handle;
};

} // namespace llmc

#endif // LLMC_LLMC_HPP
