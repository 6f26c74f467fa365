// fuqi sql.

#include <ostream>

#include "base/messages.h"
#include "node/cli.h"
#include "node/owner_query.h"
#include "node/print.h"
#include "table/format.h"

namespace fuqi::node {
namespace {

struct SqlOptions {
  std::string sql;
  std::vector<std::string> inputs;
  std::string format;
  std::string purpose = "owner query";
  bool lineage = false;
};

Result<std::map<std::string, std::string>> ParseInputs(const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> parsed;
  for (const std::string& input : inputs) {
    const size_t equals = input.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == input.size()) {
      return Err(ErrorCode::kUsage, "--input takes name=path");
    }
    if (!parsed.emplace(input.substr(0, equals), input.substr(equals + 1)).second) {
      return Err(ErrorCode::kUsage, "the input {} is given twice", input.substr(0, equals));
    }
  }
  return parsed;
}

// Which columns of the file each column of the result depends on; the statement is not run.
Result<int> TellLineage(const FileQuery& query, const SqlOptions& options, OwnerEngine& engine,
                        table::Binder& binder, Context& context) {
  if (!query.over_one_table) {
    return Err(ErrorCode::kUnsupported,
               "lineage is told for statements that read one file, by FROM 'file'");
  }
  FileQuery columns{"SELECT * FROM " + QuotedPath(query.paths[0]) + " LIMIT 0", query.paths, {}};
  FUQI_ASSIGN_OR_RETURN(table::RowStream none,
                        engine.Run(columns, options.purpose, "the columns of a file"));
  FUQI_ASSIGN_OR_RETURN(
      std::vector<sql::ColumnLineage> lineage,
      sql::LineageOfSelect(binder, none.schema(), kOneFile, *query.over_one_table));
  if (context.json) {
    context.out << LineageJson(lineage).dump() << '\n';
  } else {
    PrintLineage(lineage, context.language, context.out);
  }
  return 0;
}

// `result` with an error's place in the statement as it was typed.
template <class T>
Result<T> Placed(Result<T> result, const FileQuery& query, std::string_view typed) {
  if (result || (result.error().where() && !result.error().where()->file.empty())) {
    return result;
  }
  Where where{.file = "SQL"};
  if (const auto& found = result.error().where(); found && found->line > 0) {
    where = query.PlaceIn(typed, *found);
    where.file = "SQL";
  }
  return result.error().WithPlace(std::move(where));
}

Result<int> RunSql(const SqlOptions& options, Context& context) {
  FUQI_ASSIGN_OR_RETURN(auto inputs, ParseInputs(options.inputs));
  FUQI_ASSIGN_OR_RETURN(table::OutputFormat format,
                        table::ParseOutputFormat(!options.format.empty() ? options.format
                                                 : context.json          ? "json"
                                                                         : "table"));
  FUQI_ASSIGN_OR_RETURN(std::unique_ptr<table::Binder> binder, table::Binder::Open());
  FUQI_ASSIGN_OR_RETURN(FileQuery query,
                        ResolveFiles(*binder, options.sql, inputs).At({.file = "SQL"}));
  OwnerEngine engine(context.home);
  if (options.lineage) {
    return TellLineage(query, options, engine, *binder, context);
  }
  Progress progress(context, Tr("bytes written", context.language));
  FUQI_ASSIGN_OR_RETURN(table::RowStream rows, Placed(engine.Run(query, options.purpose,
                                                                 "rows of a statement of fuqi sql"),
                                                      query, options.sql));
  uint64_t written = 0;
  auto write = [&](std::string_view piece) -> Result<void> {
    context.out << piece;
    written += piece.size();
    progress.Update(written, 0);
    if (!context.out) {
      return Err(ErrorCode::kIo, "the output could not be written").At({.file = "stdout"});
    }
    return {};
  };
  FUQI_RETURN_IF_ERROR(Placed(table::WriteRows(rows, format, write), query, options.sql));
  return 0;
}

}  // namespace

void AddSqlCommands(Cli& cli) {
  auto options = std::make_shared<SqlOptions>();
  CLI::App* command = cli.Command(
      cli.root(), "sql", cli.Text("Run a SELECT over files of this machine; leaves evidence"),
      [options](Context& context) { return RunSql(*options, context); });
  command->add_option("SQL", options->sql, cli.Text("One SELECT; FROM 'file.csv' reads a file"))
      ->required();
  command->add_option("--input", options->inputs, cli.Text("A file and the name to read it by"))
      ->type_name("NAME=FILE")
      ->allow_extra_args(false);
  command->add_option("--format", options->format, cli.Text("Form of the rows (default table)"))
      ->type_name("table|csv|json|jsonl|markdown");
  command->add_flag("--lineage", options->lineage,
                    cli.Text("Print what each column depends on, instead of rows"));
  command
      ->add_option("--purpose", options->purpose,
                   cli.Text("What the data is read for; part of the evidence"))
      ->type_name("TEXT")
      ->capture_default_str();
}

}  // namespace fuqi::node
