#pragma once

// Permits for tests of what stands below govern: tables and expressions run on DuckDB over rows
// that the test itself made.
//
// SECURITY: only *_test.cc, *_fuzz.cc and *_bench.cc may include this. Test:
// Permit.IsMadeByGovernAlone.

#include <string>
#include <utility>
#include <vector>

#include "table/permit.h"

namespace fuqi::table {

class PermitForTest {
 public:
  // Does not expire, unless told when.
  static Permit Make(std::string sql, std::vector<std::string> read_paths = {}, Limits limits = {},
                     int64_t expires_us = INT64_MAX) {
    Permit permit;
    permit.plan_ = {std::move(sql), std::move(read_paths), "rows of a test"};
    permit.subject_ = "test";
    permit.purpose_ = "test";
    permit.limits_ = limits;
    permit.expires_us_ = expires_us;
    return permit;
  }
};

}  // namespace fuqi::table
