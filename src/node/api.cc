#include "node/api.h"

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "base/log.h"
#include "base/utf8.h"
#include "node/decision_json.h"
#include "node/event_json.h"
#include "node/json_text.h"
#include "node/print.h"
#include "node/prove.h"
#include "node/version.h"

namespace fuqi::node {
namespace {

// The parameters of `path` if it has the form of `pattern`.
std::optional<std::vector<std::string>> MatchPath(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parameters;
  while (!pattern.empty() && !path.empty()) {
    if (pattern.front() != '/' || path.front() != '/') {
      return std::nullopt;
    }
    std::string_view want = pattern.substr(1, pattern.find('/', 1) - 1);
    std::string_view have = path.substr(1, path.find('/', 1) - 1);
    pattern.remove_prefix(want.size() + 1);
    path.remove_prefix(have.size() + 1);
    if (!want.starts_with('{')) {
      if (want != have) {
        return std::nullopt;
      }
      continue;
    }
    std::optional<std::string> parameter = PercentDecoded(have);
    if (!parameter || parameter->empty()) {
      return std::nullopt;
    }
    parameters.push_back(*std::move(parameter));
  }
  return pattern.empty() && path.empty() ? std::optional(std::move(parameters)) : std::nullopt;
}

std::vector<std::string> ParametersOf(const HttpRequest& request) {
  return *MatchPath(kRoutes[request.route].path, request.path);
}

bool IsJson(std::string_view content_type) {
  std::string_view media = content_type.substr(0, content_type.find(';'));
  while (!media.empty() && media.back() == ' ') {
    media.remove_suffix(1);
  }
  static constexpr std::string_view kJson = "application/json";
  return std::equal(media.begin(), media.end(), kJson.begin(), kJson.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

HttpResponse Json(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

void Send(const Reply& reply, HttpResponse response) {
  reply([response = std::move(response)]() mutable { return std::move(response); });
}

Result<decide::Event> ValidEvent(const decide::CompiledPack& pack, Result<table::Row> row,
                                 int64_t received_us) {
  FUQI_ASSIGN_OR_RETURN(table::Row columns, std::move(row));
  decide::Event event{std::move(columns), received_us};
  FUQI_RETURN_IF_ERROR(decide::ValidateEvent(pack, event));
  return event;
}

const table::Datum& KeyOf(const decide::CompiledPack& pack, const decide::Event& event) {
  return event.columns[static_cast<size_t>(pack.key_column())];
}

// A decision of whatever version of the pack it was taken under.
Result<std::string> Told(const ServedPack& served, const table::Datum& key,
                         const decide::Decision& decision) {
  FUQI_ASSIGN_OR_RETURN(std::shared_ptr<const decide::PublishRecord> publish,
                        served.runner->partition().PublishedAt(decision.event_seq));
  const std::shared_ptr<const PackVersion> now = served.runner->version();
  if (publish->hash == now->view.pack->hash) {
    return DecisionJson(now->view, key, decision);
  }
  FUQI_ASSIGN_OR_RETURN(PackView view, PackView::Of(*publish));
  return DecisionJson(view, key, decision);
}

// A decision that was just made: under the version that its event was read by, or the next one.
std::string ToldNew(const PackVersion& read_by, const table::Datum& key,
                    const decide::Outcome& outcome) {
  return outcome.pack == read_by.pack
             ? DecisionJson(read_by.view, key, outcome.decision)
             : DecisionJson(PackView::Of(outcome.pack), key, outcome.decision);
}

// What became of one event: its decision, or why there is none.
struct Telling {
  int status = 200;
  bool repeated = false;
  std::string decision;
  Problem problem;
};

Telling TellAnswer(const ServedPack& served, const PackVersion& read_by, const table::Datum& key,
                   const Answer& answer, Language language) {
  Telling told;
  if (const auto* outcome = std::get_if<decide::Outcome>(&answer)) {
    told.repeated = outcome->repeated;
    if (!outcome->repeated) {
      told.decision = ToldNew(read_by, key, *outcome);
      return told;
    }
    Result<std::string> decision = Told(served, key, outcome->decision);
    if (decision) {
      told.decision = *std::move(decision);
      return told;
    }
    told.problem = Explain(decision.error(), language);
  } else if (const auto* defaulted = std::get_if<Defaulted>(&answer)) {
    told.problem.type = ProblemType::kDefaultAction;
    told.problem.action = decide::ActionName(defaulted->action);
  } else {
    told.problem = Explain(std::get<Error>(answer), language);
  }
  told.status = ProblemStatus(told.problem.type);
  return told;
}

// The size of the files in `dir`.
uint64_t BytesIn(const std::string& dir) {
  uint64_t total = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    if (uintmax_t size = entry.file_size(error); !error) {
      total += size;
    }
  }
  return total;
}

// The events of one array, and who waits for all of them.
struct Gathering {
  explicit Gathering(size_t size) : left(size), items(size) {}

  struct Item {
    table::Row key{1};
    std::optional<Answer> answer;
  };
  std::atomic<size_t> left;
  std::vector<Item> items;  // an item is written by one thread, then `left` counts down
};

std::string GatheringJson(const Gathering& gathering, const ServedPack& served,
                          const PackVersion& read_by, Language language) {
  std::string json = "{\"results\":[";
  for (size_t i = 0; i < gathering.items.size(); ++i) {
    const auto& item = gathering.items[i];
    const Telling told = TellAnswer(served, read_by, item.key[0], *item.answer, language);
    json += i == 0 ? "" : ",";
    if (told.status == 200) {
      json += fmt::format(R"({{"status":200,"repeated":{},"decision":{}}})", told.repeated,
                          told.decision);
    } else {
      json += fmt::format(R"({{"status":{},"problem":{}}})", told.status,
                          ProblemJson(told.problem, language));
    }
  }
  return json + "]}";
}

}  // namespace

std::optional<std::string> PercentDecoded(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
      return std::nullopt;
    }
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return IsUtf8(out) ? std::optional<std::string>(std::move(out)) : std::nullopt;
}

std::vector<std::string_view> RoutePaths() {
  std::vector<std::string_view> paths;
  for (const Route& route : kRoutes) {
    paths.push_back(route.path);
  }
  return paths;
}

Api::Api(std::vector<ServedPack> packs, ApiKeys keys, const ApiBounds& bounds, AccessLog access_log,
         Clock& clock, Metrics& metrics)
    : packs_(std::move(packs)),
      keys_(std::move(keys)),
      bounds_(bounds),
      access_log_(access_log),
      clock_(clock),
      metrics_(metrics) {}

std::optional<HttpResponse> Api::Admit(HttpRequest& head) {
  std::string allowed;
  for (size_t i = 0; i < kRoutes.size() && head.route == SIZE_MAX; ++i) {
    if (MatchPath(kRoutes[i].path, head.path)) {
      const std::string_view method = head.method == "HEAD" ? "GET" : std::string_view(head.method);
      if (method == kRoutes[i].method) {
        head.route = i;
      } else {
        allowed += allowed.empty() ? "" : ", ";
        allowed += kRoutes[i].method == "GET" ? "GET, HEAD" : kRoutes[i].method;
      }
    }
  }
  if (head.route == SIZE_MAX && allowed.empty()) {
    return ProblemResponse({.type = ProblemType::kNoSuchRoute}, head.language);
  }
  if (head.route == SIZE_MAX) {
    HttpResponse response =
        ProblemResponse({.type = ProblemType::kMethodNotAllowed}, head.language);
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  const Route& route = kRoutes[head.route];
  if (route.needs_key) {
    std::optional<KeyHolder> caller = keys_.Caller(head.authorization);
    if (!caller) {
      return ProblemResponse({.type = ProblemType::kUnauthenticated}, head.language);
    }
    head.caller = std::move(caller->name);
    // SECURITY: ServeVersions.EachRouteIsForbiddenToAKeyWithoutItsRole.
    if (route.roles != 0 && (caller->roles & route.roles) == 0) {
      return ProblemResponse({.type = ProblemType::kForbidden}, head.language);
    }
  }
  if (route.method == "POST" && !IsJson(head.content_type)) {
    return ProblemResponse({.type = ProblemType::kUnsupportedMediaType}, head.language);
  }
  if (route.id == RouteId::kPropose) {
    // SECURITY: large bodies, but few: ServeVersions.OnlySoManyProposalsAreReceivedAtATime.
    if (proposals_.fetch_add(1) >= kProposalsAtOnce) {
      proposals_.fetch_sub(1);
      return ProblemResponse(
          {.type = ProblemType::kOverloaded,
           .detail = Say(head.language, "{} proposals are under way already", kProposalsAtOnce)},
          head.language);
    }
    head.admitted = std::shared_ptr<void>(&proposals_, [this](void*) { proposals_.fetch_sub(1); });
    head.body_bytes_max = bounds_.proposal_bytes;
  }
  return std::nullopt;
}

void Api::Handle(HttpRequest request, Reply reply) {
  const Language language = request.language;
  const std::vector<std::string> parameters = ParametersOf(request);
  const RouteId id = kRoutes[request.route].id;
  switch (id) {
    case RouteId::kDecide:
    case RouteId::kGetEventDecision:
    case RouteId::kChangeList:
    case RouteId::kGetList:
    case RouteId::kChangeReference:
    case RouteId::kChangeStanding:
    case RouteId::kGetStanding:
    case RouteId::kChangeOutbox:
    case RouteId::kGetOutbox:
    case RouteId::kPropose:
    case RouteId::kGetVersions:
    case RouteId::kGetVersion:
    case RouteId::kApprove:
    case RouteId::kWithdraw: {
      const ServedPack* pack = FindPack(parameters[0]);
      if (pack == nullptr) {
        return Send(reply, ProblemResponse({.type = ProblemType::kNoSuchPack}, language));
      }
      if (id == RouteId::kDecide) {
        return Decide(std::move(request), *pack, std::move(reply));
      }
      if (id == RouteId::kChangeList) {
        return ChangeList(request, *pack, parameters[1], std::move(reply));
      }
      if (id == RouteId::kChangeReference) {
        return ChangeReference(std::move(request), *pack, parameters[1], std::move(reply));
      }
      if (id == RouteId::kChangeStanding) {
        return ChangeStanding(request, *pack, std::move(reply));
      }
      if (id == RouteId::kChangeOutbox) {
        return ChangeOutbox(request, *pack, std::move(reply));
      }
      if (id == RouteId::kGetOutbox) {
        return Send(reply, GetOutbox(*pack, request));
      }
      if (id == RouteId::kGetStanding) {
        return Send(reply, GetStanding(*pack, request));
      }
      if (id == RouteId::kGetList) {
        return Send(reply, GetList(*pack, parameters[1], request));
      }
      if (id == RouteId::kGetEventDecision) {
        return Send(reply, GetEventDecision(*pack, parameters[1], language));
      }
      return HandleVersions(request, *pack, id, parameters.size() > 1 ? parameters[1] : "",
                            std::move(reply));
    }
    case RouteId::kGetDecision:
      return Send(reply, GetDecision(parameters[0], language));
    case RouteId::kGetProof:
      return Send(reply, GetProof(parameters[0], language));
    case RouteId::kHealth:
      return Send(reply, Json(R"({"status":"ok"})"));
    case RouteId::kReady:
      return Send(reply, Ready(language));
    case RouteId::kMetrics:
      return Send(reply, RenderMetrics());
    case RouteId::kOpenApi:
      return Send(reply, Json(std::string(OpenApiJson())));
  }
}

HttpResponse Api::Refuse(HttpFault fault, size_t route, Language language) {
  static constexpr std::array<ProblemType, 5> kTypes = {
      ProblemType::kMalformedRequest, ProblemType::kRequestTimeout, ProblemType::kBodyTooLarge,
      ProblemType::kHeaderTooLarge, ProblemType::kOutcomeUnknown};
  Problem problem{.type = kTypes[static_cast<size_t>(fault)]};
  if (fault == HttpFault::kBodyTooLarge) {
    const bool proposes = route < kRoutes.size() && kRoutes[route].id == RouteId::kPropose;
    problem.detail =
        Say(language, "the node's configuration bounds the body by {} in [local.bounds]",
            proposes ? "proposal_bytes" : "body_bytes");
  }
  return ProblemResponse(problem, language);
}

void Api::Answered(size_t route, const std::string& caller, int status, int64_t elapsed_ns) {
  metrics_.CountRequest(route, status, elapsed_ns);
  if (access_log_ == AccessLog::kAll || (access_log_ == AccessLog::kErrors && status >= 400)) {
    LogInfo("node", "answered",
            {{"route", route < kRoutes.size() ? kRoutes[route].path : std::string_view("other")},
             {"status", status},
             {"caller", caller},
             {"us", elapsed_ns / 1000}});
  }
}

const ServedPack* Api::FindPack(std::string_view name) const {
  for (const ServedPack& pack : packs_) {
    if (pack.name == name) {
      return &pack;
    }
  }
  return nullptr;
}

Result<Api::Found> Api::FindDecision(std::string_view decision_id) const {
  const Result<decide::DecisionRef> reference = decide::ParseDecisionId(decision_id);
  const ServedPack* served = reference ? FindPack(reference->pack) : nullptr;
  if (served == nullptr) {
    return Err(ErrorCode::kNotFound, "there is no decision of this id");
  }
  FUQI_ASSIGN_OR_RETURN(decide::Decision decision,
                        served->runner->partition().FindBySeq(reference->seq));
  return Found{served, std::move(decision)};
}

void Api::Decide(HttpRequest request, const ServedPack& served, Reply reply) {
  thread_local EventJson parser;
  const Language language = request.language;
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  Result<EventJson::Events> parsed =
      parser.Parse(version->pack->event_schema(), request.body, bounds_.items);
  if (!parsed) {
    return Send(reply, BodyRefusal(parsed.error(), language, Refusal));
  }
  auto gathering = std::make_shared<Gathering>(parsed->rows.size());
  auto finish = [gathering, array = parsed->array, &served, version, language,
                 reply = std::move(reply)] {
    reply([gathering, array, &served, version, language] {
      if (array) {
        return Json(GatheringJson(*gathering, served, *version, language));
      }
      const Gathering::Item& item = gathering->items[0];
      Telling told = TellAnswer(served, *version, item.key[0], *item.answer, language);
      if (told.status != 200) {
        return ProblemResponse(told.problem, language);
      }
      HttpResponse response = Json(std::move(told.decision));
      if (told.repeated) {
        response.headers.emplace_back("Idempotent-Replayed", "true");
      }
      return response;
    });
  };

  const int64_t received_us = clock_.NowUs();
  std::vector<Job> jobs;
  jobs.reserve(parsed->rows.size());
  for (size_t i = 0; i < parsed->rows.size(); ++i) {
    Result<decide::Event> event =
        ValidEvent(*version->pack, std::move(parsed->rows[i]), received_us);
    if (!event) {
      gathering->items[i].answer = std::move(event).error();
      continue;
    }
    gathering->items[i].key.Set(0, KeyOf(*version->pack, *event));
    Job job;
    job.what = EventJob{*std::move(event), version};
    job.started_ns = request.started_ns;
    job.deadline_ns = request.started_ns + bounds_.decide_ms * 1'000'000;
    job.done = [gathering, i, finish](Answer answer) {
      gathering->items[i].answer = std::move(answer);
      if (gathering->left.fetch_sub(1) == 1) {
        finish();
      }
    };
    jobs.push_back(std::move(job));
  }
  // What is settled already counts down before anything is submitted, so that exactly one thread
  // finds nothing left.
  const size_t settled = parsed->rows.size() - jobs.size();
  if (gathering->left.fetch_sub(settled) == settled) {
    return finish();
  }
  served.runner->Submit(std::move(jobs));
}

HttpResponse Api::GetDecision(std::string_view decision_id, Language language) const {
  const Problem none{.type = ProblemType::kNoSuchDecision};
  Result<Found> found = FindDecision(decision_id);
  if (!found) {
    return found.error().code() == ErrorCode::kNotFound ? ProblemResponse(none, language)
                                                        : Refusal(found.error(), language);
  }
  const decide::Partition& partition = found->served->runner->partition();
  Result<decide::Event> event = partition.ReadEvent(found->decision.event_seq);
  if (!event) {
    return Refusal(event.error(), language);
  }
  Result<std::shared_ptr<const decide::PublishRecord>> publish =
      partition.PublishedAt(found->decision.event_seq);
  if (!publish) {
    return Refusal(publish.error(), language);
  }
  const int key = table::FindColumn((*publish)->events, (*publish)->key);
  Result<std::string> told =
      Told(*found->served, event->columns[static_cast<size_t>(key)], found->decision);
  return told ? Json(*std::move(told)) : Refusal(told.error(), language);
}

HttpResponse Api::GetEventDecision(const ServedPack& served, std::string_view event_id,
                                   Language language) const {
  const Problem none{.type = ProblemType::kNoSuchEvent};
  const std::shared_ptr<const PackVersion> version = served.runner->version();
  const decide::CompiledPack& pack = *version->pack;
  const size_t column = static_cast<size_t>(pack.key_column());
  Result<table::Datum> key = ValueFromText(event_id, pack.event_schema()[column].type);
  if (!key) {
    return ProblemResponse(none, language);
  }
  Result<std::optional<decide::Decision>> decision =
      served.runner->partition().FindByEventKey(*key);
  if (!decision) {
    return Refusal(decision.error(), language);
  }
  if (!*decision) {
    return ProblemResponse(none, language);
  }
  Result<std::string> told = Told(served, *key, **decision);
  return told ? Json(*std::move(told)) : Refusal(told.error(), language);
}

HttpResponse Api::GetProof(std::string_view decision_id, Language language) const {
  Result<Found> found = FindDecision(decision_id);
  if (!found) {
    return found.error().code() == ErrorCode::kNotFound
               ? ProblemResponse({.type = ProblemType::kNoSuchDecision}, language)
               : Refusal(found.error(), language);
  }
  const decide::Partition& partition = found->served->runner->partition();
  Result<ledger::RecordProof> proof =
      ProveRecord(partition.log(), partition.tree(), found->decision.seq());
  return proof ? Json(ledger::ToJson(*proof)) : Refusal(proof.error(), language);
}

HttpResponse Api::Ready(Language language) const {
  for (const ServedPack& pack : packs_) {
    if (!pack.runner->ready()) {
      return ProblemResponse({.type = ProblemType::kUnavailable}, language);
    }
  }
  return Json(R"({"status":"ready"})");
}

HttpResponse Api::RenderMetrics() const {
  std::vector<PackGauges> gauges;
  gauges.reserve(packs_.size());
  for (const ServedPack& served : packs_) {
    const LifeStatus life = served.publisher->Status();
    const std::optional<decide::ProposalStatus>& proposal = life.versions.newest();
    gauges.push_back({.pack = served.name,
                      .pack_hash = ToHex(life.pack->pack().hash),
                      .metrics = &served.runner->metrics(),
                      .queue_depth = served.runner->queue_depth(),
                      .log_bytes = BytesIn(served.log_dir),
                      .log_records = served.runner->partition().committed(),
                      .ready = served.runner->ready(),
                      .outbox = OutboxGauges(served, clock_),
                      .proposal = proposal ? std::string(ProposalStateName(proposal->state)) : "",
                      .shadow = life.shadow,
                      .backfill_events = life.folded});
  }
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.Render(gauges, Version());
  return response;
}

Result<void> Api::Stop() {
  Result<void> first;
  for (ServedPack& pack : packs_) {
    pack.publisher->Stop();
    Result<void> stopped = pack.runner->Stop();
    if (first && !stopped) {
      first = std::move(stopped);
    }
  }
  return first;
}

}  // namespace fuqi::node
