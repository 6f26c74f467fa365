#include "node/problem.h"

#include <array>

#include "base/log.h"
#include "base/messages.h"
#include "node/json_text.h"
#include "node/print.h"

namespace fuqi::node {
namespace {

struct Row {
  ProblemType type;
  std::string_view name;
  int status;
  std::string_view title;
};

constexpr std::array<Row, kProblemTypes> kTable = {{
    {ProblemType::kMalformedRequest, "malformed-request", 400,
     UserText("The request is not well-formed HTTP")},
    {ProblemType::kMalformedJson, "malformed-json", 400,
     UserText("The body is not the JSON asked for")},
    {ProblemType::kUnauthenticated, "unauthenticated", 401, UserText("An API key is needed")},
    {ProblemType::kForbidden, "forbidden", 403, UserText("This key may not do that")},
    {ProblemType::kOwnProposal, "own-proposal", 403,
     UserText("Who proposed a version does not approve it")},
    {ProblemType::kNoSuchRoute, "no-such-route", 404, UserText("There is nothing at this path")},
    {ProblemType::kNoSuchPack, "no-such-pack", 404, UserText("This server has no such pack")},
    {ProblemType::kNoSuchDecision, "no-such-decision", 404, UserText("There is no such decision")},
    {ProblemType::kNoSuchEvent, "no-such-event", 404,
     UserText("No event of this id has been decided")},
    {ProblemType::kNoSuchList, "no-such-list", 404,
     UserText("The pack has no such list or reference")},
    {ProblemType::kNoSuchStanding, "no-such-standing", 404,
     UserText("Nothing like this stands, or the pack has no such kind")},
    {ProblemType::kNotOwed, "not-owed", 404,
     UserText("The topic is not owed this, or it was not given up")},
    {ProblemType::kNoSuchVersion, "no-such-version", 404,
     UserText("There is no such version or proposal of the pack")},
    {ProblemType::kMethodNotAllowed, "method-not-allowed", 405,
     UserText("The path does not take this method")},
    {ProblemType::kRequestTimeout, "request-timeout", 408,
     UserText("The request took too long to arrive")},
    {ProblemType::kEventIdTaken, "event-id-taken", 409,
     UserText("The event's id belongs to an event of other content")},
    {ProblemType::kChangeIdTaken, "change-id-taken", 409,
     UserText("The Idempotency-Key belongs to another change")},
    {ProblemType::kStandsAlready, "stands-already", 409,
     UserText("What stands already is as strict or stricter")},
    {ProblemType::kProposalConflict, "proposal-conflict", 409,
     UserText("The state of the pack's proposal does not allow that")},
    {ProblemType::kBodyTooLarge, "body-too-large", 413,
     UserText("The request is larger than this server takes")},
    {ProblemType::kUnsupportedMediaType, "unsupported-media-type", 415,
     UserText("The body must be application/json")},
    {ProblemType::kInvalidEvent, "invalid-event", 422,
     UserText("The event does not fit the pack's table")},
    {ProblemType::kInvalidChange, "invalid-change", 422,
     UserText("The change does not fit what it would change")},
    {ProblemType::kInvalidVersion, "invalid-version", 422,
     UserText("The version cannot decide here")},
    {ProblemType::kOverloaded, "overloaded", 429,
     UserText("Too many events at once; nothing was decided")},
    {ProblemType::kHeaderTooLarge, "header-too-large", 431,
     UserText("The header is larger than this server takes")},
    {ProblemType::kInternal, "internal", 500, UserText("The server failed at this request")},
    {ProblemType::kDefaultAction, "default-action", 503,
     UserText("No decision was made; take the pack's default action")},
    {ProblemType::kUnavailable, "unavailable", 503,
     UserText("The server cannot record decisions now")},
    {ProblemType::kOutcomeUnknown, "outcome-unknown", 504,
     UserText("The answer did not come in time; ask for the event's decision")},
}};

const Row& RowOf(ProblemType type) {
  const Row& row = kTable[static_cast<size_t>(type)];
  FUQI_CHECK(row.type == type);
  return row;
}

ProblemType TypeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kParse:
      return ProblemType::kMalformedJson;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTypeMismatch:
    case ErrorCode::kOutOfRange:
      return ProblemType::kInvalidEvent;
    case ErrorCode::kConflict:
      return ProblemType::kEventIdTaken;
    case ErrorCode::kResourceExhausted:
      return ProblemType::kOverloaded;
    case ErrorCode::kUnavailable:
      return ProblemType::kUnavailable;
    default:
      return ProblemType::kInternal;
  }
}

}  // namespace

std::string_view ProblemName(ProblemType type) { return RowOf(type).name; }

int ProblemStatus(ProblemType type) { return RowOf(type).status; }

Problem Explain(const Error& error, Language language, std::optional<ProblemType> type) {
  Problem problem;
  problem.type = type.value_or(TypeOf(error.code()));
  if (problem.type == ProblemType::kInternal) {
    LogError("node", "a request failed", {{"error", error.ToString()}});
  } else if (problem.type != ProblemType::kUnavailable) {
    problem.detail = error.message(language);
    if (const std::optional<Where>& where = error.where()) {
      problem.field = where->field;
      if (where->line > 0) {
        problem.detail =
            Say(language, "{} (line {}, column {})", problem.detail, where->line, where->column);
      }
    }
  }
  return problem;
}

std::string ProblemJson(const Problem& problem, Language language) {
  const Row& row = RowOf(problem.type);
  std::string json = fmt::format(R"({{"type":"urn:fuqi:problem:{}","title":{},"status":{})",
                                 row.name, JsonString(Translate(row.title, language)), row.status);
  auto member = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      json += fmt::format(",\"{}\":{}", name, JsonString(value));
    }
  };
  member("detail", problem.detail);
  member("field", problem.field);
  if (problem.type == ProblemType::kDefaultAction) {
    member("action", problem.action);
    json += ",\"default\":true";
  }
  json += '}';
  return json;
}

HttpResponse ProblemResponse(const Problem& problem, Language language) {
  HttpResponse response;
  response.status = ProblemStatus(problem.type);
  response.content_type = "application/problem+json";
  response.headers.emplace_back("Content-Language", language == Language::kChinese ? "zh" : "en");
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  if (response.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  response.body = ProblemJson(problem, language);
  return response;
}

HttpResponse Refusal(const Error& error, Language language) {
  return ProblemResponse(Explain(error, language), language);
}

HttpResponse BodyRefusal(const Error& error, Language language, Refuse otherwise) {
  return error.code() == ErrorCode::kResourceExhausted
             ? ProblemResponse(Explain(error, language, ProblemType::kBodyTooLarge), language)
             : otherwise(error, language);
}

}  // namespace fuqi::node
