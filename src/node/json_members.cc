#include "node/json_members.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/time.h"

namespace fuqi::node {
namespace {

// Reads the text without keeping it, as far as the first fault.
class Bounds final : public nlohmann::json_sax<BodyJson> {
 public:
  bool null() override { return Count(); }
  bool boolean(bool) override { return Count(); }
  bool number_integer(number_integer_t) override { return Count(); }
  bool number_unsigned(number_unsigned_t) override { return Count(); }
  bool number_float(number_float_t, const string_t&) override { return Count(); }
  bool string(string_t&) override { return Count(); }
  bool binary(binary_t&) override { return Count(); }
  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    std::set<std::string>& names = open_.back();
    if (!names.insert(name).second) {
      return Note(Err(ErrorCode::kParse, "two members of one name").At({.field = name}));
    }
    return names.size() <= kBodyMembersMax ||
           Note(Err(ErrorCode::kResourceExhausted, "an object of more than {} members",
                    kBodyMembersMax));
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Note(Err(ErrorCode::kParse, "the text is not well-formed JSON"));
  }
  const std::optional<Error>& fault() const { return fault_; }

 private:
  bool Note(Error error) {
    fault_ = std::move(error);
    return false;
  }
  bool Count() {
    return ++values_ <= kBodyValuesMax ||
           Note(Err(ErrorCode::kResourceExhausted, "more than {} values", kBodyValuesMax));
  }
  bool Open() {
    if (open_.size() == kBodyDepthMax) {
      return Note(Err(ErrorCode::kResourceExhausted, "nested more than {} deep", kBodyDepthMax));
    }
    open_.emplace_back();
    return Count();
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> open_;  // the names seen in what is open; an array has none
  size_t values_ = 0;
  std::optional<Error> fault_;
};

Error NoText(const char* name) {
  return Err(ErrorCode::kInvalidArgument, "the member is no text").At({.field = name});
}

}  // namespace

Result<BodyJson> ParseBody(std::string_view text) {
  // Twice, since the library's own hook while it builds looks at all earlier items for each.
  Bounds bounds;
  if (!BodyJson::sax_parse(text, &bounds)) {
    return *bounds.fault();
  }
  BodyJson json = BodyJson::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Err(ErrorCode::kParse, "the body is no JSON object");
  }
  return json;
}

Result<void> CheckMembers(const BodyJson& json, std::initializer_list<std::string_view> names) {
  if (!json.is_object()) {
    return Err(ErrorCode::kInvalidArgument, "an object is needed here");
  }
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(names, name) == names.end()) {
      return Err(ErrorCode::kInvalidArgument, "a member that is none of {}",
                 fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  return {};
}

Result<std::optional<std::string>> TextMember(const BodyJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return std::optional<std::string>();
  }
  if (!found->is_string()) {
    return NoText(name);
  }
  return std::optional(found->get<std::string>());
}

Result<std::optional<std::string>> ValueMember(const BodyJson& object, const char* name) {
  const auto found = object.find(name);
  if (found != object.end() && (found->is_number_integer() || found->is_boolean())) {
    return std::optional(found->dump());
  }
  return TextMember(object, name);
}

Result<std::optional<int64_t>> TimeMember(const BodyJson& object, const char* name) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> text, TextMember(object, name));
  if (!text) {
    return std::optional<int64_t>();
  }
  if (const Result<int32_t> day = ParseDate(*text)) {
    return std::optional(*day * kDayUs);
  }
  Result<int64_t> time = ParseTimestamp(*text);
  if (!time) {
    return Err(ErrorCode::kInvalidArgument, "write a time as 2024-01-31 or 2024-01-31T12:00:00Z")
        .At({.field = name});
  }
  return std::optional(*time);
}

Result<const BodyJson*> ArrayMember(const BodyJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    static const BodyJson kNone = BodyJson::array();
    return &kNone;
  }
  if (!found->is_array()) {
    return Err(ErrorCode::kInvalidArgument, "an array is needed here").At({.field = name});
  }
  return &*found;
}

}  // namespace fuqi::node
