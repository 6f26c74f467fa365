#include "base/toml.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/nearest.h"
#include "base/utf8.h"

namespace fuqi {

// Our own tree, built once from toml++'s: in file order, and with what was asked for.
struct TomlNode::Data {
  Kind kind = Kind::kTable;
  int line = 0;
  int column = 0;
  const Data* parent = nullptr;  // none at the root
  std::string key;               // in the parent, if that is a table
  int key_line = 0;
  int key_column = 0;
  size_t number_in_array = 0;  // in the parent, if that is an array; from 1
  std::string text;
  int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::vector<std::unique_ptr<Data>> children;  // of a table, in file order, or of an array
  mutable std::vector<std::string> wanted;      // keys that a reader knows, there or not
};

struct TomlNode::Document {
  std::string file;
  std::string text;  // without a byte order mark
  Data root;
};

namespace {

// "a.b", quoted where the key is not bare.
std::string JoinPath(const std::string& path, std::string_view key) {
  const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || static_cast<uint8_t>(c) >= 0x80;
  });
  return fmt::format("{}{}{}", path, path.empty() ? "" : ".",
                     bare ? std::string(key) : fmt::format("\"{}\"", key));
}

std::string_view KindName(TomlNode::Kind kind) {
  switch (kind) {
    case TomlNode::Kind::kTable:
      return "table";
    case TomlNode::Kind::kArray:
      return "array";
    case TomlNode::Kind::kString:
      return "string";
    case TomlNode::Kind::kInteger:
      return "integer";
    case TomlNode::Kind::kFloat:
      return "float";
    case TomlNode::Kind::kBoolean:
      return "boolean";
    case TomlNode::Kind::kDateTime:
      return "date-time";
  }
  return "";
}

// A place in the source that moves on by bytes and knows its line and column.
struct Cursor {
  std::string_view text;
  size_t offset = 0;
  int line = 1;
  int column = 1;

  bool at_end() const { return offset >= text.size(); }
  bool At(std::string_view what) const { return text.substr(offset).starts_with(what); }
  void Advance(size_t bytes) {
    for (const size_t end = offset + std::min(bytes, text.size() - offset); offset < end;
         ++offset) {
      if (text[offset] == '\n') {
        ++line;
        column = 1;
      } else if (!ContinuesUtf8(text[offset])) {
        ++column;
      }
    }
  }
  static bool ContinuesUtf8(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }
};

// The text between the quotes of a TOML string, read unit by unit: a character, an escape, or a
// line continuation.
class StringReader {
 public:
  // `in` is at the opening quote; afterwards at the first character of the value.
  explicit StringReader(Cursor& in) : in_(in) {
    const char quote = in.text[in.offset];
    literal_ = quote == '\'';
    multi_line_ = in.At(std::string(3, quote));
    close_ = std::string(multi_line_ ? 3 : 1, quote);
    in_.Advance(close_.size());
    if (multi_line_) {
      in_.Advance(in_.At("\r\n") ? 2 : in_.At("\n") ? 1 : 0);
    }
  }

  bool AtClose() const {
    // Up to two quotes may stand before the closing three.
    return in_.at_end() || (in_.At(close_) && !(multi_line_ && in_.At(close_ + close_[0])));
  }

  // Passes one unit; gives the bytes that it adds to the value.
  size_t Next() {
    if (in_.text[in_.offset] != '\\' || literal_) {
      if (in_.At("\r\n")) {
        in_.Advance(2);
        return 1;
      }
      size_t end = in_.offset + 1;
      while (end < in_.text.size() && Cursor::ContinuesUtf8(in_.text[end])) {
        ++end;
      }
      const size_t bytes = end - in_.offset;
      in_.Advance(bytes);
      return bytes;
    }
    const char kind = in_.offset + 1 < in_.text.size() ? in_.text[in_.offset + 1] : '\0';
    if (kind == 'u' || kind == 'U') {
      const size_t digits = kind == 'u' ? 4 : 8;
      const std::string hex(in_.text.substr(in_.offset + 2, digits));
      const unsigned long code = std::strtoul(hex.c_str(), nullptr, 16);
      in_.Advance(2 + digits);
      return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    }
    const size_t after = in_.text.find_first_not_of(" \t\r\n", in_.offset + 1);
    const size_t end = std::min(after, in_.text.size());
    if (in_.text.substr(in_.offset, end - in_.offset).find('\n') != std::string_view::npos) {
      in_.Advance(end - in_.offset);
      return 0;
    }
    in_.Advance(2);
    return 1;
  }

 private:
  Cursor& in_;
  bool literal_;
  bool multi_line_;
  std::string close_;
};

