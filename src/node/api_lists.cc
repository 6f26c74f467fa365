// What the server answers about lists and references: changes that act on the next event, and what
// lists hold.

#include <charconv>

#include "node/api.h"
#include "node/event_json.h"
#include "node/json_text.h"
#include "node/list_json.h"

namespace fuqi::node {
namespace {

constexpr size_t kPageMost = 1'000;

// An error about a list or a change as a client is told it.
HttpResponse ChangeRefusal(const Error& error, Language language) {
  Problem problem = ProblemOf(error, language);
  switch (error.code()) {
    case ErrorCode::kNotFound:
      problem = {.type = ProblemType::kNoSuchList, .detail = error.message(language)};
      break;
    case ErrorCode::kAlreadyExists:
      problem.detail = error.message(language);
      [[fallthrough]];
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTypeMismatch:
    case ErrorCode::kOutOfRange:
      problem.type = ProblemType::kInvalidChange;
      problem.field = error.where() ? error.where()->field : "";
      break;
    case ErrorCode::kConflict:
      problem.type = ProblemType::kChangeIdTaken;
      break;
    default:
      break;
  }
  return ProblemResponse(problem, language);
}

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

Result<Asked> ReadQuery(std::string_view query) {
  Asked asked;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const std::string_view name = part.substr(0, part.find('='));
    const std::optional<std::string> text =
        name.size() == part.size() ? std::nullopt : PercentDecoded(part.substr(name.size() + 1));
    auto fail = [&] {
      return Err(ErrorCode::kInvalidArgument,
                 "the query takes value, after (as the page before gave it) and limit (1 to {})",
                 kPageMost);
    };
    if (!text) {
      return fail();
    }
    if (name == "value") {
      asked.value = *text;
    } else if (name == "after") {
      Result<decide::ListEntryId> id = ReadCursor(*text);
      if (!id) {
        return fail();
      }
      asked.after = *std::move(id);
    } else if (name == "limit") {
      const auto [end, bad] =
          std::from_chars(text->data(), text->data() + text->size(), asked.limit);
      if (bad != std::errc() || end != text->data() + text->size() || asked.limit < 1 ||
          asked.limit > kPageMost) {
        return fail();
      }
    } else {
      return fail();
    }
  }
  return asked;
}

// Makes the change and tells when it is on disk.
void Submit(PackRunner& runner, decide::Change change, const HttpRequest& request, Reply reply) {
  std::vector<Job> jobs(1);
  jobs[0].what = std::move(change);
  jobs[0].started_ns = request.started_ns;
  jobs[0].done = [language = request.language, reply = std::move(reply)](Answer answer) {
    reply([language, answer = std::move(answer)] {
      const auto* applied = std::get_if<decide::Applied>(&answer);
      if (applied == nullptr) {
        return ChangeRefusal(std::get<Error>(answer), language);
      }
      HttpResponse response;
      response.body = fmt::format(R"({{"record":{}}})", applied->seq);
      if (applied->repeated) {
        response.headers.emplace_back("Idempotent-Replayed", "true");
      }
      return response;
    });
  };
  runner.Submit(std::move(jobs));
}

}  // namespace

void Api::ChangeList(const HttpRequest& request, const ServedPack& served, const std::string& list,
                     Reply reply) {
  const Language language = request.language;
  decide::ListChange change;
  change.head = {request.caller, clock_.NowUs(), request.idempotency_key};
  change.list = list;
  if (Result<void> parsed = ParseListChange(request.body, change); !parsed) {
    return reply([error = parsed.error(), language] { return ChangeRefusal(error, language); });
  }
  Submit(*served.runner, std::move(change), request, std::move(reply));
}

void Api::ChangeReference(HttpRequest request, const ServedPack& served,
                          const std::string& reference, Reply reply) {
  const Language language = request.language;
  auto refuse = [&](const Error& error) {
    reply([error, language] { return ChangeRefusal(error, language); });
  };
  const decide::Reference* known = served.pack->pack().FindReference(reference);
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
  Submit(*served.runner, std::move(change), request, std::move(reply));
}

HttpResponse Api::GetList(const ServedPack& served, const std::string& list,
                          const HttpRequest& request) const {
  const decide::List* known = served.pack->pack().FindList(list);
  if (known == nullptr) {
    return ProblemResponse({.type = ProblemType::kNoSuchList}, request.language);
  }
  const Result<Asked> asked = ReadQuery(request.query);
  if (!asked) {
    return ChangeRefusal(asked.error(), request.language);
  }
  Result<table::Datum> value = table::Datum::Null();
  if (asked->value) {
    value = table::ParseText(*asked->value, known->type);
    if (!value) {
      return ChangeRefusal(value.error(), request.language);
    }
  }
  std::vector<decide::ListState::Held> page;
  size_t size = 0;
  served.runner->partition().ReadCommitted([&](const decide::Committed& committed) {
    const decide::ListState& state = *committed.FindList(list);
    size = state.size();
    page = value->is_null() ? state.Page(asked->after, asked->limit) : state.Named(*value);
  });
  OrderedJson json = {{"list", list},
                      {"type", known->type.ToString()},
                      {"size", size},
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
