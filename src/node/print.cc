#include "node/print.h"

#include <algorithm>
#include <ostream>
#include <set>

#include "table/format.h"

namespace fuqi::node {
namespace {

std::string Padded(const std::string& text, size_t width, bool right) {
  const size_t own = table::DisplayWidth(text);
  const std::string space(width > own ? width - own : 0, ' ');
  return right ? space + text : text + space;
}

bool LooksNumeric(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.,-+%e ") == std::string::npos;
}

}  // namespace

void PrintTable(const std::vector<std::string>& header,
                const std::vector<std::vector<std::string>>& rows, std::ostream& out) {
  std::vector<size_t> widths;
  std::vector<bool> right(header.size(), !rows.empty());
  for (const std::string& name : header) {
    widths.push_back(table::DisplayWidth(name));
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], table::DisplayWidth(row[i]));
      right[i] = right[i] && LooksNumeric(row[i]);
    }
  }
  auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += (i == 0 ? "" : "  ") + Padded(cells[i], widths[i], right[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  if (std::any_of(header.begin(), header.end(), [](const auto& name) { return !name.empty(); })) {
    print(header);
  }
  for (const auto& row : rows) {
    print(row);
  }
}

OrderedJson ErrorJson(const Error& error, Language language) {
  OrderedJson json = {{"code", ErrorCodeName(error.code())}, {"message", error.message(language)}};
  if (const auto& where = error.where()) {
    if (!where->file.empty()) {
      json["file"] = where->file;
    }
    if (where->line > 0) {
      json["line"] = where->line;
    }
    if (where->column > 0) {
      json["column"] = where->column;
    }
    if (!where->field.empty()) {
      json["field"] = where->field;
    }
  }
  return json;
}

OrderedJson LineageJson(std::span<const sql::ColumnLineage> lineage) {
  OrderedJson json = OrderedJson::array();
  for (const sql::ColumnLineage& output : lineage) {
    OrderedJson inputs = OrderedJson::array();
    for (const auto& input : output.inputs) {
      inputs.push_back({{"column", input.column},
                        {"influence", sql::InfluenceName(input.influence)},
                        {"direct", sql::IsDirect(input.influence)}});
    }
    json.push_back(
        {{"output", output.output}, {"inputs", std::move(inputs)}, {"resolved", output.resolved}});
  }
  return json;
}

void PrintLineage(std::span<const sql::ColumnLineage> lineage, Language language,
                  std::ostream& out) {
  std::vector<std::vector<std::string>> rows;
  for (const sql::ColumnLineage& output : lineage) {
    std::set<std::string> direct;
    std::set<std::string> indirect;
    for (const auto& input : output.inputs) {
      (sql::IsDirect(input.influence) ? direct : indirect).insert(input.column);
    }
    rows.push_back({output.output, fmt::format("{}", fmt::join(direct, ", ")),
                    fmt::format("{}", fmt::join(indirect, ", "))});
  }
  PrintTable({std::string(Tr("output", language)), std::string(Tr("made of", language)),
              std::string(Tr("decided by", language))},
             rows, out);
}

std::string Percent(double share) { return fmt::format("{:.1f} %", share * 100); }

}  // namespace fuqi::node
