#include "node/list_json.h"

#include "base/time.h"
#include "node/json_members.h"

namespace fuqi::node {
namespace {

using decide::ListEntry;

Result<ListEntry> ParseEntry(const BodyJson& json) {
  FUQI_RETURN_IF_ERROR(
      CheckMembers(json, {"value", "aliases", "valid_from", "valid_to", "source", "reason"}));
  ListEntry entry;
  FUQI_ASSIGN_OR_RETURN(entry.value, Required(ValueMember(json, "value"), "value"));
  FUQI_ASSIGN_OR_RETURN(std::optional<int64_t> from, TimeMember(json, "valid_from"));
  FUQI_ASSIGN_OR_RETURN(std::optional<int64_t> to, TimeMember(json, "valid_to"));
  entry.valid_from_us = from.value_or(decide::kSinceEver);
  entry.valid_to_us = to.value_or(decide::kForEver);
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> source, TextMember(json, "source"));
  FUQI_ASSIGN_OR_RETURN(std::optional<std::string> reason, TextMember(json, "reason"));
  entry.source = std::move(source).value_or("");
  entry.reason = std::move(reason).value_or("");
  FUQI_ASSIGN_OR_RETURN(const BodyJson* aliases, ArrayMember(json, "aliases"));
  for (const BodyJson& alias : *aliases) {
    if (!alias.is_string()) {
      return Err(ErrorCode::kInvalidArgument, "the member is no text").At({.field = "aliases"});
    }
    entry.aliases.push_back(alias.get<std::string>());
  }
  return entry;
}

Result<decide::ListRemoval> ParseRemoval(const BodyJson& json) {
  FUQI_RETURN_IF_ERROR(CheckMembers(json, {"value", "source", "valid_from"}));
  decide::ListRemoval removal;
  FUQI_ASSIGN_OR_RETURN(removal.value, Required(ValueMember(json, "value"), "value"));
  FUQI_ASSIGN_OR_RETURN(removal.source, TextMember(json, "source"));
  FUQI_ASSIGN_OR_RETURN(removal.valid_from_us, TimeMember(json, "valid_from"));
  return removal;
}

// Each item of an array, which may be missing; errors name it: "put[3].value".
template <class T>
Result<std::vector<T>> ParseItems(const BodyJson& json, const char* name,
                                  Result<T> (*parse)(const BodyJson&)) {
  FUQI_ASSIGN_OR_RETURN(const BodyJson* array, ArrayMember(json, name));
  std::vector<T> items;
  items.reserve(array->size());
  for (const BodyJson& item : *array) {
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
  FUQI_ASSIGN_OR_RETURN(const BodyJson json, ParseBody(text));
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
