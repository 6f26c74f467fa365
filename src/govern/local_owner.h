#pragma once

// The owner of a machine who reads his own files: today's only minter of permits. The policy gate
// takes his place where data has other owners.
//
// Mint denies by default: no purpose, no evidence, no canonical path, no permit. The evidence is a
// record of type kPermit, written and synced before the permit exists; docs/formats/permit.md gives
// its bytes. Its core says who read what under which plan hash and why; its payload holds the SQL
// and the paths.
//
// Security: the operating system decides what the owner may read; this leaves the evidence of it.
// It stops mistakes and confused code, not an attacker inside the process.
//
// Threads: any, if the sink is.
//
//   LedgerEvidence evidence(SystemDisk(), home + "/owner");
//   LocalOwner owner(SystemClock(), evidence);
//   FUQI_ASSIGN_OR_RETURN(auto permit, owner.Mint({sql, {path}, "events of amlsim"}, "replay"));
//   FUQI_ASSIGN_OR_RETURN(auto rows, engine->Run(std::move(permit)));

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "govern/evidence.h"
#include "table/permit.h"

namespace fuqi::govern {

class LocalOwner {
 public:
  // A permit is to be used at once.
  static constexpr int64_t kPermitLifeUs = 60'000'000;

  // The subject is the user that this process runs as.
  LocalOwner(Clock& clock, EvidenceSink& evidence);

  // kInvalidArgument: no purpose, no SQL, SQL or purpose that is not UTF-8 or too long, a path that
  // is not absolute and canonical, a limit of zero. kNotFound: no such file. Otherwise the sink's
  // error: without evidence there is no permit.
  Result<table::Permit> Mint(table::Plan plan, std::string_view purpose,
                             const table::Limits& limits = {});

  const std::string& subject() const { return subject_; }

 private:
  Clock& clock_;
  EvidenceSink& evidence_;
  const std::string subject_;
};

// The user that this process runs as.
std::string CurrentUser();

// SHA-256 over the plan's SQL and its paths as a set (docs/formats/permit.md).
Digest PlanHash(const table::Plan& plan);

// What the record of a permit says.
struct PermitEvidence {
  Digest plan_hash{};
  std::string subject;
  std::string purpose;
  std::string description;
  int64_t given_us = 0;
  int64_t expires_us = 0;
  table::Limits limits;
  table::Plan plan;  // its description is the one above
};
// kCorrupt: the record is no permit's, or its plan does not have its hash. kParse: its bytes do not
// follow docs/formats/permit.md.
Result<PermitEvidence> ReadPermitEvidence(const ledger::Record& record);

}  // namespace fuqi::govern
