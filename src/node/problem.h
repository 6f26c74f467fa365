#pragma once

// What went wrong with a request, as RFC 9457 problem details: a stable type, a title in the
// client's language, and what would be right.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "node/http.h"

namespace fuqi::node {

// The names are the ends of the type URIs, urn:fuqi:problem:<name>: never rename one.
// docs/api/openapi.json lists them.
enum class ProblemType : uint8_t {
  kMalformedRequest,
  kMalformedJson,
  kUnauthenticated,
  kForbidden,
  kOwnProposal,
  kNoSuchRoute,
  kNoSuchPack,
  kNoSuchDecision,
  kNoSuchEvent,
  kNoSuchList,
  kNoSuchStanding,
  kNotOwed,
  kNoSuchVersion,
  kMethodNotAllowed,
  kRequestTimeout,
  kEventIdTaken,
  kChangeIdTaken,
  kStandsAlready,
  kProposalConflict,
  kBodyTooLarge,
  kUnsupportedMediaType,
  kInvalidEvent,
  kInvalidChange,
  kInvalidVersion,
  kOverloaded,
  kHeaderTooLarge,
  kInternal,
  kDefaultAction,
  kUnavailable,
  kOutcomeUnknown,
};
inline constexpr int kProblemTypes = 30;

std::string_view ProblemName(ProblemType type);  // "malformed-json"
int ProblemStatus(ProblemType type);

struct Problem {
  ProblemType type = ProblemType::kInternal;
  std::string detail;  // in the client's language; may be empty
  std::string field;   // the event's column at fault, if one is
  std::string action;  // kDefaultAction: what to do
};

// An error of the modules below as a client is told it, of the type given or else of its code's.
// What is not the client's doing is kInternal without detail: that goes to the log.
Problem Explain(const Error& error, Language language, std::optional<ProblemType> type = {});

// One JSON object.
std::string ProblemJson(const Problem& problem, Language language);
// application/problem+json; with Retry-After where trying again may help.
HttpResponse ProblemResponse(const Problem& problem, Language language);

// How a route tells an error.
using Refuse = HttpResponse (*)(const Error& error, Language language);
HttpResponse Refusal(const Error& error, Language language);
// An error of reading a body: a bound that was reached is the body's and no queue's (413, not 429).
HttpResponse BodyRefusal(const Error& error, Language language, Refuse otherwise);

}  // namespace fuqi::node
