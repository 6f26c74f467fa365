#pragma once

// What commands print beside rows (those are table::WriteRows's).

#include <fmt/format.h>

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/messages.h"
#include "base/result.h"
#include "base/time.h"
#include "decide/pack.h"
#include "sql/lineage.h"

namespace fuqi::node {

using OrderedJson = nlohmann::ordered_json;

// An aligned table; columns whose cells are all numbers stand right. A header of empty names is not
// printed.
void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows, std::ostream& out);

// {"code","message"} and what is known of the place.
OrderedJson ErrorJson(const Error& error, Language language);

// A sentence of the catalogue with its arguments.
template <class... Args>
std::string Say(Language language, MessageTemplate text, const Args&... args) {
  return fmt::vformat(Translate(text.text, language), fmt::make_format_args(args...));
}

// One object for each output: {"output","inputs":[{"column","influence","direct"}],"resolved"}.
OrderedJson LineageJson(std::span<const sql::ColumnLineage> lineage);
void PrintLineage(std::span<const sql::ColumnLineage> lineage, Language language,
                  std::ostream& out);

// A share as "12.3 %".
std::string Percent(double share);

// "3 days", "3 天".
std::string DurationIn(Duration duration, Language language);

// What a pack calls an action, and what that means: "hold (keep the payment back for now)".
std::string ActionIn(decide::Action action, Language language);

}  // namespace fuqi::node
