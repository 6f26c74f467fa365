#pragma once

// The right to run one plan over data, once. [architecture: "No read without a permit"]
//
// A Permit holds the only plan it allows, whole: the SQL text to run, the files it may open, who
// asked and why, and the bounds of the run. Engine::Run consumes it and takes no text, so that code
// which was refused a permit has nothing to run. It can be minted by govern alone; today by
// govern::LocalOwner, the owner of the machine reading his own data, who leaves evidence of each
// permit.
//
// Security: this stops mistakes and confused code, not an attacker inside the process.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace fuqi::govern {
class LocalOwner;
}

namespace fuqi::table {

class PermitForTest;  // table/permit_for_test.h: for tests alone

struct Limits {
  uint64_t memory_bytes = uint64_t{2} << 30;
  int64_t time_ms = 600'000;
  int threads = 1;
};

struct Plan {
  std::string sql;                      // one SELECT statement
  std::vector<std::string> read_paths;  // absolute, canonical: the only files it may open
  std::string description;              // which rows and columns, in words, for the evidence
};

class Permit {
 public:
  Permit(Permit&&) = default;
  Permit& operator=(Permit&&) = default;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  const Plan& plan() const { return plan_; }
  const Digest& plan_hash() const { return plan_hash_; }
  const std::string& subject() const { return subject_; }
  const std::string& purpose() const { return purpose_; }
  const Limits& limits() const { return limits_; }
  int64_t expires_us() const {
    return expires_us_;
  }  // by base::Clock; Engine::Run refuses afterwards

 private:
  friend class govern::LocalOwner;
  friend class PermitForTest;
  Permit() = default;

  Plan plan_;
  Digest plan_hash_{};
  std::string subject_;
  std::string purpose_;
  Limits limits_;
  int64_t expires_us_ = 0;
};

}  // namespace fuqi::table
