#pragma once

// What the server answers: the routes of docs/api/openapi.json over the packs that it runs.
//
// Threads: Admit and Handle on any io thread; answers to events are rendered on the connection's
// own thread.

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "node/http.h"
#include "node/keys.h"
#include "node/metrics.h"
#include "node/outbox_delivery.h"
#include "node/pack_runner.h"
#include "node/problem.h"
#include "node/publisher.h"

namespace fuqi::node {

enum class RouteId : uint8_t {
  kDecide,
  kGetDecision,
  kGetEventDecision,
  kGetProof,
  kChangeList,
  kGetList,
  kChangeReference,
  kChangeStanding,
  kGetStanding,
  kChangeOutbox,
  kGetOutbox,
  kPropose,
  kGetVersions,
  kGetVersion,
  kApprove,
  kWithdraw,
  kHealth,
  kReady,
  kMetrics,
  kOpenApi,
};
struct Route {
  RouteId id;
  std::string_view method;
  std::string_view path;  // segments in braces are parameters
  bool needs_key = true;
  Roles roles = 0;  // one of them is needed; 0: any key will do
};
// The order is the routes' number.
inline constexpr std::array<Route, 20> kRoutes = {{
    {RouteId::kDecide, "POST", "/v1/packs/{pack}/decisions", true,
     static_cast<Roles>(Role::kDecide)},
    {RouteId::kGetDecision, "GET", "/v1/decisions/{decision_id}"},
    {RouteId::kGetEventDecision, "GET", "/v1/packs/{pack}/events/{event_id}/decision"},
    {RouteId::kGetProof, "GET", "/v1/decisions/{decision_id}/proof"},
    {RouteId::kChangeList, "POST", "/v1/packs/{pack}/lists/{list}", true,
     static_cast<Roles>(Role::kList)},
    {RouteId::kGetList, "GET", "/v1/packs/{pack}/lists/{list}"},
    {RouteId::kChangeReference, "POST", "/v1/packs/{pack}/references/{reference}", true,
     static_cast<Roles>(Role::kList)},
    {RouteId::kChangeStanding, "POST", "/v1/packs/{pack}/standing", true,
     static_cast<Roles>(Role::kStanding)},
    {RouteId::kGetStanding, "GET", "/v1/packs/{pack}/standing"},
    {RouteId::kChangeOutbox, "POST", "/v1/packs/{pack}/outbox", true,
     static_cast<Roles>(Role::kOutbox)},
    {RouteId::kGetOutbox, "GET", "/v1/packs/{pack}/outbox"},
    {RouteId::kPropose, "POST", "/v1/packs/{pack}/versions", true,
     static_cast<Roles>(Role::kPropose)},
    {RouteId::kGetVersions, "GET", "/v1/packs/{pack}/versions"},
    {RouteId::kGetVersion, "GET", "/v1/packs/{pack}/versions/{hash}"},
    {RouteId::kApprove, "POST", "/v1/packs/{pack}/versions/{hash}/approval", true,
     static_cast<Roles>(Role::kApprove)},
    {RouteId::kWithdraw, "POST", "/v1/packs/{pack}/versions/{hash}/withdrawal", true,
     Role::kPropose | Role::kApprove},
    {RouteId::kHealth, "GET", "/healthz", false},
    {RouteId::kReady, "GET", "/readyz", false},
    {RouteId::kMetrics, "GET", "/metrics"},
    {RouteId::kOpenApi, "GET", "/openapi.json", false},
}};
std::vector<std::string_view> RoutePaths();

// Percent-decodes a part of a target; none if it is malformed, or no UTF-8.
std::optional<std::string> PercentDecoded(std::string_view text);

// docs/api/openapi.json, as it was when this program was built.
std::string_view OpenApiJson();

enum class AccessLog : uint8_t { kOff, kErrors, kAll };

// Each may bring a whole pack: from its first byte to its answer it counts as one of so many.
inline constexpr int kProposalsAtOnce = 4;

struct ApiBounds {
  size_t items = 1000;                 // events of one request
  uint64_t proposal_bytes = 16 << 20;  // of the body of a proposed version
  int64_t decide_ms = 1'000;           // an event not decided by then gets the default action
};

struct ServedPack {
  std::string name;
  std::unique_ptr<PackRunner> runner;
  std::unique_ptr<Publisher> publisher;
  std::string log_dir;
  std::vector<const OutboxDelivery*> deliveries = {};
};

// Figures of each topic that the pack has, or that anything is owed to.
std::vector<OutboxGauge> OutboxGauges(const ServedPack& served, Clock& clock);

class Api final : public HttpHandler {
 public:
  Api(std::vector<ServedPack> packs, ApiKeys keys, const ApiBounds& bounds, AccessLog access_log,
      Clock& clock, Metrics& metrics);

  std::optional<HttpResponse> Admit(HttpRequest& head) override;
  void Handle(HttpRequest request, Reply reply) override;
  HttpResponse Refuse(HttpFault fault, size_t route, Language language) override;
  void Answered(size_t route, const std::string& caller, int status, int64_t elapsed_ns) override;

  // Stops every pack (PackRunner::Stop); the first error.
  Result<void> Stop();

 private:
  struct Found {
    const ServedPack* served;
    decide::Decision decision;
  };
  const ServedPack* FindPack(std::string_view name) const;
  // kNotFound where there is none.
  Result<Found> FindDecision(std::string_view decision_id) const;
  void Decide(HttpRequest request, const ServedPack& served, Reply reply);
  HttpResponse GetDecision(std::string_view decision_id, Language language) const;
  HttpResponse GetEventDecision(const ServedPack& served, std::string_view event_id,
                                Language language) const;
  HttpResponse GetProof(std::string_view decision_id, Language language) const;
  void ChangeList(const HttpRequest& request, const ServedPack& served, const std::string& list,
                  Reply reply);
  void ChangeReference(HttpRequest request, const ServedPack& served, const std::string& reference,
                       Reply reply);
  HttpResponse GetList(const ServedPack& served, const std::string& list,
                       const HttpRequest& request) const;
  void ChangeStanding(const HttpRequest& request, const ServedPack& served, Reply reply);
  HttpResponse GetStanding(const ServedPack& served, const HttpRequest& request) const;
  // `hash` as the path gives it.
  void HandleVersions(const HttpRequest& request, const ServedPack& served, RouteId id,
                      const std::string& hash, Reply reply);
  void Propose(const HttpRequest& request, const ServedPack& served, Reply reply);
  void ChangeOutbox(const HttpRequest& request, const ServedPack& served, Reply reply);
  HttpResponse GetOutbox(const ServedPack& served, const HttpRequest& request) const;
  HttpResponse Ready(Language language) const;
  HttpResponse RenderMetrics() const;

  std::atomic<int> proposals_{0};  // under way: until they are answered
  std::vector<ServedPack> packs_;
  const ApiKeys keys_;
  const ApiBounds bounds_;
  const AccessLog access_log_;
  Clock& clock_;
  Metrics& metrics_;
};

}  // namespace fuqi::node
