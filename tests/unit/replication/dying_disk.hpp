#pragma once

#include <rocksdb/env.h>

#include <atomic>
#include <memory>
#include <string>

namespace troupe::replication::test {

/// The disk of one life of a node, in memory: what is written is there for the next one. After
/// kill() it takes nothing more, so that what the node had not written by then is lost, and
/// while it is full writes fail.
class dying_disk final : public rocksdb::EnvWrapper {
 public:
  explicit dying_disk(rocksdb::Env* kept) : EnvWrapper(kept) {}
  const char* Name() const override { return "dying_disk"; }

  void kill() { dead_ = true; }
  void full(bool x) { full_ = x; }

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    if (!takes()) return refused();
    std::unique_ptr<rocksdb::WritableFile> made;
    auto status = EnvWrapper::NewWritableFile(name, &made, options);
    if (status.ok()) *result = std::make_unique<file>(std::move(made), *this);
    return status;
  }
  rocksdb::Status DeleteFile(const std::string& name) override {
    return dead_ ? refused() : EnvWrapper::DeleteFile(name);
  }
  rocksdb::Status RenameFile(const std::string& from, const std::string& to) override {
    return takes() ? EnvWrapper::RenameFile(from, to) : refused();
  }

 private:
  class file final : public rocksdb::WritableFileWrapper {
   public:
    file(std::unique_ptr<rocksdb::WritableFile> of, dying_disk& disk)
        : WritableFileWrapper(of.get()), of_(std::move(of)), disk_(disk) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      return disk_.takes() ? WritableFileWrapper::Append(data) : refused();
    }
    rocksdb::Status Append(const rocksdb::Slice& data,
                           const rocksdb::DataVerificationInfo& info) override {
      return disk_.takes() ? WritableFileWrapper::Append(data, info) : refused();
    }

   private:
    std::unique_ptr<rocksdb::WritableFile> of_;
    dying_disk& disk_;
  };

  bool takes() const { return !dead_ && !full_; }
  static rocksdb::Status refused() { return rocksdb::Status::IOError("the disk takes nothing"); }

  std::atomic<bool> dead_{false};
  std::atomic<bool> full_{false};
};

}  // namespace troupe::replication::test
