#pragma once

// The whole server in this process, over TLS, on a real disk that can be held or made to fail.

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.h"
#include "decide/small_pack_test.h"
#include "ledger/log.h"
#include "node/keys.h"
#include "node/serve.h"
#include "node/test_client.h"

namespace fuqi::node {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// The machine's disk, whose syncs wait while it is held, and whose writes fail while it is full.
class HeldDisk final : public Disk {
 public:
  void Hold() { Set(held_, true); }
  void Release() { Set(held_, false); }
  void Fill() { full_ = true; }
  int waiting() const { return waiting_; }

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override {
    FUQI_ASSIGN_OR_RETURN(std::unique_ptr<File> file, SystemDisk().Open(path, mode));
    return std::unique_ptr<File>(new HeldFile(*this, std::move(file)));
  }
  Result<void> Rename(const std::string& from, const std::string& to) override {
    return SystemDisk().Rename(from, to);
  }
  Result<void> Remove(const std::string& path) override { return SystemDisk().Remove(path); }
  Result<void> SyncDir(const std::string& dir) override { return SystemDisk().SyncDir(dir); }
  Result<void> MakeDirs(const std::string& dir) override { return SystemDisk().MakeDirs(dir); }
  Result<std::vector<std::string>> List(const std::string& dir) override {
    return SystemDisk().List(dir);
  }
  Result<std::shared_ptr<void>> Lock(const std::string& dir) override {
    return SystemDisk().Lock(dir);
  }

 private:
  class HeldFile final : public File {
   public:
    HeldFile(HeldDisk& disk, std::unique_ptr<File> file) : disk_(disk), file_(std::move(file)) {}
    Result<void> Write(uint64_t offset, ByteView bytes) override {
      if (disk_.full_) {
        return Err(ErrorCode::kDiskFull, "no space is left");
      }
      return file_->Write(offset, bytes);
    }
    Result<size_t> Read(uint64_t offset, std::span<uint8_t> out) const override {
      return file_->Read(offset, out);
    }
    Result<uint64_t> Size() const override { return file_->Size(); }
    Result<void> Truncate(uint64_t size) override { return file_->Truncate(size); }
    Result<void> Sync() override {
      std::unique_lock lock(disk_.mutex_);
      ++disk_.waiting_;
      disk_.changed_.wait(lock, [&] { return !disk_.held_; });
      --disk_.waiting_;
      lock.unlock();
      return file_->Sync();
    }

   private:
    HeldDisk& disk_;
    std::unique_ptr<File> file_;
  };

  void Set(bool& flag, bool value) {
    std::lock_guard lock(mutex_);
    flag = value;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  std::atomic<bool> full_{false};
  std::atomic<int> waiting_{0};
};

template <class Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

inline std::string EventJsonText(const std::string& id, const std::string& amount = "12.50",
                                 const std::string& payer = "A") {
  return fmt::format(
      R"({{"id":"{}","ts":"2026-01-01T08:30:00Z","payer":"{}","payee":"B","amount":"{}"}})", id,
      payer, amount);
}

class Serve : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog({.level = LogLevel::kDebug, .sink = [this](std::string_view line) {
                    std::lock_guard lock(log_mutex_);
                    log_ += std::string(line) + "\n";
                  }});
    certificate_ = MakeTestCertificate(dir_.path());
    Result<NewKey> made = MakeKey("tester", {"decide", "list", "standing", "outbox"});
    key_ = made->key;
    dir_.Write("keys", made->line + "\n");
    dir_.Write("packs/small/pack.toml", decide::kSmallPack);
  }
  void TearDown() override {
    disk_.Release();
    server_.reset();
    ConfigureLog({});
  }

  void Start(const std::string& bounds = "", const std::string& more = "") {
    const std::string path = dir_.Write("serve.toml", fmt::format(R"([local]
listen = "127.0.0.1:0"
certificate = "cert.pem"
private_key = "key.pem"
keys = "keys"
data = "data"
access_log = "all"
{}
[local.packs]
small = "packs/small"
[local.bounds]
{}
)",
                                                                  more, bounds));
    Result<ServeConfig> config = LoadServeConfig(SystemDisk(), path);
    ASSERT_TRUE(config) << config.error().ToString();
    Result<std::unique_ptr<Server>> started = Server::Start(*config, disk_, SystemClock());
    ASSERT_TRUE(started) << started.error().ToString();
    server_ = *std::move(started);
  }

  TestClient Client() {
    std::optional<TestClient> client =
        TestClient::Connect(server_->port(), TestTls{certificate_.certificate});
    EXPECT_TRUE(client);
    return *std::move(client);
  }
  std::string Headers(const std::string& more = "") const {
    return "Authorization: Bearer " + key_ + "\r\nContent-Type: application/json\r\n" + more;
  }
  TestResponse Ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& more = "") {
    std::optional<TestResponse> response = Client().Ask(method, path, body, Headers(more));
    EXPECT_TRUE(response) << method << " " << path;
    return response.value_or(TestResponse{});
  }
  TestResponse Get(const std::string& path) { return Ask("GET", path); }
  TestResponse Decide(const std::string& body) { return Ask("POST", kDecisions, body); }
  std::future<TestResponse> DecideLater(const std::string& body) {
    return std::async(std::launch::async, [this, body] { return Decide(body); });
  }
  double Metric(const std::string& name) {
    const std::string text = Get("/metrics").body;
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  std::string Log() {
    std::lock_guard lock(log_mutex_);
    return log_;
  }
  static std::string TypeOf(const TestResponse& response) {
    EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
    const Json problem = Json::parse(response.body);
    EXPECT_EQ(problem.at("status"), response.status);
    return problem.at("type").get<std::string>().substr(std::string("urn:fuqi:problem:").size());
  }
  // Records of one type in the log, which no process may hold.
  size_t RecordsOf(ledger::RecordType type) {
    size_t count = 0;
    Result<ledger::ScanEnd> end = ledger::Scan(SystemDisk(), dir_ / "data/small/log", 0,
                                               [&](const ledger::StoredRecord& record) {
                                                 count += record.type == type ? 1 : 0;
                                                 return Result<void>();
                                               });
    EXPECT_TRUE(end);
    return count;
  }

  static constexpr const char* kDecisions = "/v1/packs/small/decisions";
  TestDir dir_;
  HeldDisk disk_;
  TestCertificate certificate_;
  std::string key_;
  std::unique_ptr<Server> server_;

 private:
  std::mutex log_mutex_;
  std::string log_;
};

}  // namespace fuqi::node
