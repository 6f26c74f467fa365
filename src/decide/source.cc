#include "decide/source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "decide/core.h"
#include "decide/pack_internal.h"
#include "table/binder.h"
#include "table/inputs.h"

namespace fuqi::decide {
namespace {

// Over a materialised relation rows could come in another order than the file's.
constexpr std::string_view kInput = "input";
constexpr std::string_view kWithInput = "WITH input AS NOT MATERIALIZED (SELECT * FROM {})\n";

std::string ColumnNames(const table::Schema& schema) {
  std::string names;
  for (const table::Column& column : schema) {
    names += (names.empty() ? "" : ", ") + table::QuoteName(column.name);
  }
  return names;
}

// Checks the mapping's output against `wanted` and gives the SELECT of these columns in this order.
Result<std::string> MappedSql(table::Binder& binder, const RawFile& file, const Fragment& mapping,
                              const table::Schema& wanted, const std::string& relation) {
  int64_t error_at = -1;
  Result<table::Schema> found = binder.DescribeQuery(file.columns, kInput, mapping.text, &error_at);
  if (!found) {
    return std::move(found).error().At(mapping.At(error_at));
  }
  for (const table::Column& column : wanted) {
    const int index = table::FindColumn(*found, column.name);
    if (index < 0) {
      return Err(ErrorCode::kConfig, "the mapping gives no column '{}'; it needs one of type {}",
                 column.name, column.type.ToString())
          .At(mapping.where);
    }
    if ((*found)[index].type != column.type) {
      return Err(ErrorCode::kConfig,
                 "the mapping gives '{}' as {}, the table has {}: write the cast out", column.name,
                 (*found)[index].type.ToString(), column.type.ToString())
          .At(mapping.where);
    }
  }
  for (const table::Column& column : *found) {
    if (table::FindColumn(wanted, column.name) < 0) {
      return Err(ErrorCode::kConfig,
                 "the mapping gives a column '{}', which the table does not have", column.name)
          .At(mapping.where);
    }
  }
  return fmt::format("SELECT {} FROM (\n{}SELECT * FROM (\n{}\n))", ColumnNames(wanted),
                     fmt::format(kWithInput, relation), mapping.text);
}

Result<SourcePlan> OpenMapped(const DataAccess& access, const RawFile& file,
                              const Fragment& mapping, const table::Schema& wanted,
                              const std::string& path) {
  table::InputSpec spec;
  spec.format = file.format;
  spec.path = path;
  spec.delimiter = file.delimiter;
  spec.columns = file.columns;
  // The mapping first: it costs nothing, and what is wrong with it is not the file's fault.
  FUQI_RETURN_IF_ERROR(MappedSql(access.binder, file, mapping, wanted, std::string(kInput)));
  FUQI_ASSIGN_OR_RETURN(table::InputRelation relation, table::OpenInput(spec));
  SourcePlan plan;
  FUQI_ASSIGN_OR_RETURN(plan.sql, MappedSql(access.binder, file, mapping, wanted, relation.sql));
  plan.read_paths = {relation.path};
  return plan;
}

// The events of one kind with all columns of the union.
std::string AsUnion(const Pack& pack, size_t kind, const std::string& events) {
  std::string columns =
      table::QuoteText(pack.kinds[kind].name) + " AS " + table::QuoteName(pack.columns[0].name);
  for (size_t i = 1; i < pack.columns.size(); ++i) {
    const std::string name = table::QuoteName(pack.columns[i].name);
    columns +=
        ", " + (pack.kinds[kind].Lacks(i)
                    ? fmt::format("CAST(NULL AS {}) AS {}", pack.columns[i].type.ToString(), name)
                    : name);
  }
  return fmt::format("SELECT {} FROM (\n{}\n)", columns, events);
}

// An event is due when all that its file has before it have come: at the greatest time so far.
std::string MergedSql(const CompiledPack& pack, const std::vector<std::string>& parts) {
  std::string all;
  for (size_t i = 0; i < parts.size(); ++i) {
    all += fmt::format(
        "{}SELECT *, max({}) OVER (ORDER BY fuqi_row ROWS UNBOUNDED PRECEDING) AS fuqi_due FROM "
        "(SELECT *, {} AS fuqi_file, row_number() OVER () AS fuqi_row FROM (\n{}\n))",
        i == 0 ? "" : "\nUNION ALL\n", table::QuoteName(pack.pack().time), i, parts[i]);
  }
  return fmt::format(
      "SELECT {}, fuqi_file, fuqi_row FROM (\n{}\n) ORDER BY fuqi_due NULLS FIRST, fuqi_file, "
      "fuqi_row",
      ColumnNames(pack.event_schema()), all);
}

template <class Items>
Error NoSuch(MessageTemplate message, const Pack& pack, std::string_view name, const Items& items) {
  std::string names;
  for (const auto& item : items) {
    names += (names.empty() ? "" : ", ") + item.name;
  }
  return Err(ErrorCode::kNotFound, message, pack.name, name, names.empty() ? "-" : names);
}

}  // namespace

Result<SourcePlan> OpenSource(const DataAccess& access, const CompiledPack& pack,
                              std::string_view source, const std::string& path) {
  const Source* found = pack.pack().FindSource(source);
  if (found == nullptr) {
    return NoSuch("pack '{}' has no source '{}'; there are: {}", pack.pack(), source,
                  pack.pack().sources);
  }
  const table::Schema wanted = internal::SchemaOf(pack.pack(), pack.pack().kinds[found->kind]);
  FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenMapped(access, found->file, found->sql, wanted, path));
  if (pack.pack().kinds.size() > 1) {
    plan.sql = AsUnion(pack.pack(), found->kind, plan.sql);
  }
  plan.description = fmt::format("events of source {} for pack {}", source, pack.pack().name);
  return plan;
}

