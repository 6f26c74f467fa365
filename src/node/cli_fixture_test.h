#pragma once

// What tests of commands share.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "decide/small_pack_test.h"
#include "node/cli.h"
#include "node/test_client.h"

namespace fuqi::node {

using Json = nlohmann::json;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

class Command : public testing::Test {
 protected:
  void SetUp() override { dir_.Write("pack/pack.toml", decide::kSmallPack); }

  Ran Run(std::vector<std::string> arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Context context{in, out, err};
    arguments.insert(arguments.begin(), {"--home", dir_ / "home"});
    if (std::find(arguments.begin(), arguments.end(), "--lang") == arguments.end()) {
      arguments.insert(arguments.begin(), {"--lang", "en"});
    }
    const int code = RunCli(arguments, context);
    return {code, out.str(), err.str()};
  }
  static std::string Line(const std::string& id, const std::string& amount = "1") {
    return fmt::format(
        "{{\"id\":\"{}\",\"ts\":\"2026-01-01T08:30:00Z\",\"payer\":\"A\",\"amount\":{}}}\n", id,
        amount);
  }
  TestDir dir_;
};

}  // namespace fuqi::node
