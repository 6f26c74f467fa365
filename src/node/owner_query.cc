#include "node/owner_query.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "node/as_config.h"
#include "table/position.h"

namespace fuqi::node {
namespace {

using Json = nlohmann::json;

// A piece of the statement that names a file.
struct FileToken {
  size_t begin = 0;
  size_t end = 0;
  std::string path;
  std::string name;  // by which columns may be qualified; empty where the statement gives an alias
  bool input = false;     // the file is named by a key of --input
  bool function = false;  // the file is an argument of read_csv or such
};

std::string TextAt(const Json& node, const char* key) {
  auto member = node.find(key);
  return member != node.end() && member->is_string() ? member->get<std::string>() : "";
}

// The end of the quoted text or name that begins at `begin`, and what it says.
struct Token {
  size_t end;
  std::string text;
};
std::optional<Token> TokenAt(std::string_view sql, size_t begin) {
  if (begin >= sql.size()) {
    return std::nullopt;
  }
  Token token{begin, ""};
  const char quote = sql[begin];
  if (quote != '\'' && quote != '"') {
    auto in_name = [](char c) {
      return c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80 ||
             (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    while (token.end < sql.size() && in_name(sql[token.end])) {
      ++token.end;
    }
    token.text = sql.substr(begin, token.end - begin);
    return token;
  }
  for (size_t i = begin + 1; i < sql.size(); ++i) {
    if (sql[i] == quote && i + 1 < sql.size() && sql[i + 1] == quote) {
      ++i;
    } else if (sql[i] == quote) {
      token.end = i + 1;
      return token;
    }
    token.text += sql[i];
  }
  return std::nullopt;
}

class FileFinder {
 public:
  FileFinder(std::string_view sql, const std::map<std::string, std::string>& inputs)
      : sql_(sql), inputs_(inputs) {}

  void CollectNames(const Json& node) {
    if (auto map = node.find("cte_map"); node.is_object() && map != node.end()) {
      for (const Json& entry : map->value("map", Json::array())) {
        ctes_.insert(TextAt(entry, "key"));
      }
    }
    for (const Json& child : node) {
      if (child.is_structured()) {
        CollectNames(child);
      }
    }
  }

  Result<void> Visit(const Json& node) {
    if (node.is_object()) {
      const std::string type = TextAt(node, "type");
      if (type == "BASE_TABLE") {
        return Table(node);
      }
      if (type == "TABLE_FUNCTION") {
        const Json& function = node.at("function");
        const std::string name = TextAt(function, "function_name");
        if (name.starts_with("read_") && !function.at("children").empty()) {
          FUQI_RETURN_IF_ERROR(Argument(function.at("children")[0]));
        }
      }
    }
    for (const Json& child : node) {
      if (child.is_structured()) {
        FUQI_RETURN_IF_ERROR(Visit(child));
      }
    }
    return {};
  }

  std::vector<FileToken> Take() { return std::move(files_); }

 private:
  Result<void> Table(const Json& node) {
    const std::string name = TextAt(node, "table_name");
    if (!TextAt(node, "schema_name").empty() || ctes_.contains(name)) {
      return {};
    }
    const size_t at = node.value("query_location", sql_.size());
    if (auto input = inputs_.find(name); input != inputs_.end()) {
      return Add(at, name, input->second,
                 {.name = TextAt(node, "alias").empty() ? name : "", .input = true});
    }
    const bool quoted = at < sql_.size() && (sql_[at] == '\'' || sql_[at] == '"');
    const std::string stem = std::filesystem::path(name).stem().string();
    return quoted ? Add(at, name, name, {.name = TextAt(node, "alias").empty() ? stem : ""})
                  : Result<void>();
  }

  // A text constant, or a list of them.
  Result<void> Argument(const Json& node) {
    if (TextAt(node, "class") == "CONSTANT" &&
        node.at("value").value("value", Json()).is_string()) {
      const std::string text = node.at("value").at("value").get<std::string>();
      return Add(node.value("query_location", sql_.size()), text, text, {.function = true});
    }
    for (const Json& child : node.value("children", Json::array())) {
      FUQI_RETURN_IF_ERROR(Argument(child));
    }
    return {};
  }

  Result<void> Add(size_t at, const std::string& name, const std::string& path, FileToken file) {
    const Where where = table::PlaceIn(sql_, at);
    const std::optional<Token> token = TokenAt(sql_, at);
    if (!token || token->text != name) {
      return Err(ErrorCode::kUnsupported, "the file name cannot be found in the statement: {}",
                 name)
          .At(where);
    }
    std::error_code error;
    const std::filesystem::path canonical = std::filesystem::canonical(path, error);
    if (error) {
      return Err(ErrorCode::kNotFound, "there is no file {}", path).At(where);
    }
    file.begin = at;
    file.end = token->end;
    file.path = canonical.string();
    files_.push_back(std::move(file));
    return {};
  }

  std::string_view sql_;
  const std::map<std::string, std::string>& inputs_;
  std::set<std::string> ctes_;
  std::vector<FileToken> files_;
};

std::string Quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    out += c;
    if (c == quote) {
      out += quote;
    }
  }
  return out + quote;
}

// The statement with each token replaced by what `text` gives for it.
template <class Text>
std::string Replaced(std::string_view sql, const std::vector<FileToken>& files, Text text) {
  std::string out;
  size_t copied = 0;
  for (const FileToken& file : files) {
    out += sql.substr(copied, file.begin - copied);
    out += text(file);
    copied = file.end;
  }
  return out + std::string(sql.substr(copied));
}

}  // namespace

Where FileQuery::PlaceIn(std::string_view given, const Where& where) const {
  size_t begin = 0;
  for (int line = 1; line < where.line && begin < sql.size(); ++line) {
    begin = std::min(sql.find('\n', begin), sql.size() - 1) + 1;
  }
  const size_t column = where.column > 0 ? static_cast<size_t>(where.column) - 1 : 0;
  const size_t at = begin + table::ByteOfCodePoint(std::string_view(sql).substr(begin), column);
  size_t given_at = at;
  for (const Piece& piece : pieces) {
    if (at >= piece.end) {
      given_at = piece.given_end + (at - piece.end);
    } else if (at >= piece.begin) {
      given_at = piece.given_begin;
    }
  }
  return table::PlaceIn(given, given_at);
}

std::string QuotedPath(const std::string& path) { return Quoted(path, '\''); }

Result<FileQuery> ResolveFiles(table::Binder& binder, std::string_view sql,
                               const std::map<std::string, std::string>& inputs) {
  int64_t error_at = -1;
  Result<std::string> text = binder.ParseTree(sql, &error_at);
  if (!text) {
    return error_at < 0
               ? std::move(text).error()
               : std::move(text).error().At(table::PlaceIn(sql, static_cast<size_t>(error_at)));
  }
  const Json tree = Json::parse(*text, nullptr, false);
  if (!tree.is_structured()) {
    return Err(ErrorCode::kInternal, "the parsed statement is no JSON");
  }
  FileFinder finder(sql, inputs);
  finder.CollectNames(tree);
  FUQI_RETURN_IF_ERROR(finder.Visit(tree));
  std::vector<FileToken> files = finder.Take();
  std::sort(files.begin(), files.end(),
            [](const FileToken& a, const FileToken& b) { return a.begin < b.begin; });

  std::set<std::string> paths;
  bool by_function = false;
  for (const FileToken& file : files) {
    paths.insert(file.path);
    by_function |= file.function;
  }
  FileQuery query;
  query.paths.assign(paths.begin(), paths.end());
  size_t grown = 0;
  query.sql = Replaced(sql, files, [&](const FileToken& file) {
    std::string text = QuotedPath(file.path) +
                       (file.input && !file.name.empty() ? " AS " + Quoted(file.name, '"') : "");
    const size_t begin = file.begin + grown;
    grown = begin + text.size() - file.end;
    query.pieces.push_back({begin, begin + text.size(), file.begin, file.end});
    return text;
  });
  if (paths.size() == 1 && !by_function) {
    query.over_one_table = Replaced(sql, files, [](const FileToken& file) {
      return std::string(kOneFile) + (file.name.empty() ? "" : " AS " + Quoted(file.name, '"'));
    });
  }
  return query;
}

Result<std::shared_ptr<const decide::CompiledPack>> CompilePackIn(const std::string& dir,
                                                                  table::Binder& binder) {
  FUQI_ASSIGN_OR_RETURN(decide::Pack pack, AsConfig(decide::LoadPack(SystemDisk(), dir)));
  return AsConfig(decide::CompiledPack::Compile(std::move(pack), binder));
}

OwnerEngine::OwnerEngine(const std::string& home)
    : evidence_(SystemDisk(), home + "/owner"),
      owner_(SystemClock(), evidence_),
      engine_(table::Engine::Embedded(SystemClock())) {}

Result<table::RowStream> OwnerEngine::Run(const FileQuery& query, std::string_view purpose,
                                          const std::string& description) {
  FUQI_ASSIGN_OR_RETURN(table::Permit permit,
                        owner_.Mint({query.sql, query.paths, description}, purpose));
  return engine_->Run(std::move(permit));
}

}  // namespace fuqi::node
