#include "storage/raft/rocks_raft_log.hpp"

#include "storage/raft/raft_log_writer.hpp"

#include <utility>

namespace troupe::storage {

rocks_raft_log::rocks_raft_log(std::unique_ptr<writer> with) : writer_(std::move(with)) {}

rocks_raft_log::~rocks_raft_log() = default;

rocks_raft_log::opened rocks_raft_log::open(raft_log_options options) {
  auto made = std::make_unique<writer>(std::move(options));
  if (auto error = made->open(); !error.empty()) return {nullptr, std::move(error)};
  made->start();
  return {std::unique_ptr<rocks_raft_log>(new rocks_raft_log(std::move(made))), {}};
}

void rocks_raft_log::write(raft_group_no group, raft_log_batch batch, written done) {
  writer_->give(group, std::move(batch), std::move(done));
}

raft_log::loaded rocks_raft_log::load(raft_group_no group) {
  return writer_->load(group);
}

std::string rocks_raft_log::checkpoint(const std::string& directory) const {
  return writer_->checkpoint(directory);
}

std::vector<raft_group_no> rocks_raft_log::groups() const {
  return writer_->groups();
}

rocks_raft_log::figures rocks_raft_log::current() const {
  return writer_->current();
}

std::size_t rocks_raft_log::pump() {
  return writer_->pump();
}

}  // namespace troupe::storage
