#pragma once

#include "tests/support/catch.hpp"

#include <rocksdb/env.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace troupe::storage::test {

/// A disk that knows what would be left of its files. Everything that changes
/// one of them holds the lock, so that remains() sees one moment.
class volatile_disk : public rocksdb::EnvWrapper {
 public:
  using EnvWrapper::EnvWrapper;
  const char* Name() const override { return "volatile_disk"; }

  enum class loss {
    nothing,   // the process died: what was written is there
    unsynced,  // the power went: of what was not synced some beginning is there
  };

  /// Copies `from` as it would be found after the loss.
  void remains(const std::string& from, const std::string& to, loss what, std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    std::filesystem::create_directories(to);
    for (const auto& entry : std::filesystem::directory_iterator(from)) {
      if (!entry.is_regular_file()) continue;
      const auto target = std::filesystem::path(to) / entry.path().filename();
      const auto found = files_.find(entry.path().string());
      if (what == loss::nothing || found == files_.end()) {
        std::filesystem::copy_file(entry.path(), target);
        continue;
      }
      const auto& [written, synced] = found->second;
      const auto left = synced + random() % (written - synced + 1);
      std::ifstream in(entry.path(), std::ios::binary);
      std::string bytes(left, '\0');
      in.read(bytes.data(), static_cast<std::streamsize>(left));
      REQUIRE(static_cast<std::uint64_t>(in.gcount()) == left);
      // Some file systems keep the length and lose the content. RocksDB takes zeros
      // within a record of its MANIFEST for damage and does not open (the README of
      // storage says what then); a record that is cut off is none to it.
      const auto manifest = entry.path().filename().string().rfind("MANIFEST-", 0) == 0;
      if (random() % 2 == 0 && !manifest) bytes.resize(written, '\0');
      std::ofstream(target, std::ios::binary) << bytes;
    }
  }

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<rocksdb::WritableFile> file;
    if (auto status = EnvWrapper::NewWritableFile(name, &file, options); !status.ok()) {
      return status;
    }
    files_[name] = {};
    *result = std::make_unique<watched_file>(std::move(file), *this, name);
    return rocksdb::Status::OK();
  }
  rocksdb::Status RenameFile(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    auto status = EnvWrapper::RenameFile(from, to);
    if (auto node = files_.extract(from); status.ok() && node) files_[to] = node.mapped();
    return status;
  }
  rocksdb::Status DeleteFile(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    files_.erase(name);
    return EnvWrapper::DeleteFile(name);
  }

 private:
  struct extent {
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
  };

  class watched_file : public rocksdb::WritableFileWrapper {
   public:
    watched_file(std::unique_ptr<rocksdb::WritableFile> file, volatile_disk& disk, std::string name)
        : WritableFileWrapper(file.get()),
          file_(std::move(file)),
          disk_(disk),
          name_(std::move(name)) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.files_[name_].written += data.size();
      return WritableFileWrapper::Append(data);
    }
    rocksdb::Status Append(const rocksdb::Slice& data,
                           const rocksdb::DataVerificationInfo& info) override {
      const std::lock_guard lock(disk_.mutex_);
      disk_.files_[name_].written += data.size();
      return WritableFileWrapper::Append(data, info);
    }
    rocksdb::Status Sync() override { return synced(WritableFileWrapper::Sync()); }
    rocksdb::Status Fsync() override { return synced(WritableFileWrapper::Fsync()); }

   private:
    /// RocksDB never writes to a file while it syncs it.
    rocksdb::Status synced(rocksdb::Status status) {
      const std::lock_guard lock(disk_.mutex_);
      auto& file = disk_.files_[name_];
      if (status.ok()) file.synced = file.written;
      return status;
    }
    std::unique_ptr<rocksdb::WritableFile> file_;
    volatile_disk& disk_;
    std::string name_;
  };

  std::mutex mutex_;
  std::map<std::string, extent> files_;
};

}  // namespace troupe::storage::test
