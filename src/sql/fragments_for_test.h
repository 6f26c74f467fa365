#pragma once

// The binder and the named windows that tests of fragments share.

#include <string>
#include <vector>

#include "base/check.h"
#include "sql/bind.h"
#include "sql/constructs.h"
#include "table/binder.h"

namespace fuqi::sql {

inline table::Binder& TestBinder() {
  static const auto kBinder = table::Binder::Open();
  return **kBinder;
}

// Index of ts in ExampleSchema().
inline constexpr int kExampleTime = 4;

inline std::vector<Fragment> ItemsOf(std::vector<std::string> texts) {
  std::vector<Fragment> items;
  for (std::string& text : texts) {
    items.push_back({"f" + std::to_string(items.size()), std::move(text), nullptr});
  }
  return items;
}

}  // namespace fuqi::sql
