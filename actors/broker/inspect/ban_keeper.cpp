#include "actors/broker/inspect/ban_keeper.hpp"

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "storage/files/small_file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace troupe::broker {
namespace {

constexpr const char* file_name = "banned.json";
constexpr std::size_t bans_of_a_text = 200;
constexpr std::size_t longest_text = 4 << 20;

}  // namespace

ban_keeper::ban_keeper(broker_context& context, std::string directory)
    : context_(context), directory_(std::move(directory)) {
  writer_ = std::thread([this] { write_on(); });
}

ban_keeper::~ban_keeper() {
  finish();
}

void ban_keeper::finish() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

std::string ban_keeper::load() {
  std::ifstream file(directory_ + "/" + file_name, std::ios::binary);
  if (!file) return {};
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto read = std::make_shared<ban_set>();
  if (auto error = read->merge_text(text); !error.empty())
    return error + ": " + directory_ + "/" + file_name;
  read->prune(context_.loops.time().wall_ms());
  const std::lock_guard lock(mutex_);
  bans_ = read;
  if (!read->all().empty()) context_.bans.set(bans_);
  return {};
}

std::shared_ptr<const ban_set> ban_keeper::now() const {
  const std::lock_guard lock(mutex_);
  return bans_;
}

void ban_keeper::change(ban wanted, written done) {
  std::string text;
  std::string refusal;
  {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<ban_set>(*bans_);
    next->prune(context_.loops.time().wall_ms());
    const auto known = next->all().find({wanted.as, wanted.who});
    // Whatever the clock says, it is later than what it replaces.
    if (known != next->all().end()) wanted.at = std::max(wanted.at, known->second.at + 1);
    if (known == next->all().end() && next->all().size() >= ban_set::most)
      refusal = "There are " + std::to_string(ban_set::most) + " bans already: lift some";
    else if (ending_)
      refusal = "The node is stopping";
    if (refusal.empty()) {
      text = ban_set::encode({&wanted});
      next->merge(std::move(wanted));
      bans_ = std::move(next);
      context_.bans.set(bans_);
      waiting_.push_back(std::move(done));
      dirty_ = true;
    }
  }
  if (!refusal.empty()) return done(refusal);
  changed_.notify_all();
  close_banned();
  if (others_) others_(text);
}

void ban_keeper::told(std::string_view text) {
  if (text.size() > longest_text) return;
  {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<ban_set>(*bans_);
    if (const auto error = next->merge_text(text); !error.empty()) {
      observe::log_limited(observe::log_module::cluster, observe::log_level::warning,
                           "Bans of another node were not taken", {{"reason", error}});
      return;
    }
    next->prune(context_.loops.time().wall_ms());
    if (next->all() == bans_->all()) return;
    bans_ = std::move(next);
    context_.bans.set(bans_);
    dirty_ = true;
  }
  changed_.notify_all();
  close_banned();
}

std::vector<std::string> ban_keeper::texts() const {
  const auto all = now();
  std::vector<std::string> texts;
  std::vector<const ban*> part;
  for (const auto& [place, b] : all->all()) {
    part.push_back(&b);
    if (part.size() < bans_of_a_text) continue;
    texts.push_back(ban_set::encode(part));
    part.clear();
  }
  if (!part.empty()) texts.push_back(ban_set::encode(part));
  return texts;
}

void ban_keeper::close_banned() {
  if (context_.stopping.load() || context_.released()) return;
  session_looks looks;
  looks.asleep = [](const listed_session&) {};
  looks.awake = [bans = now(), time = &context_.loops.time()](const session& s) {
    const auto seen = s.look();
    if (!seen.connected || !seen.device) return;
    if (bans->find(seen.client_id, seen.username, seen.device->address, time->wall_ms()) != nullptr)
      tell(caf::strong_actor_ptr{s.ctrl()}, kick{});
  };
  walk_sessions(context_, std::move(looks), [](bool) {});
}

/// The thread that writes the file: always the newest, once for all changes meanwhile.
void ban_keeper::write_on() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return dirty_ || ending_; });
    if (!dirty_) return;
    dirty_ = false;
    const auto newest = bans_;
    const auto told = std::exchange(waiting_, {});
    lock.unlock();
    const auto error = storage::replace_small_file(directory_, file_name, newest->encode());
    if (!error.empty())
      observe::log_limited(observe::log_module::storage, observe::log_level::error,
                           "The bans could not be written", {{"reason", error}});
    for (const auto& done : told) done(error);
    lock.lock();
  }
}

// --- questions -----------------------------------------------------------------------

namespace {

using nlohmann::json;
using observe::admin_question;

std::string ban_row(const ban& b) {
  const json row = {{"as", to_string(b.as)},
                    {"who", b.who},
                    {"reason", b.reason},
                    {"by", b.by},
                    {"at", json_of_time(b.at)},
                    {"until", b.until == 0 ? json("infinity") : json_of_time(b.until)}};
  return row.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string key_of(const ban_set::key& place) {
  return std::string(to_string(place.first)) + '\0' + place.second;
}

void list_bans(inspector& of, const ban_keeper& bans, const admin_question& question,
               const inspector::answered& done) {
  const auto all = bans.now();
  const auto time = of.context().loops.time().wall_ms();
  std::vector<page_rows> pages(1, page_rows(question.after, question.limit));
  for (const auto& [place, b] : all->all()) {
    if (all->at(place, time) == nullptr) continue;
    if (question.has("as") && question.term("as") != to_string(b.as)) continue;
    auto key = key_of(place);
    if (pages.front().wants(key))
      pages.front().add(std::move(key), ban_row(b));
    else
      pages.front().add(std::move(key), {});
  }
  done(page_rows::merge(pages));
}

}  // namespace

void add_ban_questions(inspector& to, ban_keeper& bans) {
  to.add("bans", [&to, &bans](const admin_question& question, const inspector::answered& done) {
    list_bans(to, bans, question, done);
  });
  to.add("ban", [&to, &bans](const admin_question& question, const inspector::answered& done) {
    ban b;
    b.as = ban_kind_of(question.term("as"));
    b.who = question.term("who");
    b.reason = question.term("reason");
    b.by = question.term("by");
    b.at = to.context().loops.time().wall_ms();
    b.until = static_cast<std::int64_t>(question.number("until"));
    if (question.has("expires_in"))
      b.until = b.at + static_cast<std::int64_t>(question.number("expires_in")) * 1000;
    if (b.as == ban_kind{} || b.who.empty())
      return done({400, "Say whom: as clientid, username or ip_address, and who", {}, false});
    if (b.until != 0 && b.until <= b.at)
      return done({400, "The ban would be over already", {}, false});
    auto row = ban_row(b);
    bans.change(std::move(b), [done, row = std::move(row)](const std::string& error) {
      if (!error.empty()) return done({503, error, {}, false});
      done({201, {}, {{"ban", row}}, false});
    });
  });
  to.add("unban", [&to, &bans](const admin_question& question, const inspector::answered& done) {
    const ban_set::key place{ban_kind_of(question.term("as")), std::string(question.term("who"))};
    const auto time = to.context().loops.time().wall_ms();
    const auto all = bans.now();
    const auto* known = all->at(place, time);
    if (known == nullptr) return done({404, "There is no such ban", {}, false});
    auto b = *known;
    b.lifted = true;
    b.at = time;
    bans.change(std::move(b), [done](const std::string& error) {
      if (!error.empty()) return done({503, error, {}, false});
      done({204, {}, {}, false});
    });
  });
}

}  // namespace troupe::broker
