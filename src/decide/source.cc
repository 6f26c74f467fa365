#include "decide/source.h"

#include <algorithm>

#include "decide/core.h"
#include "table/binder.h"
#include "table/inputs.h"

namespace fuqi::decide {
namespace {

// Over a materialised relation rows could come in another order than the file's.
constexpr std::string_view kInput = "input";
constexpr std::string_view kWithInput = "WITH input AS NOT MATERIALIZED (SELECT * FROM {})\n";

// Checks the mapping's output against `wanted` and gives the SELECT of these columns in this order.
Result<std::string> MappedSql(table::Binder& binder, const RawFile& file, const Fragment& mapping,
                              const table::Schema& wanted, const std::string& relation) {
  int64_t error_at = -1;
  Result<table::Schema> found = binder.DescribeQuery(file.columns, kInput, mapping.text, &error_at);
  if (!found) {
    return std::move(found).error().At(mapping.At(error_at));
  }
  std::string columns;
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
    columns += (columns.empty() ? "" : ", ") + table::QuoteName(column.name);
  }
  for (const table::Column& column : *found) {
    if (table::FindColumn(wanted, column.name) < 0) {
      return Err(ErrorCode::kConfig,
                 "the mapping gives a column '{}', which the table does not have", column.name)
          .At(mapping.where);
    }
  }
  return fmt::format("SELECT {} FROM (\n{}SELECT * FROM (\n{}\n))", columns,
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
  FUQI_ASSIGN_OR_RETURN(SourcePlan plan,
                        OpenMapped(access, found->file, found->sql, pack.event_schema(), path));
  plan.description = fmt::format("events of source {} for pack {}", source, pack.pack().name);
  return plan;
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
  FUQI_ASSIGN_OR_RETURN(table::RowStream stream, RunPlan(access, pack, plan, plan.sql));
  return SourceReader(pack, std::move(stream), plan.read_paths.at(0));
}

Result<std::optional<Event>> SourceReader::Next() {
  auto row = stream_.Next();
  if (!row) {
    return std::move(row).error().At({.file = path_});
  }
  if (!*row) {
    return std::optional<Event>();
  }
  ++rows_;
  Event event;
  for (const table::Datum& value : **row) {
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
