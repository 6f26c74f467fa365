// [decision_table.NAME] of a pack, and the rows of tables/*.csv.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/csv.h"
#include "decide/pack_internal.h"

namespace fuqi::decide {
namespace {

constexpr std::array<std::string_view, 5> kHitNames = {"unique", "first", "priority", "any",
                                                       "collect"};
constexpr std::array<std::string_view, 4> kCollectNames = {"sum", "min", "max", "count"};

template <class Enum, size_t N>
Result<Enum> ReadEnum(const TomlNode& node, const std::array<std::string_view, N>& names) {
  FUQI_ASSIGN_OR_RETURN(std::string name, node.As<std::string>());
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    return node.Fail("'{}' is none of {}", name, fmt::format("{}", fmt::join(names, ", ")));
  }
  return static_cast<Enum>(found - names.begin());
}

// A cell as the user wrote it.
struct Cell {
  std::string text;
  Where where;
};

Result<Cell> ReadCell(const TomlNode& node) {
  Cell cell{.text = "", .where = node.where()};
  if (node.kind() == TomlNode::Kind::kInteger) {
    FUQI_ASSIGN_OR_RETURN(int64_t value, node.As<int64_t>());
    cell.text = std::to_string(value);
  } else if (node.kind() == TomlNode::Kind::kBoolean) {
    FUQI_ASSIGN_OR_RETURN(bool value, node.As<bool>());
    cell.text = value ? "true" : "false";
  } else {
    FUQI_ASSIGN_OR_RETURN(cell.text, node.As<std::string>());
  }
  return cell;
}

Result<std::vector<Cell>> ReadCells(const TomlNode& node) {
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> nodes, node.As<std::vector<TomlNode>>());
  std::vector<Cell> cells;
  for (const TomlNode& one : nodes) {
    FUQI_ASSIGN_OR_RETURN(Cell cell, ReadCell(one));
    cells.push_back(std::move(cell));
  }
  return cells;
}

class TableReader {
 public:
  TableReader(const TomlNode::Entry& entry, const PackFiles& files, const std::string& dir)
      : node_(entry.value), files_(files), dir_(dir) {
    table_.name = entry.key;
    table_.where = entry.where;
  }

