// [table.NAME] of the kind event: one, or several whose union is the pack's stream; and what rules
// and sources say of them.

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

using Has = EventKind::Has;

struct EventTable {
  std::string name;
  TomlNode node;
  std::string key;
  std::string time;
  std::vector<EventColumn> columns;
};

// kConfig, placed at `node`, unless the table has a column of this name.
Result<void> CheckColumn(const TomlNode& node, const std::string& name, const std::string& table,
                         const std::vector<EventColumn>& columns) {
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const EventColumn& column : columns) {
    if (column.name == name) {
      return {};
    }
    names.push_back(column.name);
  }
  if (std::optional<std::string> near = NearestName(name, names)) {
    return node.Fail("table '{}' has no column '{}'; did you mean '{}'?", table, name, *near);
  }
  return node.Fail("table '{}' has no column '{}'", table, name);
}

Result<EventColumn> ReadColumn(const TomlNode::Entry& entry, const EventTable& table) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  EventColumn column;
  column.name = entry.key;
  column.where = entry.where;
  FUQI_ASSIGN_OR_RETURN(TomlNode type, entry.value.Required<TomlNode>("type"));
  FUQI_ASSIGN_OR_RETURN(column.type, internal::ReadType(type));
  FUQI_ASSIGN_OR_RETURN(column.class_path, internal::RequiredText(entry.value, "class"));
  // The key and the time are never NULL, said or not.
  FUQI_ASSIGN_OR_RETURN(std::optional<bool> nullable, entry.value.Optional<bool>("nullable"));
  const bool is_key_or_time = column.name == table.key || column.name == table.time;
  if (is_key_or_time && nullable.value_or(false)) {
    return entry.value.Fail(
        "column '{}' identifies the event or tells its time and cannot be nullable", column.name);
  }
  column.nullable = nullable.value_or(!is_key_or_time);
  return column;
}

Result<EventTable> ReadEventTable(const TomlNode::Entry& entry) {
  FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
  EventTable table{entry.key, entry.value, {}, {}, {}};
  FUQI_ASSIGN_OR_RETURN(table.key, internal::RequiredName(table.node, "key"));
  FUQI_ASSIGN_OR_RETURN(table.time, internal::RequiredName(table.node, "time"));
  FUQI_ASSIGN_OR_RETURN(TomlNode columns, table.node.Required<TomlNode>("column"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, columns.Entries());
  if (entries.size() > kPackColumnsMax) {
    return columns.Fail("{} columns; a table may have {}", entries.size(), kPackColumnsMax);
  }
  table.columns.reserve(entries.size());
  for (const TomlNode::Entry& each : entries) {
    FUQI_ASSIGN_OR_RETURN(EventColumn column, ReadColumn(each, table));
    table.columns.push_back(std::move(column));
  }
  for (const char* key : {"key", "time"}) {
    FUQI_ASSIGN_OR_RETURN(TomlNode node, table.node.Required<TomlNode>(key));
    FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
    FUQI_RETURN_IF_ERROR(CheckColumn(node, name, table.name, table.columns));
  }
  const EventColumn& time = *std::ranges::find(table.columns, table.time, &EventColumn::name);
  if (time.type.id != table::TypeId::kTimestamp) {
    return Err(ErrorCode::kConfig, "column '{}' is the table's time and must be TIMESTAMP, not {}",
               time.name, time.type.ToString())
        .At(time.where);
  }
  return table;
}

// Whether the tables of events are known by the same columns.
Result<void> CheckSameKey(const EventTable& first, const EventTable& table) {
  for (const auto& [key, wanted, given] :
       {std::tuple("key", &first.key, &table.key), {"time", &first.time, &table.time}}) {
    if (*wanted != *given) {
      FUQI_ASSIGN_OR_RETURN(TomlNode node, table.node.Required<TomlNode>(key));
      return node.Fail(
          "the '{}' of table '{}' is '{}', that of table '{}' is '{}': all tables of "
          "events have the same",
          key, table.name, *given, first.name, *wanted);
    }
  }
  return {};
}

// Adds a table's columns to the union.
Result<void> Unite(const EventTable& table, Pack& pack) {
  for (const EventColumn& column : table.columns) {
    const auto found = std::ranges::find(pack.columns, column.name, &EventColumn::name);
    if (found == pack.columns.end()) {
      pack.columns.push_back(column);
    } else if (column.name == kKindColumn) {
      return Err(ErrorCode::kConfig,
                 "where a pack has several tables of events, the column '{}' tells them apart; "
                 "give this one another name",
                 column.name)
          .At(column.where);
    } else if (found->type != column.type || found->class_path != column.class_path) {
      return Err(ErrorCode::kConfig,
                 "column '{}' is {} of the class {} here, and {} of the class {} in another table "
                 "of events: columns of one name are one column",
                 column.name, column.type.ToString(), column.class_path, found->type.ToString(),
                 found->class_path)
          .At(column.where);
    }
  }
  return {};
}

EventKind KindOf(const EventTable& table, const Pack& pack) {
  EventKind kind{table.name, {}};
  kind.columns.reserve(pack.columns.size());
  for (const EventColumn& column : pack.columns) {
    const auto own = std::ranges::find(table.columns, column.name, &EventColumn::name);
    if (own != table.columns.end()) {
      kind.columns.push_back(own->nullable ? Has::kNullable : Has::kValue);
    } else {
      kind.columns.push_back(column.name == kKindColumn ? Has::kValue : Has::kLacks);
    }
  }
  return kind;
}

// The kind that a text names.
Result<size_t> ReadKind(const TomlNode& node, const Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  const EventKind* kind = pack.FindKind(name);
  if (kind == nullptr) {
    return node.Fail("the pack has no table of events '{}'; there are: {}", name, pack.event_table);
  }
  return static_cast<size_t>(kind - pack.kinds.data());
}

Result<std::vector<std::string>> EventTableNames(const std::string& pack_toml) {
  FUQI_ASSIGN_OR_RETURN(TomlNode root, TomlNode::Parse(pack_toml, "pack.toml"));
  FUQI_ASSIGN_OR_RETURN(TomlNode tables, root.Required<TomlNode>("table"));
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, tables.Entries());
  std::vector<std::string> names;
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(std::string kind, entry.value.Required<std::string>("kind"));
    if (kind == "event") {
      names.push_back(entry.key);
    }
  }
  return names;
}

}  // namespace

