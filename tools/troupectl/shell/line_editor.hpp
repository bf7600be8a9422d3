#pragma once

#include "tools/troupectl/shell/completion.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::ctl {

/// Reads lines from the terminal with editing, history and completion (libedit). One at a time
/// in a process.
class line_editor {
 public:
  /// Of the line up to the cursor.
  using completer = std::function<completion(std::string_view line)>;

  /// `history_file`: kept between runs, readable by its owner alone; empty: not kept.
  line_editor(std::string prompt, const std::string& history_file, completer completes);
  ~line_editor();
  line_editor(const line_editor&) = delete;
  line_editor& operator=(const line_editor&) = delete;

  enum class outcome : std::uint8_t { line, aborted, end };
  /// `aborted`: Ctrl-C; `end`: Ctrl-D on an empty line, or the terminal is gone.
  outcome read(std::string& line);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// "$XDG_STATE_HOME/troupectl/history" or that below ~/.local/state; the folder is made. Empty
/// if there is no home.
std::string history_path();

}  // namespace troupe::ctl
