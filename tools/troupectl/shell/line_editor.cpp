#include "tools/troupectl/shell/line_editor.hpp"

#include "tools/troupectl/console.hpp"
#include "tools/troupectl/shell/words.hpp"
#include "tools/troupectl/terminal_text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <histedit.h>
#include <sys/stat.h>
#include <system_error>

namespace troupe::ctl {
namespace {

constexpr int history_lines = 1000;
constexpr std::size_t most_shown = 200;

/// Candidates below the line, in columns.
void print_candidates(const std::vector<std::string>& candidates) {
  const auto shown = std::min(candidates.size(), most_shown);
  std::size_t width = 0;
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, width_of(candidates[i]));
  const auto columns = std::max<std::size_t>(1, size_of_terminal().columns / (width + 2));
  std::string text = "\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i % columns == columns - 1 || i + 1 == shown;
    text += candidates[i];
    text += last ? std::string("\n") : std::string(width + 2 - width_of(candidates[i]), ' ');
  }
  if (shown < candidates.size())
    text += "and " + std::to_string(candidates.size() - shown) + " more\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

struct line_editor::state {
  std::string prompt;
  std::string file;
  completer completes;
  EditLine* editor = nullptr;
  History* past = nullptr;
  bool aborted = false;

  static state& of(EditLine* editor) {
    void* found = nullptr;
    el_get(editor, EL_CLIENTDATA, &found);
    return *static_cast<state*>(found);
  }

  static char* show_prompt(EditLine* editor) { return of(editor).prompt.data(); }

  /// Ctrl-C comes as a character: the line is given up, whatever is in it.
  static unsigned char abort_line(EditLine* editor, int) {
    of(editor).aborted = true;
    return CC_NEWLINE;
  }

  static unsigned char complete_word(EditLine* editor, int);

  void save() const;
};

unsigned char line_editor::state::complete_word(EditLine* editor, int) {
  const auto* const line = el_line(editor);
  const std::string before(line->buffer, line->cursor);
  auto found = of(editor).completes(before);
  if (found.candidates.empty()) return CC_REFRESH_BEEP;
  const auto common = common_prefix(found.candidates);
  const bool only = found.candidates.size() == 1;
  const auto wanted = quoted_word(common) + (only && !common.ends_with('=') ? " " : "");
  const auto have = std::string_view(before).substr(std::min(found.begin, before.size()));
  const auto typed = split_words(have);
  const std::size_t known = typed.list.empty() ? 0 : typed.list.back().size();
  const bool longer = only || common.size() > known;
  if (!longer) {
    print_candidates(found.candidates);
    return CC_REDISPLAY;
  }
  // The word is written anew: it may want quotes now.
  const auto characters = static_cast<int>(width_of(have));
  if (characters > 0) el_deletestr(editor, characters);
  el_insertstr(editor, wanted.c_str());
  return CC_REFRESH;
}

void line_editor::state::save() const {
  if (file.empty()) return;
  const auto before = ::umask(0077);
  HistEvent event{};
  history(past, &event, H_SAVE, file.c_str());
  ::umask(before);
}

line_editor::line_editor(std::string prompt, const std::string& history_file, completer completes)
    : state_(std::make_unique<state>()) {
  state_->prompt = std::move(prompt);
  state_->file = history_file;
  state_->completes = std::move(completes);
  state_->past = history_init();
  HistEvent event{};
  history(state_->past, &event, H_SETSIZE, history_lines);
  history(state_->past, &event, H_SETUNIQUE, 1);
  if (!history_file.empty()) {
    ::chmod(history_file.c_str(), 0600);  // fails where there is none yet
    history(state_->past, &event, H_LOAD, history_file.c_str());
  }
  auto* const editor = el_init("troupectl", stdin, stdout, stderr);
  state_->editor = editor;
  el_set(editor, EL_CLIENTDATA, state_.get());
  el_set(editor, EL_PROMPT, &state::show_prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 0);
  el_set(editor, EL_HIST, history, state_->past);
  el_set(editor, EL_ADDFN, "troupe-complete", "Complete the word", &state::complete_word);
  el_set(editor, EL_ADDFN, "troupe-abort", "Give the line up", &state::abort_line);
  el_set(editor, EL_BIND, "^I", "troupe-complete", nullptr);
  el_set(editor, EL_BIND, "^C", "troupe-abort", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  // While a line is edited the terminal sends no signal for Ctrl-C.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
}

line_editor::~line_editor() {
  el_end(state_->editor);
  history_end(state_->past);
}

line_editor::outcome line_editor::read(std::string& line) {
  state_->aborted = false;
  int count = 0;
  el_resize(state_->editor);
  const char* const text = el_gets(state_->editor, &count);
  if (state_->aborted) {
    std::fputs("^C\n", stdout);
    std::fflush(stdout);
    return outcome::aborted;
  }
  if (text == nullptr || count <= 0) return outcome::end;
  line.assign(text, static_cast<std::size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  if (line.find_first_not_of(' ') == std::string::npos) return outcome::line;
  HistEvent event{};
  history(state_->past, &event, H_ENTER, line.c_str());
  state_->save();
  return outcome::line;
}

std::string history_path() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  const char* const home = std::getenv("HOME");
  std::filesystem::path folder;
  // A path that is not absolute is to be ignored, says the specification.
  if (state != nullptr && *state == '/')
    folder = state;
  else if (home != nullptr && *home == '/')
    folder = std::filesystem::path(home) / ".local/state";
  else
    return {};
  folder /= "troupectl";
  std::error_code error;
  const auto before = ::umask(0077);
  std::filesystem::create_directories(folder, error);
  ::umask(before);
  return error ? std::string() : (folder / "history").string();
}

}  // namespace troupe::ctl
