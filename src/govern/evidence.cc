#include "govern/evidence.h"

#include <chrono>
#include <memory>
#include <thread>

#include "ledger/log.h"

namespace fuqi::govern {
namespace {

// Opens the log, waiting while another process or thread of the same owner has it.
Result<std::unique_ptr<ledger::Log>> OpenPatiently(Disk& disk, const std::string& dir) {
  constexpr int kPauseMs = 10;
  for (int waited = 0;; waited += kPauseMs) {
    auto log = ledger::Log::Open(disk, dir, {});
    if (log.has_value() || log.error().code() != ErrorCode::kUnavailable ||
        waited >= LedgerEvidence::kPatienceMs) {
      return log;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
  }
}

}  // namespace

Result<void> LedgerEvidence::Write(const ledger::Record& record) {
  FUQI_RETURN_IF_ERROR(disk_.MakeDirs(dir_));
  FUQI_ASSIGN_OR_RETURN(const auto log, OpenPatiently(disk_, dir_));
  ledger::Batch batch(log->next_seq());
  FUQI_RETURN_IF_ERROR(batch.Add(record));
  return log->Commit(batch);
}

}  // namespace fuqi::govern