Result<void> internal::ReadEventTables(const std::vector<TomlNode::Entry>& entries, Pack& pack) {
  if (entries.size() > kPackKindsMax) {
    return Err(ErrorCode::kConfig, "{} tables of events; a pack may have {}", entries.size(),
               kPackKindsMax)
        .At(entries.back().where);
  }
  std::vector<EventTable> tables;
  tables.reserve(entries.size());
  for (const TomlNode::Entry& entry : entries) {
    FUQI_ASSIGN_OR_RETURN(EventTable table, ReadEventTable(entry));
    pack.event_table += (tables.empty() ? "" : ", ") + table.name;
    tables.push_back(std::move(table));
    FUQI_RETURN_IF_ERROR(CheckSameKey(tables.front(), tables.back()));
  }
  pack.key = tables.front().key;
  pack.time = tables.front().time;
  if (tables.size() > 1) {
    EventColumn kind;
    kind.name = kKindColumn;
    kind.type = {table::TypeId::kVarchar};
    kind.nullable = false;
    kind.class_path = "业务-事件-种类";
    kind.where = entries.front().where;
    pack.columns.push_back(std::move(kind));
  }
  for (const EventTable& table : tables) {
    FUQI_RETURN_IF_ERROR(Unite(table, pack));
  }
  if (pack.columns.size() > kPackColumnsMax) {
    return Err(ErrorCode::kConfig, "{} columns in all tables of events; a pack may have {}",
               pack.columns.size(), kPackColumnsMax)
        .At(entries.back().where);
  }
  pack.kinds.reserve(tables.size());
  for (const EventTable& table : tables) {
    pack.kinds.push_back(KindOf(table, pack));
  }
  for (size_t i = 0; i < pack.columns.size(); ++i) {
    pack.columns[i].nullable = !std::ranges::all_of(
        pack.kinds, [i](const EventKind& kind) { return kind.columns[i] == Has::kValue; });
  }
  return {};
}

table::Schema internal::SchemaOf(const Pack& pack, const EventKind& kind) {
  table::Schema columns;
  for (size_t i = 0; i < pack.columns.size(); ++i) {
    if (!kind.Lacks(i) && static_cast<int>(i) != pack.kind_column()) {
      columns.push_back(pack.columns[i]);
      columns.back().nullable = kind.columns[i] == Has::kNullable;
    }
  }
  return columns;
}

Result<std::string> internal::ReadColumnName(const TomlNode& node, const Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  FUQI_RETURN_IF_ERROR(CheckColumn(node, name, pack.event_table, pack.columns));
  return name;
}

Result<std::string> internal::ReadPartition(const TomlNode& node, const Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::string name, ReadColumnName(node, pack));
  const table::Schema schema = pack.schema();
  const auto column = static_cast<size_t>(table::FindColumn(schema, name));
  for (const EventKind& kind : pack.kinds) {
    if (kind.Lacks(column)) {
      return node.Fail("table '{}' has no column '{}': events of all kinds are sharded by it",
                       kind.name, name);
    }
  }
  return name;
}