// SECURITY: toml++ bounds how deep values nest but not how many parts a dotted key has, and both it
// and we walk tables by recursion; a key of 200,000 parts ends the process. Test:
// Toml.RefusesAKeyWithTooManyParts.
Result<void> CheckKeyDepth(std::string_view text, const std::string& file) {
  constexpr int kPartsMax = 32;
  Cursor in{text};
  int dots = 0;
  while (!in.at_end()) {
    const char c = in.text[in.offset];
    if (c == '"' || c == '\'') {
      StringReader string(in);
      while (!string.AtClose()) {
        string.Next();
      }
      // The closing quotes: one or three.
      in.Advance(in.At(std::string(3, c)) ? 3 : 1);
      continue;
    }
    if (c == '#') {
      in.Advance(std::min(in.text.find('\n', in.offset), in.text.size()) - in.offset);
      continue;
    }
    if (c == '.' && ++dots >= kPartsMax) {
      return Err(ErrorCode::kConfig, "a key of more than {} parts", kPartsMax)
          .At({.file = file, .line = in.line, .column = in.column});
    }
    if (c == '=' || c == ',' || c == '[' || c == '{' || c == '\n') {
      dots = 0;
    }
    in.Advance(1);
  }
  return {};
}

}  // namespace

// Copies toml++'s tree into ours.
struct TomlBuilder {
  static int Index(toml::source_index index) { return static_cast<int>(index); }

  // Deep enough for any configuration, shallow enough for recursion.
  static constexpr int kDepthMax = 64;

  // False if values nest too deeply; `data` is then the value that does.
  static bool Build(const toml::node& node, int depth, TomlNode::Data& data) {
    using Data = TomlNode::Data;
    using Kind = TomlNode::Kind;
    data.line = Index(node.source().begin.line);
    data.column = Index(node.source().begin.column);
    if (depth > kDepthMax) {
      return false;
    }
    if (const toml::table* table = node.as_table()) {
      data.kind = Kind::kTable;
      for (const auto& [key, value] : *table) {
        Data& child = *data.children.emplace_back(std::make_unique<Data>());
        child.parent = &data;
        child.key = key.str();
        child.key_line = Index(key.source().begin.line);
        child.key_column = Index(key.source().begin.column);
        if (!Build(value, depth + 1, child)) {
          return false;
        }
      }
      std::ranges::sort(data.children, {}, [](const std::unique_ptr<Data>& child) {
        return std::pair(child->key_line, child->key_column);
      });
    } else if (const toml::array* array = node.as_array()) {
      data.kind = Kind::kArray;
      for (const toml::node& value : *array) {
        Data& child = *data.children.emplace_back(std::make_unique<Data>());
        child.parent = &data;
        child.number_in_array = data.children.size();
        if (!Build(value, depth + 1, child)) {
          return false;
        }
      }
    } else if (const auto* text = node.as_string()) {
      data.kind = Kind::kString;
      data.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
      data.kind = Kind::kInteger;
      data.integer = integer->get();
    } else if (const auto* number = node.as_floating_point()) {
      data.kind = Kind::kFloat;
      data.number = number->get();
    } else if (const auto* boolean = node.as_boolean()) {
      data.kind = Kind::kBoolean;
      data.boolean = boolean->get();
    } else {
      data.kind = Kind::kDateTime;
    }
    return true;
  }
};

Result<TomlNode> TomlNode::Parse(std::string_view text, std::string file) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (const std::optional<size_t> bad = FirstBadUtf8(text)) {
    Cursor in{text};
    in.Advance(*bad);
    return Err(ErrorCode::kConfig, "the file is not UTF-8 text: byte 0x{} does not belong here",
               ToHex(AsBytes(text.substr(*bad, 1))))
        .At({.file = std::move(file), .line = in.line, .column = in.column});
  }
  FUQI_RETURN_IF_ERROR(CheckKeyDepth(text, file));
  auto document = std::make_shared<Document>();
  document->file = std::move(file);
  document->text = text;
  try {
    // Debian's library is built with exceptions; they end here.
    const toml::table table = toml::parse(std::string_view(document->text));
    if (!TomlBuilder::Build(table, 0, document->root)) {
      return Err(ErrorCode::kConfig, "values nest more than {} deep", TomlBuilder::kDepthMax)
          .At({.file = document->file});
    }
  } catch (const toml::parse_error& error) {
    return Err(ErrorCode::kConfig, "not well-formed TOML: {}", error.description())
        .At({.file = document->file,
             .line = TomlBuilder::Index(error.source().begin.line),
             .column = TomlBuilder::Index(error.source().begin.column)});
  }
  const Data* root = &document->root;
  return TomlNode(std::move(document), root);
}

Result<TomlNode> TomlNode::Load(Disk& disk, const std::string& path, uint64_t max_bytes) {
  FUQI_ASSIGN_OR_RETURN(Bytes bytes, ReadFile(disk, path, max_bytes));
  return Parse(AsText(bytes), path);
}

TomlNode::Kind TomlNode::kind() const { return data_->kind; }

std::string TomlNode::Path() const {
  if (data_->parent == nullptr) {
    return "";
  }
  const TomlNode parent(document_, data_->parent);
  return parent.is_array() ? fmt::format("{}[{}]", parent.Path(), data_->number_in_array)
                           : JoinPath(parent.Path(), data_->key);
}

