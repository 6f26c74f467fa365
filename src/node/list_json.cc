#include "node/list_json.h"

#include "base/time.h"
#include "node/event_json.h"

namespace fuqi::node {
namespace {

using decide::ListEntry;

// A member of an object as T's text or value; nothing where it is missing.
Result<std::optional<std::string>> TextMember(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) {
    return std::optional<std::string>();
  }
  // Numbers by their own digits; whether they are values of the list, the list decides.
  if (found->is_number_integer() || found->is_boolean()) {
    return std::optional(found->dump());
  }
  if (!found->is_string()) {
    return Err(ErrorCode::kInvalidArgument, "the member is no text").At({.field = name});
  }
  return std::optional(found->get<std::string>());
}

Result<std::optional<int64_t>> TimeMember(const OrderedJson& object, const char* name) {
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

Result<void> CheckMembers(const OrderedJson& object,
                          std::initializer_list<std::string_view> names) {
  if (!object.is_object()) {
    return Err(ErrorCode::kInvalidArgument, "an object is needed here");
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return Err(ErrorCode::kInvalidArgument, "a member that is none of {}",
                 fmt::format("{}", fmt::join(names, ", ")));
    }
  }
  return {};
}

Result<std::string> ValueMember(const OrderedJson& object) {
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> value, TextMember(object, "value"));
  if (!value) {
    return Err(ErrorCode::kInvalidArgument, "the member 'value' is missing").At({.field = "value"});
  }
  return *std::move(value);
}

Result<ListEntry> ParseEntry(const OrderedJson& json) {
  FUQI_RETURN_IF_ERROR(
      CheckMembers(json, {"value", "aliases", "valid_from", "valid_to", "source", "reason"}));
  ListEntry entry;
  FUQI_ASSIGN_OR_RETURN(entry.value, ValueMember(json));
  FUQI_ASSIGN_OR_RETURN(std::optional<int64_t> from, TimeMember(json, "valid_from"));
  FUQI_ASSIGN_OR_RETURN(std::optional<int64_t> to, TimeMember(json, "valid_to"));
  entry.valid_from_us = from.value_or(decide::kSinceEver);
  entry.valid_to_us = to.value_or(decide::kForEver);
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> source, TextMember(json, "source"));
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> reason, TextMember(json, "reason"));
  entry.source = std::move(source).value_or("");
  entry.reason = std::move(reason).value_or("");
  if (const auto aliases = json.find("aliases"); aliases != json.end()) {
    if (!aliases->is_array()) {
      return Err(ErrorCode::kInvalidArgument, "an array is needed here").At({.field = "aliases"});
    }
    for (const OrderedJson& alias : *aliases) {
      if (!alias.is_string()) {
        return Err(ErrorCode::kInvalidArgument, "the member is no text").At({.field = "aliases"});
      }
      entry.aliases.push_back(alias.get<std::string>());
    }
  }
  return entry;
}

Result<decide::ListRemoval> ParseRemoval(const OrderedJson& json) {
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"value", "source", "valid_from"}));
  decide::ListRemoval removal;
  FUQI_ASSIGN_OR_RETURN(removal.value, ValueMember(json));
  FUQI_ASSIGN_OR_RETURN(removal.source, TextMember(json, "source"));
  FUQI_ASSIGN_OR_RETURN(removal.valid_from_us, TimeMember(json, "valid_from"));
  return removal;
}

// Each item of an array, which may be missing; errors name it: "put[3].value".
template <class T>
Result<std::vector<T>> ParseItems(const OrderedJson& json, const char* name,
                                  Result<T> (*parse)(const OrderedJson&)) {
  std::vector<T> items;
  const auto found = json.find(name);
  if (found == json.end()) {
    return items;
  }
  if (!found->is_array()) {
    return Err(ErrorCode::kInvalidArgument, "an array is needed here").At({.field = name});
  }
  for (const OrderedJson& item : *found) {
    Result<T> parsed = parse(item);
    if (!parsed) {
      const std::string member = parsed.error().where() ? "." + parsed.error().where()->field : "";
      return parsed.error().WithPlace(
          {.field = fmt::format("{}[{}]{}", name, items.size() + 1, member)});
    }
    items.push_back(*std::move(parsed));
  }
  return items;
}

}  // namespace

OrderedJson EntryJson(const ListEntry& entry) {
  OrderedJson json = {{"value", entry.value}};
  if (!entry.aliases.empty()) {
    json["aliases"] = entry.aliases;
  }
  if (entry.valid_from_us != decide::kSinceEver) {
    json["valid_from"] = Rfc3339(entry.valid_from_us);
  }
  if (entry.valid_to_us != decide::kForEver) {
    json["valid_to"] = Rfc3339(entry.valid_to_us);
  }
  if (!entry.source.empty()) {
    json["source"] = entry.source;
  }
  if (!entry.reason.empty()) {
    json["reason"] = entry.reason;
  }
  return json;
}

OrderedJson HeldJson(const decide::ListState::Held& held) {
  OrderedJson json = {{"entry", held.ref.ToText()}};
  json.update(EntryJson(held.entry));
  return json;
}

std::string ValidityText(const ListEntry& entry, Language language) {
  const bool begins = entry.valid_from_us != decide::kSinceEver;
  const bool ends = entry.valid_to_us != decide::kForEver;
  if (begins && ends) {
    return Say(language, "valid from {} to {}", Rfc3339(entry.valid_from_us),
               Rfc3339(entry.valid_to_us));
  }
  if (begins) {
    return Say(language, "valid from {} on", Rfc3339(entry.valid_from_us));
  }
  return ends ? Say(language, "valid until {}", Rfc3339(entry.valid_to_us))
              : std::string(Tr("valid at all times", language));
}

Result<void> ParseListChange(std::string_view text, decide::ListChange& change) {
  const OrderedJson json = OrderedJson::parse(text, nullptr, false);
  if (json.is_discarded()) {
    return Err(ErrorCode::kParse, "the text is not well-formed JSON");
  }
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"put", "remove"}));
  FUQI_ASSIGN_OR_RETURN(change.puts, ParseItems<ListEntry>(json, "put", ParseEntry));
  FUQI_ASSIGN_OR_RETURN(change.removals,
                        ParseItems<decide::ListRemoval>(json, "remove", ParseRemoval));
  if (change.puts.empty() && change.removals.empty()) {
    return Err(ErrorCode::kInvalidArgument, "nothing is put and nothing is removed");
  }
  return {};
}

}  // namespace fuqi::node