  Result<DecisionTable> Run() {
    FUQI_RETURN_IF_ERROR(ReadPolicy());
    FUQI_RETURN_IF_ERROR(ReadColumns());
    FUQI_RETURN_IF_ERROR(ReadAllRows());
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> otherwise, node_.Optional<TomlNode>("otherwise"));
    if (otherwise) {
      if (!HasRowColumn(table_)) {
        return otherwise->Fail("a sum or count of no rows is 0; there is no otherwise");
      }
      FUQI_ASSIGN_OR_RETURN(std::vector<Cell> cells, ReadCells(*otherwise));
      if (cells.size() != table_.outputs.size()) {
        return otherwise->Fail("{} values; the table has {} outputs", cells.size(),
                               table_.outputs.size());
      }
      FUQI_ASSIGN_OR_RETURN(table_.otherwise, ReadOutputs(cells));
    }
    return std::move(table_);
  }

 private:
  Result<void> ReadPolicy() {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> hit, node_.Optional<TomlNode>("hit"));
    if (hit) {
      FUQI_ASSIGN_OR_RETURN(table_.hit, ReadEnum<HitPolicy>(*hit, kHitNames));
    }
    if (table_.hit == HitPolicy::kCollect) {
      FUQI_ASSIGN_OR_RETURN(TomlNode collect, node_.Required<TomlNode>("collect"));
      FUQI_ASSIGN_OR_RETURN(table_.collect, ReadEnum<Collect>(collect, kCollectNames));
    }
    return {};
  }

  Result<void> ReadColumns() {
    FUQI_ASSIGN_OR_RETURN(TomlNode input, node_.Required<TomlNode>("input"));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> inputs, input.As<std::vector<TomlNode>>());
    if (inputs.empty() || inputs.size() > kTableInputsMax) {
      return input.Fail("{} inputs; a decision table has 1 to {}", inputs.size(), kTableInputsMax);
    }
    for (const TomlNode& one : inputs) {
      FUQI_ASSIGN_OR_RETURN(std::string name, one.As<std::string>());
      if (!IsPackName(name)) {
        return one.Fail(
            "an input is the name of a column or feature; give the expression '{}' a name as a "
            "feature",
            name);
      }
      table_.inputs.push_back({std::move(name), one.where()});
    }
    FUQI_ASSIGN_OR_RETURN(TomlNode output, node_.Required<TomlNode>("output"));
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> outputs, output.Entries());
    const bool one_output = table_.hit == HitPolicy::kCollect && table_.collect != Collect::kSum;
    const size_t outputs_max = one_output ? 1 : kTableOutputsMax;
    if (outputs.empty() || outputs.size() > outputs_max) {
      return output.Fail("{} outputs; this decision table has 1 to {}", outputs.size(),
                         outputs_max);
    }
    for (const TomlNode::Entry& entry : outputs) {
      FUQI_RETURN_IF_ERROR(ReadOutput(entry));
    }
    return ReadPriority();
  }

  Result<void> ReadOutput(const TomlNode::Entry& entry) {
    FUQI_RETURN_IF_ERROR(internal::CheckName(entry));
    DecisionTable::Output output;
    output.name = entry.key;
    std::optional<TomlNode> type = entry.value;
    if (entry.value.is_table()) {
      FUQI_ASSIGN_OR_RETURN(type, entry.value.Required<TomlNode>("type"));
      FUQI_ASSIGN_OR_RETURN(Bilingual title, internal::ReadTitle(entry.value));
      output.zh = std::move(title.zh);
      output.en = std::move(title.en);
    }
    FUQI_ASSIGN_OR_RETURN(output.type, internal::ReadType(*type));
    if (output.type.id == table::TypeId::kInterval) {
      return type->Fail("a decision table gives no intervals");
    }
    const bool sums = table_.hit == HitPolicy::kCollect && table_.collect == Collect::kSum;
    if (sums && !output.type.is_exact_number()) {
      return type->Fail("'{}' cannot be added up exactly", output.type.ToString());
    }
    const table::Type counted{table::TypeId::kBigInt};
    if (table_.hit == HitPolicy::kCollect && table_.collect == Collect::kCount &&
        output.type != counted) {
      return type->Fail("a count is a BIGINT");
    }
    table_.outputs.push_back(std::move(output));
    return {};
  }

  Result<void> ReadPriority() {
    if (table_.hit != HitPolicy::kPriority) {
      return {};
    }
    FUQI_ASSIGN_OR_RETURN(TomlNode node, node_.Required<TomlNode>("priority"));
    FUQI_ASSIGN_OR_RETURN(std::vector<Cell> cells, ReadCells(node));
    for (const Cell& cell : cells) {
      table::Row& row = table_.priority.emplace_back();
      FUQI_ASSIGN_OR_RETURN(table::Datum value, ReadValue(cell, table_.outputs[0]));
      row.Append(value);
    }
    return {};
  }

  Result<void> ReadAllRows() {
    FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> file, node_.Optional<TomlNode>("file"));
    if (file) {
      FUQI_RETURN_IF_ERROR(ReadFile(*file));
    } else {
      FUQI_ASSIGN_OR_RETURN(TomlNode node, node_.Required<TomlNode>("row"));
      FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> rows, node.As<std::vector<TomlNode>>());
      for (const TomlNode& row : rows) {
        FUQI_ASSIGN_OR_RETURN(std::vector<Cell> cells, ReadCells(row));
        FUQI_RETURN_IF_ERROR(AddRow(cells, row.where()));
      }
    }
    if (table_.rows.empty()) {
      return Err(ErrorCode::kConfig, "a decision table without rows").At(table_.where);
    }
    return {};
  }

  Result<void> ReadFile(const TomlNode& node) {
    FUQI_ASSIGN_OR_RETURN(std::string path, node.As<std::string>());
    const auto found = std::ranges::find(files_, path, &PackFiles::value_type::first);
    if (found == files_.end() || !internal::IsTablePath(path)) {
      return node.Fail("the pack has no file '{}'; the rows of a table lie in tables/*.csv", path);
    }
    CsvReader reader(dir_.empty() ? path : fmt::format("{}/{}", dir_, path),
                     MemorySource(found->second));
    std::vector<std::string> fields;
    for (bool header = true;; header = false) {
      Result<bool> more = reader.Next(fields);
      if (!more) {
        return more.error().WithCode(ErrorCode::kConfig);
      }
      if (!*more) {
        return {};
      }
      FUQI_RETURN_IF_ERROR(header ? CheckHeader(fields, reader.where())
                                  : AddRow(CellsOf(fields, reader.where()), reader.where()));
    }
  }

  // The names of the columns that a row has.
  std::vector<std::string> ColumnNames() const {
    std::vector<std::string> names;
    for (const DecisionTable::Input& input : table_.inputs) {
      names.push_back(input.name);
    }
    for (const DecisionTable::Output& output : table_.outputs) {
      names.push_back(output.name);
    }
    names.resize(CellsOfRow());
    return names;
  }

  // A cell of a file is placed by its line and its column's name.
  std::vector<Cell> CellsOf(const std::vector<std::string>& fields, const Where& where) const {
    const std::vector<std::string> names = ColumnNames();
    std::vector<Cell> cells;
    for (size_t i = 0; i < fields.size(); ++i) {
      Cell& cell = cells.emplace_back(Cell{fields[i], where});
      cell.where.field = i < names.size() ? names[i] : "";
    }
    return cells;
  }

  size_t CellsOfRow() const {
    const bool counts = table_.hit == HitPolicy::kCollect && table_.collect == Collect::kCount;
    return table_.inputs.size() + (counts ? 0 : table_.outputs.size());
  }

  Result<void> CheckHeader(const std::vector<std::string>& fields, const Where& where) const {
    const std::vector<std::string> names = ColumnNames();
    if (fields != names) {
      return Err(ErrorCode::kConfig, "the first line names the table's columns: {}",
                 fmt::format("{}", fmt::join(names, ",")))
          .At(where);
    }
    return {};
  }

  Result<void> AddRow(const std::vector<Cell>& cells, const Where& where) {
    if (table_.rows.size() == kTableRowsMax) {
      return Err(ErrorCode::kConfig, "more than {} rows in a decision table", kTableRowsMax)
          .At(where);
    }
    if (cells.size() != CellsOfRow()) {
      return Err(ErrorCode::kConfig, "a row of {} cells; the table has {} columns", cells.size(),
                 CellsOfRow())
          .At(where);
    }
    DecisionTable::Row row;
    row.where = where;
    for (size_t i = 0; i < table_.inputs.size(); ++i) {
      Result<UnaryTests> tests = ParseUnaryTests(cells[i].text);
      if (!tests) {
        return std::move(tests).error().At(cells[i].where);
      }
      row.tests.push_back(*std::move(tests));
      row.places.push_back(cells[i].where);
    }
    FUQI_ASSIGN_OR_RETURN(row.outputs, ReadOutputs(std::span(cells).subspan(table_.inputs.size())));
    if (table_.hit == HitPolicy::kPriority) {
      FUQI_RETURN_IF_ERROR(CheckPriority(row, cells[table_.inputs.size()]));
    }
    table_.rows.push_back(std::move(row));
    return {};
  }

  Result<void> CheckPriority(const DecisionTable::Row& row, const Cell& cell) const {
    const bool listed = std::ranges::any_of(table_.priority, [&](const table::Row& one) {
      return table::Same(one[0], row.outputs[0]);
    });
    if (!listed) {
      return Err(ErrorCode::kConfig, "'{}' has no place in the table's 'priority'", cell.text)
          .At(cell.where);
    }
    return {};
  }

  Result<table::Row> ReadOutputs(std::span<const Cell> cells) const {
    table::Row row;
    for (size_t i = 0; i < cells.size(); ++i) {
      FUQI_ASSIGN_OR_RETURN(table::Datum value, ReadValue(cells[i], table_.outputs[i]));
      row.Append(value);
    }
    return row;
  }

  // NULL where nothing is written; what is collected cannot be.
  Result<table::Datum> ReadValue(const Cell& cell, const DecisionTable::Output& output) const {
    if (cell.text.empty() && table_.hit != HitPolicy::kCollect) {
      return table::Datum::Null();
    }
    Result<table::Datum> value = table::ParseText(cell.text, output.type);
    if (!value) {
      return Err(ErrorCode::kConfig, "'{}' is no value of type {}", cell.text,
                 output.type.ToString())
          .At(cell.where);
    }
    return value;
  }

  const TomlNode& node_;
  const PackFiles& files_;
  const std::string& dir_;
  DecisionTable table_;
};

