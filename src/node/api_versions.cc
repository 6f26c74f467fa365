// What the server answers about versions of its packs: proposals, approvals, what became of them.

#include "node/api.h"
#include "node/version_json.h"

namespace fuqi::node {
namespace {

std::optional<ProblemType> TypeOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound:
      return ProblemType::kNoSuchVersion;
    case ErrorCode::kPermissionDenied:
      return ProblemType::kOwnProposal;
    case ErrorCode::kConflict:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kDeadlineExceeded:
      return ProblemType::kProposalConflict;
    case ErrorCode::kConfig:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kUnsupported:
      return ProblemType::kInvalidVersion;
    case ErrorCode::kParse:
    case ErrorCode::kTypeMismatch:
    case ErrorCode::kResourceExhausted:
      // Of a file of the pack; elsewhere they are the body's, or a queue's.
      return error.where() && !error.where()->file.empty()
                 ? std::optional(ProblemType::kInvalidVersion)
                 : std::nullopt;
    default:
      return std::nullopt;
  }
}

HttpResponse VersionRefusal(const Error& error, Language language) {
  Problem problem = Explain(error, language, TypeOf(error));
  if (!problem.detail.empty()) {
    problem.detail = error.ToString(language);  // with the file, line and column of a pack's text
  }
  return ProblemResponse(problem, language);
}

HttpResponse Json(const OrderedJson& json, bool repeated = false) {
  HttpResponse response;
  response.body = json.dump();
  if (repeated) {
    response.headers.emplace_back("Idempotent-Replayed", "true");
  }
  return response;
}

void SendRefusal(const Reply& reply, const Error& error, Language language) {
  reply([error, language] { return VersionRefusal(error, language); });
}

void SendBodyRefusal(const Reply& reply, const Error& error, Language language) {
  reply([error, language] { return BodyRefusal(error, language, VersionRefusal); });
}

}  // namespace

void Api::HandleVersions(const HttpRequest& request, const ServedPack& served, RouteId id,
                         const std::string& hash_text, Reply reply) {
  const Language language = request.language;
  if (id == RouteId::kGetVersions) {
    return reply([status = served.publisher->Status(), now_us = clock_.NowUs()] {
      return Json(LifeJson(status, now_us));
    });
  }
  if (id == RouteId::kPropose) {
    return Propose(request, served, std::move(reply));
  }
  const Result<Digest> hash = ParseVersionHash(hash_text);
  if (!hash) {
    return reply(
        [language] { return ProblemResponse({.type = ProblemType::kNoSuchVersion}, language); });
  }
  if (id == RouteId::kGetVersion) {
    return served.publisher->Compare(
        *hash, [&served, hash_text, language,
                reply = std::move(reply)](Result<std::vector<decide::ChangedPart>> changes) {
          if (!changes) {
            return SendRefusal(reply, changes.error(), language);
          }
          reply([&served, hash_text, changes = *std::move(changes)] {
            OrderedJson json = {{"hash", hash_text}, {"changes", ChangesJson(changes)}};
            if (const auto shadow = served.publisher->Status().shadow) {
              json["shadow"] = ShadowJson(*shadow, served.name);
            }
            return Json(json);
          });
        });
  }
  const Result<std::string> reason = ParseReason(request.body);
  if (!reason) {
    return SendBodyRefusal(reply, reason.error(), language);
  }
  const auto kind = id == RouteId::kApprove ? decide::ProposalStep::Kind::kApproved
                                            : decide::ProposalStep::Kind::kWithdrawn;
  served.publisher->Step(
      kind, *hash, request.caller, *reason,
      [this, &served, language, reply = std::move(reply)](Result<decide::Applied> step) {
        if (!step) {
          return SendRefusal(reply, step.error(), language);
        }
        reply([this, &served, repeated = step->repeated] {
          return Json(LifeJson(served.publisher->Status(), clock_.NowUs()), repeated);
        });
      });
}

void Api::Propose(const HttpRequest& request, const ServedPack& served, Reply reply) {
  const Language language = request.language;
  Proposing proposing;
  proposing.by = request.caller;
  if (Result<void> parsed = ParseProposing(request.body, proposing); !parsed) {
    return SendBodyRefusal(reply, parsed.error(), language);
  }
  served.publisher->Propose(
      std::move(proposing), [this, &served, language, reply = std::move(reply),
                             admitted = request.admitted](Result<Proposed> proposed) {
        if (!proposed) {
          return SendRefusal(reply, proposed.error(), language);
        }
        reply([this, &served, proposed = *std::move(proposed)] {
          OrderedJson json = LifeJson(served.publisher->Status(), clock_.NowUs());
          json["changes"] = ChangesJson(proposed.changes);
          return Json(json, proposed.repeated);
        });
      });
}

}  // namespace fuqi::node
