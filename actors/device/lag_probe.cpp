#include "actors/device/lag_probe.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <caf/ref_counted.hpp>
#include <caf/resumable.hpp>

#include "protocol/net/poller.hpp"

namespace troupe::device {

namespace {

constexpr std::int64_t interval_ms = 100;

}  // namespace

/// Goes through the queue of the loop like an actor. The queue may outlive the probe.
class lag_probe::passage final : public caf::ref_counted, public caf::resumable {
 public:
  explicit passage(lag_probe& owner) : owner_(&owner) {}
  void disown() noexcept { owner_ = nullptr; }

  subtype_t subtype() const override { return resumable::unspecified; }
  resume_result resume(caf::execution_unit*, std::size_t) override {
    if (owner_ != nullptr) owner_->passed();
    return resumable::done;
  }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }

  friend void intrusive_ptr_add_ref(const passage* p) { p->ref(); }
  friend void intrusive_ptr_release(const passage* p) { p->deref(); }

 private:
  lag_probe* owner_;
};

lag_probe::lag_probe(runtime::run_loop& loop, connect_gate& gate)
    : loop_(loop), gate_(gate), passage_(new passage(*this), false) {
  event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

lag_probe::~lag_probe() {
  passage_->disown();
  if (scheduled()) loop_.timers().cancel(*this);
  if (event_ < 0) return;
  auto& poller = boost::asio::use_service<net::poller>(loop_.io());
  if (running_) (void)poller.watch(event_, *this, net::readable, 0);
  poller.forget_events(*this);
  ::close(event_);
}

void lag_probe::begin() {
  auto& poller = boost::asio::use_service<net::poller>(loop_.io());
  if (event_ < 0 || !poller.watch(event_, *this, 0, net::readable)) return;
  running_ = true;
  on_timer();
}

void lag_probe::on_timer() {
  if (!gate_.busy(loop_.now())) {
    running_ = false;
    (void)boost::asio::use_service<net::poller>(loop_.io())
        .watch(event_, *this, net::readable, 0);
    return gate_.lag_over(loop_.index());
  }
  gate_.lag_begun(loop_.index(), loop_.now());
  const std::uint64_t once = 1;
  (void)!::write(event_, &once, sizeof once);
}

void lag_probe::on_ready(unsigned) {
  std::uint64_t times = 0;
  (void)!::read(event_, &times, sizeof times);
  passage_->intrusive_ptr_add_ref_impl();  // the queue's
  loop_.exec_later(passage_.get());
}

void lag_probe::passed() {
  gate_.lag_ended(loop_.index(), loop_.now());
  if (running_) loop_.timers().schedule(*this, loop_.now() + interval_ms);
}

}  // namespace troupe::device
