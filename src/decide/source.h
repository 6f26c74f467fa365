#pragma once

// The events and labels of a pack's sources: raw files, mapped by the pack's SQL to its event
// table.
//
// The mapping's output is checked against the table before anything is read: every column by name,
// with exactly its type; a cast is written out or it is an error. Rows come in the order that the
// mapping gives them, which is their order of arrival.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "decide/compiled_pack.h"
#include "decide/decision.h"
#include "govern/local_owner.h"
#include "table/engine.h"

namespace fuqi::decide {

// How data is read: by a permit of the owner, on an engine. All three outlive what is made of them.
struct DataAccess {
  table::Engine& engine;
  govern::LocalOwner& owner;
  table::Binder& binder;
};

// A raw file, and the pack's source that maps it.
struct SourceFile {
  std::string source;
  std::string path;
};

// What reads the events of files, before it is run.
struct SourcePlan {
  // A SELECT that gives the event table's columns in their order, as they arrive. Of several files
  // the events come by time as if each file were one who sends: whoever has the earliest event
  // next, the file that is named first where times are equal.
  std::string sql;
  // Of several files: the same with two columns more, the number of the file and of its row.
  std::string placed_sql;
  std::vector<std::string> read_paths;  // as the files were given
  std::string description;              // for the evidence
};

// kNotFound: the pack has no such source (the ones there are, named), no such file. kConfig: the
// mapping does not give the table. Otherwise as table::OpenInput: what is wrong in the file.
Result<SourcePlan> OpenSource(const DataAccess& access, const CompiledPack& pack,
                              std::string_view source, const std::string& path);
Result<SourcePlan> OpenSources(const DataAccess& access, const CompiledPack& pack,
                               std::span<const SourceFile> files);

// Mints a permit for `sql` over the plan's files, for the pack's purpose, and runs it. `given`:
// tables beside the files.
Result<table::RowStream> RunPlan(const DataAccess& access, const CompiledPack& pack,
                                 const SourcePlan& plan, const std::string& sql,
                                 std::vector<table::Relation> given = {});

// The events of a plan, one at a time, checked by ValidateEvent.
class SourceReader {
 public:
  static Result<SourceReader> Open(const DataAccess& access, const CompiledPack& pack,
                                   const SourcePlan& plan);
  // The next event, nothing at the end. An error names the file and, as "#17", the row that the
  // mapping gave.
  Result<std::optional<Event>> Next();
  uint64_t rows() const { return rows_; }  // of all files
  // The file and, as "#17", the row that Next gave last.
  Where where() const { return {.file = fmt::format("{}#{}", paths_[file_], row_)}; }

 private:
  SourceReader(const CompiledPack& pack, table::RowStream stream, std::vector<std::string> paths)
      : pack_(&pack), stream_(std::move(stream)), paths_(std::move(paths)) {}
  const CompiledPack* pack_;
  table::RowStream stream_;
  std::vector<std::string> paths_;
  size_t file_ = 0;
  uint64_t row_ = 0;  // of this file
  uint64_t rows_ = 0;
};

// Which entities are known to be bad, and which are known to be good.
struct Labels {
  std::vector<int> columns;                   // of the event table: whose values are entities
  bool complete = false;                      // whoever is not listed is good
  std::unordered_map<std::string, bool> bad;  // by the value's text; bad if any row says so

  // What is known of an entity.
  std::optional<bool> Find(const std::string& entity) const;
};
// Which of a stream's sources tells whether its events were bad: the first that has labels, or else
// the first.
std::string LabelledSource(const Pack& pack, std::span<const std::string> sources);
// kNotFound: the pack has no labels for this source. Otherwise as OpenSource.
Result<Labels> ReadLabels(const DataAccess& access, const CompiledPack& pack,
                          std::string_view source, const std::string& path);

}  // namespace fuqi::decide
