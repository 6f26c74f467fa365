#pragma once

// What the readers of a pack's sections share, and what is asked of its parts elsewhere.

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/toml.h"
#include "decide/pack.h"

namespace fuqi::decide::internal {

// kConfig unless the entry's key is a name that a pack may give.
Result<void> CheckName(const TomlNode::Entry& entry);
// A text that must not be empty.
Result<std::string> RequiredText(const TomlNode& table, std::string_view key);
// A name that a pack may give.
Result<std::string> RequiredName(const TomlNode& table, std::string_view key);
Result<Bilingual> ReadBilingual(const TomlNode& node);
// The titles that a feature may have: both or none.
Result<Bilingual> ReadTitle(const TomlNode& node);
Result<Fragment> ReadFragment(const TomlNode& node);
Result<Fragment> RequiredFragment(const TomlNode& table, std::string_view key);
// A time span that must be greater than `more_than_us`, if there is one.
Result<void> ReadSpan(const TomlNode& table, std::string_view key, int64_t more_than_us,
                      int64_t& out_us);

// A whole number within these bounds; `fallback` where the key is missing.
Result<int64_t> ReadWhole(const TomlNode& table, std::string_view key, int64_t fallback,
                          int64_t least, int64_t most);
// kConfig unless the type is one that a column may have.
Result<table::Type> ReadType(const TomlNode& node);

// [table.NAME] of the kind event, in the pack's order: the kinds and the columns of their union.
Result<void> ReadEventTables(const std::vector<TomlNode::Entry>& tables, Pack& pack);
// The columns of one kind in the union's order, as if it were the pack's only one.
table::Schema SchemaOf(const Pack& pack, const EventKind& kind);
// A name of the union's column, given as a value.
Result<std::string> ReadColumnName(const TomlNode& node, const Pack& pack);
// 'partition': a column that events of all kinds have.
Result<std::string> ReadPartition(const TomlNode& node, const Pack& pack);
// 'on' of a table: the event kinds that it is for, rising; none where it does not say.
Result<std::vector<size_t>> ReadOn(const TomlNode& table, const Pack& pack);
// The expression on events of these kinds, and `otherwise`, SQL, on others.
Fragment OnKinds(const Fragment& fragment, const Pack& pack, const std::vector<size_t>& on,
                 std::string_view otherwise);
// 'on' of a rule, and its condition.
Result<void> ReadRuleKinds(const TomlNode& rule_node, const Pack& pack, Rule& rule);
// 'table' of a source: the index of the kind.
Result<size_t> ReadSourceKind(const TomlNode::Entry& source, const Pack& pack);

// [list.NAME], with the entries of their files. `files`: all of the pack.
Result<void> ReadLists(const TomlNode& root, const PackFiles& files, const std::string& dir,
                       Pack& pack);
// Whether a pack may have a file of this path for its lists.
bool IsListPath(std::string_view path);

// What a rule with a 'when' is for, does and says: 'on', 'then', 'standing', 'shadow', 'reason' and
// 'clause'.
Result<void> ReadRuleBody(const TomlNode& node, const Pack& pack, Rule& rule);

// Whether the file holds rows of decision tables: tables/*.csv.
bool IsTablePath(std::string_view path);
// [decision_table.NAME]: the tables, and their features after those that the pack has. kConfig for
// a file of rows that no table reads.
Result<void> ReadDecisionTables(const TomlNode& root, const PackFiles& files,
                                const std::string& dir, Pack& pack);
// [score.NAME]: the scores, their features and the rules of their bands after those that the pack
// has.
Result<void> ReadScores(const TomlNode& root, Pack& pack);
// [standing.NAME], and 'standing' of a rule.
Result<void> ReadStandingKinds(const TomlNode& root, Pack& pack);
Result<void> ReadRuleStanding(const TomlNode& rule_node, const Pack& pack, Rule& rule);

// [outbox.NAME].
Result<void> ReadOutbox(const TomlNode& root, Pack& pack);

// [table.NAME] of the kind reference, with the rows of its file.
Result<void> ReadReference(const TomlNode::Entry& entry, const PackFiles& files,
                           const std::string& dir, Pack& pack);
bool IsReferencePath(std::string_view path);

// [graph.NAME]: the graphs, and their features after those that the pack has.
Result<void> ReadGraphs(const TomlNode& root, Pack& pack);
// [anomaly.NAME]: likewise.
Result<void> ReadAnomalies(const TomlNode& root, Pack& pack);

}  // namespace fuqi::decide::internal
