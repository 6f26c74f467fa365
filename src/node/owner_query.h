#pragma once

// The owner of this machine asks his own files: `fuqi sql`, and the files of packs.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "decide/source.h"
#include "govern/evidence.h"
#include "govern/local_owner.h"
#include "table/binder.h"
#include "table/engine.h"

namespace fuqi::node {

// A statement whose files are named by absolute paths.
struct FileQuery {
  std::string sql;
  std::vector<std::string> paths;  // sorted, each once
  // Where each file's name stands, in `sql` and in the statement as it was given.
  struct Piece {
    size_t begin;
    size_t end;
    size_t given_begin;
    size_t given_end;
  };
  std::vector<Piece> pieces;
  // The place in `given`, the statement as it was given, of what stands at `where` in `sql`.
  Where PlaceIn(std::string_view given, const Where& where) const;
  // The statement over a table kOneFile in the place of its file, for its lineage; none where it
  // reads several files, or one by a function.
  std::optional<std::string> over_one_table;
};
inline constexpr std::string_view kOneFile = "fuqi_file";

// Finds the files that `sql` reads: tables written as 'file.csv' or "dir/file.parquet", tables
// named by a key of `inputs`, and texts given to read_csv, read_parquet and read_json; relative
// ones start at the working directory. kNotFound: no such file, with its place; kParse and
// kUnsupported as Binder::ParseTree, placed.
Result<FileQuery> ResolveFiles(table::Binder& binder, std::string_view sql,
                               const std::map<std::string, std::string>& inputs);

// A path as a text of SQL, quotes included.
std::string QuotedPath(const std::string& path);

// The pack in folder `dir`, compiled. kConfig, with its place in the pack's files.
Result<std::shared_ptr<const decide::CompiledPack>> CompilePackIn(const std::string& dir,
                                                                  table::Binder& binder);

// Gives permits to the owner against evidence in <home>/owner, and runs them on the embedded
// engine.
class OwnerEngine {
 public:
  explicit OwnerEngine(const std::string& home);
  // `description`: for the evidence, what the plan is.
  Result<table::RowStream> Run(const FileQuery& query, std::string_view purpose,
                               const std::string& description);
  decide::DataAccess Access(table::Binder& binder) { return {*engine_, owner_, binder}; }

 private:
  govern::LedgerEvidence evidence_;
  govern::LocalOwner owner_;
  std::unique_ptr<table::Engine> engine_;
};

}  // namespace fuqi::node
