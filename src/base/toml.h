#pragma once

// TOML as every configuration file and pack of Fuqi is read: typed, strict, and with the place of
// every fault.
//
// A TomlNode is a cheap handle on one value; it keeps the whole document alive. Keys of a table
// come in file order. A reader asks for the keys that it knows; CheckNoUnknownKeys() at the end
// makes every key that nobody asked for an error. All errors are kConfig and carry file, line,
// column and the key's path.
//
// Threads: asking marks the key as known, so one thread at a time reads a document.
//
//   FUQI_ASSIGN_OR_RETURN(TomlNode root, TomlNode::Load(disk, "pack.toml"));
//   FUQI_ASSIGN_OR_RETURN(TomlNode pack, root.Required<TomlNode>("pack"));
//   FUQI_ASSIGN_OR_RETURN(std::string name, pack.Required<std::string>("name"));
//   FUQI_ASSIGN_OR_RETURN(Duration lateness, pack.Or("lateness", Duration{0}));
//   FUQI_RETURN_IF_ERROR(root.CheckNoUnknownKeys());

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/result.h"
#include "base/time.h"

namespace fuqi {

class TomlNode {
 public:
  enum class Kind : uint8_t { kTable, kArray, kString, kInteger, kFloat, kBoolean, kDateTime };

  // `file` is what errors name. kConfig: malformed TOML, a key given twice, bytes that are not
  // UTF-8.
  static Result<TomlNode> Parse(std::string_view text, std::string file);
  // kNotFound, kIo, kResourceExhausted beyond max_bytes; else as Parse, errors name `path`.
  static Result<TomlNode> Load(Disk& disk, const std::string& path, uint64_t max_bytes = 16u << 20);

  Kind kind() const;
  bool is_table() const { return kind() == Kind::kTable; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_string() const { return kind() == Kind::kString; }

  // Where the value begins; field is the path of keys, array items counted from 1: "rule[2].when".
  Where where() const;
  // Where the byte at `offset` of this string's value stands in the file, escapes and line
  // continuations included; an offset at or beyond the end is the closing quote. For anything but a
  // string: where().
  Where At(size_t offset) const;

  // The value as T: std::string, bool, int64_t, int (within its range), double (an integer will
  // do), Duration (a text such as "10 minutes"), TomlNode (itself), or std::vector of one of these
  // (an array).
  template <class T>
  Result<T> As() const;

  // The value of `key` in this table; all three mark the key as known.
  template <class T>
  Result<T> Required(std::string_view key) const;
  template <class T>
  Result<std::optional<T>> Optional(std::string_view key) const;
  template <class T>
  Result<T> Or(std::string_view key, T fallback) const;

  // This table's keys in file order; marks all of them as known, since the reader takes whatever
  // names there are.
  struct Entry;
  Result<std::vector<Entry>> Entries() const;

  // kConfig for a key, of this value or of one within it, that nobody asked for; suggests the
  // nearest known key of the same table.
  Result<void> CheckNoUnknownKeys() const;

  // For a reader's own findings: Fail("…") is a kConfig placed at this value.
  template <class... Args>
  Error Fail(MessageTemplate message, const Args&... args) const {
    return Err(ErrorCode::kConfig, message, args...).At(where());
  }

 private:
  struct Data;
  struct Document;
  friend struct TomlBuilder;
  TomlNode(std::shared_ptr<const Document> document, const Data* data)
      : document_(std::move(document)), data_(data) {}

  std::string Path() const;
  Where KeyWhere() const;
  Error WrongKind(Kind needed) const;
  Error Missing(std::string_view key) const;
  // The value of `key`, or none; kConfig if this is no table.
  Result<std::optional<TomlNode>> Find(std::string_view key) const;
  Result<std::vector<TomlNode>> Items() const;

  std::shared_ptr<const Document> document_;
  const Data* data_;
};

struct TomlNode::Entry {
  std::string key;
  Where where;  // of the key
  TomlNode value;
};

template <>
Result<std::string> TomlNode::As() const;
template <>
Result<bool> TomlNode::As() const;
template <>
Result<int64_t> TomlNode::As() const;
template <>
Result<int> TomlNode::As() const;
template <>
Result<double> TomlNode::As() const;
template <>
Result<Duration> TomlNode::As() const;
template <>
inline Result<TomlNode> TomlNode::As() const {
  return *this;
}

template <class T>
Result<T> TomlNode::As() const {
  FUQI_ASSIGN_OR_RETURN(std::vector<TomlNode> items, Items());
  T values;
  values.reserve(items.size());
  for (const TomlNode& item : items) {
    FUQI_ASSIGN_OR_RETURN(typename T::value_type value, item.As<typename T::value_type>());
    values.push_back(std::move(value));
  }
  return values;
}

template <class T>
Result<T> TomlNode::Required(std::string_view key) const {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, Find(key));
  if (!node) {
    return Missing(key);
  }
  return node->As<T>();
}

template <class T>
Result<std::optional<T>> TomlNode::Optional(std::string_view key) const {
  FUQI_ASSIGN_OR_RETURN(std::optional<TomlNode> node, Find(key));
  if (!node) {
    return std::optional<T>();
  }
  FUQI_ASSIGN_OR_RETURN(T value, node->As<T>());
  return std::optional<T>(std::move(value));
}

template <class T>
Result<T> TomlNode::Or(std::string_view key, T fallback) const {
  FUQI_ASSIGN_OR_RETURN(std::optional<T> value, Optional<T>(key));
  return value ? std::move(*value) : std::move(fallback);
}

}  // namespace fuqi
