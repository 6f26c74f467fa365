#pragma once

// What the readers of a pack's sections share.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/toml.h"
#include "decide/pack.h"

namespace fuqi::decide::internal {

// kConfig unless the entry's key is a name that a pack may give.
Result<void> CheckName(const TomlNode::Entry& entry);
Result<Bilingual> ReadBilingual(const TomlNode& node);
// The titles that a feature may have: both or none.
Result<Bilingual> ReadTitle(const TomlNode& node);
Result<Fragment> ReadFragment(const TomlNode& node);
Result<Fragment> RequiredFragment(const TomlNode& table, std::string_view key);
// A time span that must be greater than `more_than_us`, if there is one.
Result<void> ReadSpan(const TomlNode& table, std::string_view key, int64_t more_than_us,
                      int64_t& out_us);

// [graph.NAME]: the graphs, and their features after those that the pack has.
Result<void> ReadGraphs(const TomlNode& root, Pack& pack);

}  // namespace fuqi::decide::internal