Result<SourcePlan> OpenSources(const DataAccess& access, const CompiledPack& pack,
                               std::span<const SourceFile> files) {
  FUQI_CHECK(!files.empty());
  SourcePlan all;
  std::vector<std::string> parts;
  parts.reserve(files.size());
  for (const SourceFile& file : files) {
    FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenSource(access, pack, file.source, file.path));
    if (files.size() == 1) {
      return plan;
    }
    parts.push_back(std::move(plan.sql));
    all.read_paths.push_back(std::move(plan.read_paths.at(0)));
    all.description += (all.description.empty() ? "" : "; ") + plan.description;
  }
  all.placed_sql = MergedSql(pack, parts);
  all.sql =
      fmt::format("SELECT {} FROM (\n{}\n)", ColumnNames(pack.event_schema()), all.placed_sql);
  return all;
}

Result<table::RowStream> RunPlan(const DataAccess& access, const CompiledPack& pack,
                                 const SourcePlan& plan, const std::string& sql,
                                 std::vector<table::Relation> given) {
  table::Plan permitted;
  permitted.sql = sql;
  permitted.read_paths = plan.read_paths;
  permitted.description = plan.description;
  FUQI_ASSIGN_OR_RETURN(table::Permit permit,
                        access.owner.Mint(std::move(permitted), pack.pack().purpose));
  return access.engine.Run(std::move(permit), std::move(given));
}

Result<SourceReader> SourceReader::Open(const DataAccess& access, const CompiledPack& pack,
                                        const SourcePlan& plan) {
  const std::string& sql = plan.placed_sql.empty() ? plan.sql : plan.placed_sql;
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream, RunPlan(access, pack, plan, sql));
  return SourceReader(pack, std::move(stream), plan.read_paths);
}

Result<std::optional<Event>> SourceReader::Next() {
  auto row = stream_.Next();
  if (!row) {
    return std::move(row).error().At({.file = fmt::format("{}", fmt::join(paths_, ", "))});
  }
  if (!*row) {
    return std::optional<Event>();
  }
  ++rows_;
  const std::span<const table::Datum> values = **row;
  const size_t columns = pack_->event_schema().size();
  row_ = rows_;
  if (values.size() > columns) {
    file_ = static_cast<size_t>(values[columns].i);
    row_ = static_cast<uint64_t>(values[columns + 1].i);
  }
  Event event;
  for (const table::Datum& value : values.first(columns)) {
    event.columns.Append(value);
  }
  FUQI_RETURN_IF_ERROR(ValidateEvent(*pack_, event).At(where()));
  return std::optional<Event>(std::move(event));
}

std::optional<bool> Labels::Find(const std::string& entity) const {
  if (auto found = bad.find(entity); found != bad.end()) {
    return found->second;
  }
  return complete ? std::optional(false) : std::nullopt;
}

std::string LabelledSource(const Pack& pack, std::span<const std::string> sources) {
  const auto labelled = std::ranges::find_if(
      sources, [&](const std::string& source) { return pack.FindLabel(source) != nullptr; });
  return labelled != sources.end() ? *labelled : sources.empty() ? "" : sources.front();
}

Result<Labels> ReadLabels(const DataAccess& access, const CompiledPack& pack,
                          std::string_view source, const std::string& path) {
  const Label* label = pack.pack().FindLabel(source);
  if (label == nullptr) {
    return NoSuch("pack '{}' has no labels for '{}'; there are labels for: {}", pack.pack(), source,
                  pack.pack().labels);
  }
  Labels labels;
  labels.complete = label->complete;
  for (const std::string& name : label->entities) {
    labels.columns.push_back(table::FindColumn(pack.event_schema(), name));
  }
  const table::Type entity_type = pack.event_schema()[labels.columns[0]].type;
  const table::Schema wanted = {{"entity", entity_type, false},
                                {"bad", {table::TypeId::kBoolean}, false}};
  FUQI_ASSIGN_OR_RETURN(SourcePlan plan, OpenMapped(access, label->file, label->sql, wanted, path));
  plan.description = fmt::format("labels of source {} for pack {}", source, pack.pack().name);
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream, RunPlan(access, pack, plan, plan.sql));
  for (uint64_t row_number = 1;; ++row_number) {
    FUQI_ASSIGN_OR_RETURN(auto row, stream.Next());
    if (!row) {
      return labels;
    }
    if ((*row)[0].is_null() || (*row)[1].is_null()) {
      return Err(ErrorCode::kInvalidArgument,
                 "a label without an entity, or that says nothing of it")
          .At({.file = fmt::format("{}#{}", path, row_number)});
    }
    bool& bad = labels.bad[table::ToText((*row)[0], entity_type)];
    bad = bad || (*row)[1].is_true();
  }
}

}  // namespace fuqi::decide
