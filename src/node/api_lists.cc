// What the server answers about lists and references: changes that act on the next event, and what
// lists hold.

#include "node/api.h"
#include "node/api_change.h"
#include "node/event_json.h"
#include "node/json_text.h"
#include "node/list_json.h"

namespace fuqi::node {
namespace {

// A place among a list's entries, for the next page.
std::string Cursor(const decide::ListEntryId& id) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.Text(id.value);
  writer.Text(id.source);
  writer.Fixed(id.valid_from_us);
  return ToHex(bytes);
}

Result<decide::ListEntryId> ReadCursor(std::string_view text) {
  FUQI_ASSIGN_OR_RETURN(Bytes bytes, FromHex(text));
  ByteReader reader(bytes);
  decide::ListEntryId id;
  id.value = reader.Text();
  id.source = reader.Text();
  id.valid_from_us = reader.Fixed<int64_t>();
  FUQI_RETURN_IF_ERROR(reader.Finish("a cursor"));
  return id;
}

// What a client asks of a list.
struct Asked {
  std::optional<std::string> value;
  std::optional<decide::ListEntryId> after;
  size_t limit = 100;
};

Result<Asked> ReadAsked(std::string_view query) {
  Asked asked;
  const bool good = ReadQuery(query, [&](std::string_view name, const std::string& text) {
    if (name == "value") {
      asked.value = text;
      return true;
    }
    if (name == "after") {
      Result<decide::ListEntryId> id = ReadCursor(text);
      if (!id) {
        return false;
      }
      asked.after = *std::move(id);
      return true;
    }
    return name == "limit" && ReadLimit(text, asked.limit);
  });
  if (!good) {
    return Err(ErrorCode::kInvalidArgument,
               "the query takes value, after (as the page before gave it) and limit (1 to {})",
               kPageMost);
  }
  return asked;
}

}  // namespace

void Api::ChangeList(const HttpRequest& request, const ServedPack& served, const std::string& list,
                     Reply reply) {
  const Language language = request.language;
  decide::ListChange change;
  change.head = {request.caller, clock_.NowUs(), request.idempotency_key};
  change.list = list;
  if (Result<void> parsed = ParseListChange(request.body, change); !parsed) {
    return reply(
        [error = parsed.error(), language] { return BodyRefusal(error, language, ChangeRefusal); });
  }
  SubmitChange(*served.runner, std::move(change), request, ChangeRefusal, std::move(reply));
}

void Api::ChangeReference(HttpRequest request, const ServedPack& served,
                          const std::string& reference, Reply reply) {
  const Language language = request.language;
  auto refuse = [&](const Error& error) {
    reply([error, language] { return BodyRefusal(error, language, ChangeRefusal); });
  };
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  const decide::Reference* known = version->pack->pack().FindReference(reference);
  if (known == nullptr) {
    return refuse(Err(ErrorCode::kNotFound, "the pack has no reference '{}'", reference));
  }
  thread_local EventJson parser;
  Result<EventJson::Events> parsed = parser.Parse(known->schema, request.body, bounds_.items);
  if (!parsed) {
    return refuse(parsed.error());
  }
  decide::ReferenceChange change{
      {request.caller, clock_.NowUs(), request.idempotency_key}, reference, known->schema, {}};
  for (Result<table::Row>& row : parsed->rows) {
    Result<void> good = row ? decide::CheckRow(*known, *row) : Result<void>(row.error());
    if (!good) {
      const std::string field = good.error().where() ? "." + good.error().where()->field : "";
      return refuse(
          good.error().WithPlace({.field = fmt::format("[{}]{}", change.rows.size() + 1, field)}));
    }
    change.rows.push_back(*std::move(row));
  }
  if (change.rows.empty()) {
    return refuse(Err(ErrorCode::kInvalidArgument, "nothing is put and nothing is removed"));
  }
  SubmitChange(*served.runner, std::move(change), request, ChangeRefusal, std::move(reply));
}

HttpResponse Api::GetList(const ServedPack& served, const std::string& list,
                          const HttpRequest& request) const {
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  const decide::List* known = version->pack->pack().FindList(list);
  if (known == nullptr) {
    return ProblemResponse({.type = ProblemType::kNoSuchList}, request.language);
  }
  const Result<Asked> asked = ReadAsked(request.query);
  if (!asked) {
    return ChangeRefusal(asked.error(), request.language);
  }
  Result<table::Datum> value = table::Datum::Null();
  if (asked->value) {
    value = table::ParseText(*asked->value, known->type);
    if (!value) {  // whose error would repeat it
      return ChangeRefusal(
          Err(ErrorCode::kTypeMismatch, "this is no value of a list of {}", known->type.ToString())
              .At({.field = "value"}),
          request.language);
    }
  }
  std::vector<decide::ListState::Held> page;
  std::optional<size_t> size;
  served.runner->partition().ReadCommitted([&](const decide::Committed& committed) {
    if (const decide::ListState* state = committed.FindList(list); state != nullptr) {
      size = state->size();
      page = value->is_null() ? state->Page(asked->after, asked->limit) : state->Named(*value);
    }
  });
  if (!size) {
    // Another version, without it, has come to decide meanwhile.
    return ProblemResponse({.type = ProblemType::kNoSuchList}, request.language);
  }
  OrderedJson json = {{"list", list},
                      {"type", known->type.ToString()},
                      {"size", *size},
                      {"entries", OrderedJson::array()}};
  for (const decide::ListState::Held& held : page) {
    json["entries"].push_back(HeldJson(held));
  }
  if (value->is_null() && page.size() == asked->limit) {
    json["next"] = Cursor(page.back().entry.id());
  }
  HttpResponse response;
  response.body = json.dump();
  return response;
}

}  // namespace fuqi::node
