#include "node/api_change.h"

#include <charconv>

#include "node/api.h"

namespace fuqi::node {

namespace {

std::optional<ProblemType> TypeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return ProblemType::kNoSuchList;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTypeMismatch:
    case ErrorCode::kOutOfRange:
      return ProblemType::kInvalidChange;
    case ErrorCode::kConflict:
      return ProblemType::kChangeIdTaken;
    default:
      return std::nullopt;
  }
}

}  // namespace

HttpResponse ChangeRefusal(const Error& error, Language language) {
  return ProblemResponse(Explain(error, language, TypeOf(error.code())), language);
}

void SubmitChange(PackRunner& runner, decide::Change change, const HttpRequest& request,
                  Refuse refuse, Reply reply) {
  std::vector<Job> jobs(1);
  jobs[0].what = std::move(change);
  jobs[0].started_ns = request.started_ns;
  jobs[0].done = [language = request.language, refuse, reply = std::move(reply)](Answer answer) {
    reply([language, refuse, answer = std::move(answer)] {
      const auto* applied = std::get_if<decide::Applied>(&answer);
      if (applied == nullptr) {
        return refuse(std::get<Error>(answer), language);
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

bool ReadQuery(std::string_view query,
               const std::function<bool(std::string_view name, const std::string& text)>& take) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const std::string_view name = part.substr(0, part.find('='));
    const std::optional<std::string> text =
        name.size() == part.size() ? std::nullopt : PercentDecoded(part.substr(name.size() + 1));
    if (!text || !take(name, *text)) {
      return false;
    }
  }
  return true;
}

bool ReadLimit(const std::string& text, size_t& limit) {
  const char* const end = text.data() + text.size();
  const auto [read, bad] = std::from_chars(text.data(), end, limit);
  return bad == std::errc() && read == end && limit >= 1 && limit <= kPageMost;
}

}  // namespace fuqi::node