void AddFeatures(const DecisionTable& table, Pack& pack) {
  for (TableFeature& made : TableFeatures(table)) {
    Feature feature;
    feature.name = std::move(made.name);
    feature.sql.text = std::move(made.sql);
    feature.sql.where = table.where;
    feature.sql.parts.push_back({0, table.where, {}});
    for (auto& [begin, where] : made.places) {
      feature.sql.parts.push_back({begin, std::move(where), {}});
    }
    if (made.output != nullptr) {
      feature.title = {made.output->zh, made.output->en};
    }
    feature.origin = "decision_table." + table.name;
    feature.checks_overlap = made.checks_overlap;
    pack.features.push_back(std::move(feature));
  }
}

}  // namespace

bool internal::IsTablePath(std::string_view path) {
  constexpr std::string_view kDir = "tables/";
  return path.starts_with(kDir) && path.ends_with(".csv") &&
         path.find('/', kDir.size()) == std::string_view::npos;
}

Result<void> internal::ReadDecisionTables(const TomlNode& root, const PackFiles& files,
                                          const std::string& dir, Pack& pack) {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> tables, root.Optional<TomlNode>("decision_table"));
  std::set<std::string> used;
  if (tables) {
    FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode::Entry> entries, tables->Entries());
    if (entries.size() > kPackTablesMax) {
      return tables->Fail("{} decision tables; a pack may have {}", entries.size(), kPackTablesMax);
    }
    for (const TomlNode::Entry& entry : entries) {
      FUQI_RETURN_IF_ERROR(CheckName(entry));
      FUQI_ASSIGN_OR_RETURN(DecisionTable table, TableReader(entry, files, dir).Run());
      FUQI_ASSIGN_OR_RETURN(std::optional<std::string> file,
                            entry.value.Optional<std::string>("file"));
      used.insert(file.value_or(""));
      AddFeatures(table, pack);
      pack.tables.push_back(std::move(table));
    }
  }
  for (const auto& [path, content] : files) {
    if (IsTablePath(path) && !used.contains(path)) {
      return Err(ErrorCode::kConfig, "no decision table reads this file")
          .At({.file = dir.empty() ? path : fmt::format("{}/{}", dir, path)});
    }
  }
  if (pack.features.size() > kPackFeaturesMax) {
    return root.Fail("{} features; a pack may have {}", pack.features.size(), kPackFeaturesMax);
  }
  return {};
}

}  // namespace fuqi::decide
