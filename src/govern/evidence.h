#pragma once

// Where the evidence of a permit goes before the permit is given.

#include <string>

#include "base/disk.h"
#include "base/result.h"
#include "ledger/record.h"

namespace fuqi::govern {

class EvidenceSink {
 public:
  virtual ~EvidenceSink() = default;
  // On return the record survives a crash. On error it may or may not: whoever asked must act as if
  // it were not there.
  virtual Result<void> Write(const ledger::Record& record) = 0;
};

// A log of its own, in a folder such as <home>/owner. The log is open only while a record is
// written, so that several commands of one owner can run at a time; they wait for one another for
// up to kPatienceMs, then kUnavailable.
//
// Threads: any.
class LedgerEvidence : public EvidenceSink {
 public:
  static constexpr int kPatienceMs = 5000;

  LedgerEvidence(Disk& disk, std::string dir) : disk_(disk), dir_(std::move(dir)) {}
  Result<void> Write(const ledger::Record& record) override;

 private:
  Disk& disk_;
  const std::string dir_;
};

}  // namespace fuqi::govern
