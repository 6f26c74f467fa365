#pragma once

// The small pack with anomalies.

#include <memory>
#include <string>
#include <string_view>

#include "decide/small_pack_test.h"

namespace fuqi::decide {

// One that reads columns alone, one that reads features, and one that reads, through a window, what
// that one gave.
inline constexpr std::string_view kAnomalies = R"toml(
[anomaly.plain]
window = 120
trees = 4
depth = 5

[anomaly.plain.input]
amount = { sql = "amount", range = [0, 1200] }

[anomaly.odd]
window = 100
trees = 6
depth = 7
zh = "异常度"
en = "how unlike the others"

[anomaly.odd.input]
amount = { sql = "amount", range = [0, 1200] }
count = { sql = "count_1d", range = [0, 10] }
previous = { sql = "previous -- a comment ends here", range = [0, 1200] }
share = { sql = "CAST(share AS DOUBLE)", range = [-0.5, 1] }
nobody = { sql = "payee IS NULL", range = [0, 1] }

[anomaly.later]
window = 130

[anomaly.later.input]
often = { sql = "odd_often", range = [0, 5] }

[[rule]]
id = "strange"
when = "odd >= 0.3 AND odd_causes LIKE 'amount%'"
then = "review"
reason = { zh = "异于以往", en = "unlike the others" }

)toml";

inline std::string PackWithAnomalies(std::string_view old_text = "",
                                     std::string_view new_text = "") {
  std::string text = SmallPackWith("[[rule]]\nid = \"burst\"",
                                   std::string(kAnomalies) + "[[rule]]\nid = \"burst\"");
  text = Replaced(std::move(text), "[feature]",
                  "[feature]\nodd_often = \"count(*) FILTER (WHERE odd > 0.2) OVER payer_1d\"");
  return old_text.empty() ? text : Replaced(std::move(text), old_text, new_text);
}

inline const std::shared_ptr<const CompiledPack>& AnomalyPack() {
  static const std::shared_ptr<const CompiledPack> kPack = MustCompile(PackWithAnomalies());
  return kPack;
}

}  // namespace fuqi::decide