Where TomlNode::where() const {
  return {.file = document_->file, .line = data_->line, .column = data_->column, .field = Path()};
}

Where TomlNode::KeyWhere() const {
  return {.file = document_->file,
          .line = data_->key_line,
          .column = data_->key_column,
          .field = Path()};
}

Where TomlNode::At(size_t offset) const {
  Where where = this->where();
  if (!is_string()) {
    return where;
  }
  Cursor in{document_->text};
  while (!in.at_end() && (in.line < data_->line || in.column < data_->column)) {
    in.Advance(1);
  }
  StringReader reader(in);
  for (size_t passed = 0;;) {
    const Cursor before = in;
    if (reader.AtClose()) {
      break;
    }
    passed += reader.Next();
    if (passed > offset) {
      in = before;
      break;
    }
  }
  where.line = in.line;
  where.column = in.column;
  return where;
}

Error TomlNode::WrongKind(Kind needed) const {
  return Fail("the value is of type {}, and {} is needed", KindName(kind()), KindName(needed));
}

template <>
Result<std::string> TomlNode::As() const {
  if (!is_string()) {
    return WrongKind(Kind::kString);
  }
  return data_->text;
}

template <>
Result<bool> TomlNode::As() const {
  if (kind() != Kind::kBoolean) {
    return WrongKind(Kind::kBoolean);
  }
  return data_->boolean;
}

template <>
Result<int64_t> TomlNode::As() const {
  if (kind() != Kind::kInteger) {
    return WrongKind(Kind::kInteger);
  }
  return data_->integer;
}

template <>
Result<int> TomlNode::As() const {
  FUQI_ASSIGN_OR_RETURN(int64_t value, As<int64_t>());
  if (!std::in_range<int>(value)) {
    return Fail("{} does not fit in 32 bits", value);
  }
  return static_cast<int>(value);
}

template <>
Result<double> TomlNode::As() const {
  if (kind() == Kind::kInteger) {
    return static_cast<double>(data_->integer);
  }
  if (kind() != Kind::kFloat) {
    return WrongKind(Kind::kFloat);
  }
  if (!std::isfinite(data_->number)) {
    return Fail("the number must be finite");
  }
  return data_->number;
}

template <>
Result<Duration> TomlNode::As() const {
  FUQI_ASSIGN_OR_RETURN(std::string text, As<std::string>());
  Result<Duration> duration = ParseDuration(text);
  if (!duration) {
    return duration.error().WithCode(ErrorCode::kConfig).At(where());
  }
  return duration;
}

Result<std::optional<TomlNode>> TomlNode::Find(std::string_view key) const {
  if (!is_table()) {
    return WrongKind(Kind::kTable);
  }
  if (std::ranges::find(data_->wanted, key) == data_->wanted.end()) {
    data_->wanted.emplace_back(key);
  }
  for (const auto& child : data_->children) {
    if (child->key == key) {
      return std::optional<TomlNode>(TomlNode(document_, child.get()));
    }
  }
  return std::optional<TomlNode>();
}

Error TomlNode::Missing(std::string_view key) const {
  Where where = this->where();
  where.field = JoinPath(where.field, key);
  return Err(ErrorCode::kConfig, "this key is required and is not there").At(std::move(where));
}

Result<std::vector<TomlNode>> TomlNode::Items() const {
  if (!is_array()) {
    return WrongKind(Kind::kArray);
  }
  std::vector<TomlNode> items;
  items.reserve(data_->children.size());
  for (const auto& child : data_->children) {
    items.push_back(TomlNode(document_, child.get()));
  }
  return items;
}

Result<std::vector<TomlNode::Entry>> TomlNode::Entries() const {
  if (!is_table()) {
    return WrongKind(Kind::kTable);
  }
  std::vector<Entry> entries;
  entries.reserve(data_->children.size());
  data_->wanted.clear();
  for (const auto& child : data_->children) {
    data_->wanted.push_back(child->key);
    const TomlNode value(document_, child.get());
    entries.push_back({.key = child->key, .where = value.KeyWhere(), .value = value});
  }
  return entries;
}

Result<void> TomlNode::CheckNoUnknownKeys() const {
  for (const auto& child : data_->children) {
    const TomlNode value(document_, child.get());
    if (is_table() && std::ranges::find(data_->wanted, child->key) == data_->wanted.end()) {
      if (const std::optional<std::string> near = NearestName(child->key, data_->wanted)) {
        return Err(ErrorCode::kConfig, "unknown key; did you mean \"{}\"?", *near)
            .At(value.KeyWhere());
      }
      return Err(ErrorCode::kConfig, "unknown key").At(value.KeyWhere());
    }
    FUQI_RETURN_IF_ERROR(value.CheckNoUnknownKeys());
  }
  return {};
}

}  // namespace fuqi
