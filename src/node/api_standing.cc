// What the server answers about standing actions: changes that act on the next event, and what
// stands.

#include "node/api.h"
#include "node/api_change.h"
#include "node/standing_json.h"

namespace fuqi::node {
namespace {

HttpResponse StandingRefusal(const Error& error, Language language) {
  switch (error.code()) {
    case ErrorCode::kNotFound:
      return ProblemResponse(Explain(error, language, ProblemType::kNoSuchStanding), language);
    case ErrorCode::kAlreadyExists:
      return ProblemResponse(Explain(error, language, ProblemType::kStandsAlready), language);
    default:
      return ChangeRefusal(error, language);
  }
}

// What a client asks of a kind's subjects.
struct Asked {
  std::string kind;
  std::optional<std::string> subject;
  std::string after;
  size_t limit = 100;
};

Result<Asked> ReadAsked(std::string_view query) {
  Asked asked;
  const bool good = ReadQuery(query, [&](std::string_view name, const std::string& text) {
    if (name == "kind") {
      asked.kind = text;
      return true;
    }
    if (name == "subject") {
      asked.subject = text;
      return true;
    }
    if (name == "after") {
      asked.after = text;
      return true;
    }
    return name == "limit" && ReadLimit(text, asked.limit);
  });
  if (!good || asked.kind.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "the query takes kind, which is needed, subject, after (as the page before gave it) "
               "and limit (1 to {})",
               kPageMost);
  }
  return asked;
}

}  // namespace

void Api::ChangeStanding(const HttpRequest& request, const ServedPack& served, Reply reply) {
  decide::StandingChange change;
  change.head = {request.caller, clock_.NowUs(), request.idempotency_key};
  if (Result<void> parsed = ParseStandingChange(request.body, served.name, change); !parsed) {
    return reply([error = parsed.error(), language = request.language] {
      return BodyRefusal(error, language, StandingRefusal);
    });
  }
  SubmitChange(*served.runner, std::move(change), request, StandingRefusal, std::move(reply));
}

HttpResponse Api::GetStanding(const ServedPack& served, const HttpRequest& request) const {
  const Result<Asked> asked = ReadAsked(request.query);
  if (!asked) {
    return StandingRefusal(asked.error(), request.language);
  }
  using Entries = std::vector<decide::StandingState::Entry>;
  std::optional<decide::StandingKind> kind;  // a copy: another version may come to decide
  std::vector<std::pair<std::string, Entries>> page;
  served.runner->partition().ReadCommitted([&](const decide::Committed& committed) {
    const decide::StandingState* state = committed.FindStanding(asked->kind);
    if (state == nullptr) {
      return;
    }
    kind = state->kind();
    if (asked->subject) {
      page.emplace_back(*asked->subject, state->Of(*asked->subject));
    } else {
      page = state->Page(asked->after, asked->limit);
    }
  });
  if (!kind) {
    return StandingRefusal(
        Err(ErrorCode::kNotFound, "the pack has no standing kind '{}'", asked->kind)
            .At({.field = "kind"}),
        request.language);
  }
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  const decide::Pack& pack = version->pack->pack();
  OrderedJson json = {{"kind", kind->name}, {"standing", OrderedJson::array()}};
  for (const auto& [subject, entries] : page) {
    for (const decide::StandingState::Entry& entry : entries) {
      json["standing"].push_back(StandingJson(pack, *kind, subject, entry));
    }
  }
  if (!asked->subject && page.size() == asked->limit) {
    json["next"] = page.back().first;
  }
  HttpResponse response;
  response.body = json.dump();
  return response;
}

}  // namespace fuqi::node
