#pragma once

#include <rocksdb/env.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace troupe::replication::test {

/// The disk of one life of a node, in memory: what is written is there for the next one. After
/// kill() it takes nothing more, so that what the node had not written by then is lost, and
/// while it is full writes fail.
class dying_disk final : public rocksdb::EnvWrapper {
 public:
  explicit dying_disk(rocksdb::Env* kept) : EnvWrapper(kept) {}
  const char* Name() const override { return "dying_disk"; }

  void kill() { dead_ = true; }
  /// Files below that directory are not written any more; empty: all are.
  void full(std::string directory) { full_ = std::move(directory); }

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    if (!takes(name)) return refused();
    std::unique_ptr<rocksdb::WritableFile> made;
    auto status = EnvWrapper::NewWritableFile(name, &made, options);
    if (status.ok()) *result = std::make_unique<file>(std::move(made), *this, name);
    return status;
  }
  rocksdb::Status DeleteFile(const std::string& name) override {
    return dead_ ? refused() : EnvWrapper::DeleteFile(name);
  }
  rocksdb::Status RenameFile(const std::string& from, const std::string& to) override {
    return takes(from) ? EnvWrapper::RenameFile(from, to) : refused();
  }

 private:
  class file final : public rocksdb::WritableFileWrapper {
   public:
    file(std::unique_ptr<rocksdb::WritableFile> of, dying_disk& disk, std::string name)
        : WritableFileWrapper(of.get()),
          of_(std::move(of)),
          disk_(disk),
          name_(std::move(name)) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      return disk_.takes(name_) ? WritableFileWrapper::Append(data) : refused();
    }
    rocksdb::Status Append(const rocksdb::Slice& data,
                           const rocksdb::DataVerificationInfo& info) override {
      return disk_.takes(name_) ? WritableFileWrapper::Append(data, info) : refused();
    }

   private:
    std::unique_ptr<rocksdb::WritableFile> of_;
    dying_disk& disk_;
    const std::string name_;
  };

  bool takes(const std::string& name) const {
    // Debian's RocksDB 7.8.3 aborts the process if a compaction cannot write (an assertion in
    // SubcompactionState::SmallestUserKey). A table that no manifest names is nothing.
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".sst") == 0) return true;
    if (dead_) return false;
    return full_.empty() || name.compare(0, full_.size(), full_) != 0;
  }
  static rocksdb::Status refused() { return rocksdb::Status::IOError("the disk takes nothing"); }

  std::atomic<bool> dead_{false};
  std::string full_;  // changed by the test's thread, which is the one that writes
};

}  // namespace troupe::replication::test
