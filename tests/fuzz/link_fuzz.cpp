// Whatever a peer or a stranger sends to a link: batches and control messages. Nothing may
// crash; a greeting never succeeds by chance; what is malformed has a sentence.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cluster/link/introduction.hpp"
#include "cluster/link/pairing.hpp"

namespace {

using namespace troupe::cluster;

struct sink final : pairing_events {
  std::size_t bytes = 0;
  void frame_arrived(channel, std::string_view x) override { bytes += x.size(); }
  void question_arrived(std::uint64_t) override {}
  void frames_settled(std::size_t) override {}
};

void take_batch(std::string_view input) {
  pairing life(link_limits{}, 7, 0);
  sink to;
  life.attach(7, 0, to, 0);
  for (int i = 0; i < 3; ++i) life.queue({channel::raft, "frame", nullptr, false});
  std::string out;
  while (life.next_batch(out, 0)) {
  }
  // The session of the pairing, so that the rest is looked at.
  std::string blob(input);
  if (blob.size() >= 10) {
    blob[0] = batch_mark;
    blob.replace(2, 8, number_bytes(7));
  }
  const auto error = life.take(blob, to, 1);
  if (to.bytes > blob.size()) std::abort();
  life.tick(10'000);
  life.answer(1);
  if (error.empty())
    while (life.next_batch(out, 10'000)) {
    }
}

void take_control(std::string_view input) {
  link_terms terms;
  terms.self = {node_id{1}, "one", 5, "127.0.0.1", 1};
  terms.cluster = "blue";
  terms.secret = "secret";
  const std::string nonce(nonce_size, 'n');
  for (const auto role : {introduction::role::dialer, introduction::role::acceptor}) {
    introduction greeting(role, terms, nonce);
    if (role == introduction::role::dialer) greeting.open(false, no_node);
    std::string blob(1, control_mark);
    blob += input;
    introduction::addressee(blob);
    for (int i = 0; i < 2; ++i) {
      const auto step = greeting.take(blob);
      if (step == introduction::step::done) std::abort();
      if (step == introduction::step::refused && greeting.sentence().empty()) std::abort();
      if (step == introduction::step::vouch) greeting.vouched({});
    }
  }
  std::string why;
  decode_goodbye(input, 1, why);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0)
    take_batch(input);
  else
    take_control(input);
  return 0;
}
