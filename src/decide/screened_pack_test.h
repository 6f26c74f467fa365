#pragma once

// The small pack whose payee is a name, screened against a list that another clears.

#include <string>

#include "decide/small_pack_test.h"

namespace fuqi::decide {

inline std::string PackWithScreening(std::string_view old_text = "",
                                     std::string_view new_text = "") {
  std::string text = SmallPackWith("[[rule]]\nid = \"burst\"", R"toml([list.sanctions]
type = "VARCHAR"
file = "lists/sanctions.csv"
threshold = 75
zh = "制裁名单"
en = "sanctioned persons and firms"

[list.ruled_out]
type = "VARCHAR"
clears = "sanctions"

[list.cents]
type = "BIGINT"

[[rule]]
id = "sanctioned"
when = "payee_sanctions >= 90"
then = "block"
reason = { zh = "收款方疑似被制裁", en = "the payee may be sanctioned" }

[[rule]]
id = "burst")toml");
  text.replace(text.find("[feature]"), 9, R"toml([feature]
payee_sanctions = "screen('sanctions', payee, ts)"
payee_entry = "screen_entry('sanctions', payee, ts)"
near_1d = "count(*) FILTER (WHERE screen('sanctions', payee, ts) >= 75) OVER payer_1d"
)toml");
  return old_text.empty() ? text : Replaced(std::move(text), old_text, new_text);
}

}  // namespace fuqi::decide
