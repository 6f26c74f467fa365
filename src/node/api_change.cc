#include "node/api_change.h"

#include "node/api.h"
#include "node/problem.h"

namespace fuqi::node {

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

void SubmitChange(PackRunner& runner, decide::Change change, const HttpRequest& request,
                  HttpResponse (*refuse)(const Error&, Language), Reply reply) {
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

}  // namespace fuqi::node