Result<std::vector<size_t>> internal::ReadOn(const TomlNode& table, const Pack& pack) {
  std::vector<size_t> kinds;
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> on, table.Optional<TomlNode>("on"));
  if (!on) {
    return kinds;
  }
  if (pack.kinds.size() == 1) {
    return on->Fail("the pack has one table of events, and all is about it: leave 'on' out");
  }
  std::vector<TomlNode> nodes = {*on};
  if (!on->is_string()) {
    FUQI_ASSIGN_OR_RETURN(nodes, on->As<std::vector<TomlNode>>());
  }
  kinds.reserve(nodes.size());
  for (const TomlNode& node : nodes) {
    FUQI_ASSIGN_OR_RETURN(size_t kind, ReadKind(node, pack));
    if (std::ranges::find(kinds, kind) != kinds.end()) {
      return node.Fail("'{}' stands here a second time", pack.kinds[kind].name);
    }
    kinds.push_back(kind);
  }
  if (kinds.empty()) {
    return on->Fail("no table of events is named; leave 'on' out for all of them");
  }
  std::ranges::sort(kinds);
  return kinds;
}

Fragment internal::OnKinds(const Fragment& fragment, const Pack& pack,
                           const std::vector<size_t>& on, std::string_view otherwise) {
  std::string names;
  for (size_t kind : on) {
    names += (names.empty() ? "" : ", ") + table::QuoteText(pack.kinds[kind].name);
  }
  // CASE, since what stands behind AND is evaluated for every event and may fail. A line break
  // keeps a comment at the fragment's end from swallowing what follows.
  const std::string begin = fmt::format("CASE WHEN {} IN ({}) THEN (", kKindColumn, names);
  Fragment out = fragment;
  out.text = fmt::format("{}{}\n) ELSE {} END", begin, fragment.text, otherwise);
  out.node = {};
  out.parts = {{0, fragment.where, {}},
               {begin.size(), fragment.where, fragment.node},
               {begin.size() + fragment.text.size(), fragment.where, {}}};
  return out;
}

Result<void> internal::ReadRuleKinds(const TomlNode& rule_node, const Pack& pack, Rule& rule) {
  rule.condition = rule.when;
  FUQI_ASSIGN_OR_RETURN(rule.on, ReadOn(rule_node, pack));
  if (!rule.on.empty()) {
    rule.condition = OnKinds(rule.when, pack, rule.on, "FALSE");
    rule.when_begin = rule.condition.parts[1].begin;
  }
  return {};
}

Result<size_t> internal::ReadSourceKind(const TomlNode::Entry& source, const Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> table, source.value.Optional<TomlNode>("table"));
  if (table) {
    return ReadKind(*table, pack);
  }
  if (pack.kinds.size() > 1) {
    return Err(ErrorCode::kConfig,
               "the pack has several tables of events: say by 'table' to which of them source '{}' "
               "maps its file: {}",
               source.key, pack.event_table)
        .At(source.where);
  }
  return size_t{0};
}

bool Pack::IsOn(const std::vector<size_t>& on, const table::Row& event) const {
  return on.empty() || std::ranges::any_of(on, [&](size_t kind) {
           return kinds[kind].name == event[static_cast<size_t>(kind_column())].text();
         });
}

std::string SoleEventTable(const PackFiles& files) {
  const auto file = std::ranges::find(files, "pack.toml", &PackFiles::value_type::first);
  const Result<std::vector<std::string>> names =
      file == files.end() ? std::vector<std::string>() : EventTableNames(file->second);
  return names && names->size() == 1 ? names->front() : "";
}

Result<void> CheckKind(const Pack& pack, const table::Row& columns) {
  const int at = pack.kind_column();
  if (at < 0) {
    return {};
  }
  const table::Datum& named = columns[static_cast<size_t>(at)];
  if (named.is_null()) {
    return Err(ErrorCode::kInvalidArgument, "an event says of which kind it is, one of: {}",
               pack.event_table)
        .At({.field = std::string(kKindColumn)});
  }
  if (named.kind != table::Datum::Kind::kText) {
    return {};  // no value of the column, which is told of every column alike
  }
  const EventKind* kind = pack.FindKind(named.text());
  if (kind == nullptr) {
    return Err(ErrorCode::kInvalidArgument,
               "the event is of a kind that the pack does not have; there are: {}",
               pack.event_table)
        .At({.field = std::string(kKindColumn)});
  }
  for (size_t i = 0; i < pack.columns.size(); ++i) {
    if (kind->columns[i] == Has::kValue && columns[i].is_null()) {
      return Err(ErrorCode::kInvalidArgument,
                 "a value is missing, and events of the kind '{}' need one", kind->name)
          .At({.field = pack.columns[i].name});
    }
    if (kind->Lacks(i) && !columns[i].is_null()) {
      return Err(ErrorCode::kInvalidArgument,
                 "a value, and events of the kind '{}' have no such column", kind->name)
          .At({.field = pack.columns[i].name});
    }
  }
  return {};
}

}  // namespace fuqi::decide
