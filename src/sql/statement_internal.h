#pragma once

// A statement put together from our own words and from users' fragments, which knows where each
// fragment went; and JSON read without trusting its shape. Not for others.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sql/fragment.h"

namespace fuqi::sql::internal {

using Json = nlohmann::json;

// The stub table that fragments are parsed and bound over.
inline constexpr std::string_view kEvents = "fuqi_events";

class Statement {
 public:
  // `whole`: the fragment that errors without a place are about. Fragments must outlive the object.
  explicit Statement(const Fragment& whole) : whole_(&whole) {}

  Statement& operator<<(std::string_view words) {
    sql_ += words;
    return *this;
  }
  // In parentheses; a line break keeps a comment at its end from swallowing them.
  Statement& operator<<(const Fragment& fragment);

  const std::string& sql() const { return sql_; }

  // Where the byte at this offset of the statement came from: -1 if from our own words.
  struct Place {
    const Fragment* fragment;
    Position position;
  };
  Place Find(Position offset) const;
  Error At(Position offset, Error error) const;

 private:
  struct Piece {
    size_t begin;
    const Fragment* fragment;
  };

  const Fragment* whole_;
  std::string sql_;
  std::vector<Piece> pieces_;
};

// The member `key`; nullptr if there is none or it is null.
const Json* Member(const Json& node, const char* key);
// Its text; empty if it is none.
std::string TextOf(const Json& node, const char* key);
// Its elements; none if it is no array.
const Json::array_t& ItemsOf(const Json& node, const char* key);
bool IsTrue(const Json& node, const char* key);
// The member as a number of 64 bits or fewer; `fallback` if it is none.
int64_t NumberOf(const Json& node, const char* key, int64_t fallback);
// query_location; -1 where DuckDB knows none.
Position OffsetOf(const Json& node);

// Parses what the binder gave; kUnsupported if it is no JSON object.
Result<Json> ParseJson(std::string_view text);
// DuckDB gave a tree that this version of Fuqi does not know.
Error UnknownShape(std::string_view what);

}  // namespace fuqi::sql::internal
