#include <algorithm>

#include "sql/statement_internal.h"

namespace fuqi::sql::internal {

Statement& Statement::operator<<(const Fragment& fragment) {
  sql_ += "(\n";
  pieces_.push_back({sql_.size(), &fragment});
  sql_ += fragment.text;
  sql_ += "\n)";
  return *this;
}

Statement::Place Statement::Find(Position offset) const {
  for (const Piece& piece : pieces_) {
    const Position position = offset - static_cast<Position>(piece.begin);
    const auto size = static_cast<Position>(piece.fragment->text.size());
    // What the parser finds wrong at our parenthesis is missing at the fragment's end.
    if (position >= 0 && position <= size + 1) {
      return {piece.fragment, std::min(position, size)};
    }
  }
  return {whole_, -1};
}

Error Statement::At(Position offset, Error error) const {
  const Place place = Find(offset);
  return place.fragment->At(place.position, std::move(error));
}

const Json* Member(const Json& node, const char* key) {
  if (!node.is_object()) {
    return nullptr;
  }
  const auto found = node.find(key);
  return found == node.end() || found->is_null() ? nullptr : &*found;
}

std::string TextOf(const Json& node, const char* key) {
  const Json* member = Member(node, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : std::string();
}

const Json::array_t& ItemsOf(const Json& node, const char* key) {
  static const Json::array_t kNone;
  const Json* member = Member(node, key);
  return member != nullptr && member->is_array() ? member->get_ref<const Json::array_t&>() : kNone;
}

bool IsTrue(const Json& node, const char* key) {
  const Json* member = Member(node, key);
  return member != nullptr && member->is_boolean() && member->get<bool>();
}

int64_t NumberOf(const Json& node, const char* key, int64_t fallback) {
  const Json* member = Member(node, key);
  return member != nullptr && member->is_number_integer() ? member->get<int64_t>() : fallback;
}

Position OffsetOf(const Json& node) {
  const Json* member = Member(node, "query_location");
  if (member == nullptr || !member->is_number_integer()) {
    return -1;
  }
  const auto offset = member->get<uint64_t>();
  return offset > (uint64_t{1} << 40) ? -1 : static_cast<Position>(offset);
}

Result<Json> ParseJson(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Err(ErrorCode::kUnsupported, "the SQL holds a constant that is no finite number");
  }
  return json;
}

Error UnknownShape(std::string_view what) {
  return Err(ErrorCode::kUnsupported,
             "the SQL engine's tree holds {}, which this version of Fuqi does not know", what);
}

}  // namespace fuqi::sql::internal
