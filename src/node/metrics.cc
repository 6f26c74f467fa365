#include "node/metrics.h"

#include <algorithm>

namespace fuqi::node {
namespace {

constexpr std::array<uint64_t, 19> kLatencyBoundsNs = {
    100'000,       250'000,       500'000,       750'000,       1'000'000,
    1'500'000,     2'500'000,     5'000'000,     7'500'000,     10'000'000,
    20'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
constexpr std::array<uint64_t, 11> kBatchBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

// A family's HELP and TYPE lines.
void Family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

// Backslash, quote and line end are the only characters that the format escapes in a label.
std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c;
  }
  return out;
}

// The families of packs. One family's lines must stand together, hence one pass over the packs for
// each of them.
class PackText {
 public:
  PackText(const std::vector<PackGauges>& packs, std::string& out) : packs_(packs), out_(out) {}

  void Decisions() {
    Value("fuqi_pack_ready", "gauge", "1 while the pack's log takes records.",
          [](const PackGauges& p) { return uint64_t{p.ready}; });
    ByLabel(
        "fuqi_decisions_total", "Decisions made durable, by action.", "action",
        [](const PackGauges& p) { return std::span<const Counter>(p.metrics->decisions); },
        [](size_t i) { return decide::ActionName(static_cast<decide::Action>(i)); });
    Each("fuqi_shadow_hits_total", "counter", "Hits of shadow rules, which do not act.",
         [&](const PackGauges& p, const std::string& pack) {
           for (const auto& [rule, hits] : p.metrics->shadow_hits.counts()) {
             Line("fuqi_shadow_hits_total", fmt::format("{},rule=\"{}\"", pack, Escaped(rule)),
                  hits);
           }
         });
    Value("fuqi_decisions_repeated_total", "counter",
          "Events answered with the decision taken on them before.",
          [](const PackGauges& p) { return p.metrics->repeated.value(); });
    Value("fuqi_event_conflicts_total", "counter",
          "Events refused because their id is taken by another content.",
          [](const PackGauges& p) { return p.metrics->conflicts.value(); });
    ByLabel(
        "fuqi_shed_total", "Events answered with the pack's default action and recorded as such.",
        "reason", [](const PackGauges& p) { return std::span<const Counter>(p.metrics->shed); },
        [](size_t i) { return kShedNames[i]; });
    Value("fuqi_refused_total", "counter",
          "Events refused without an action: every queue was full.",
          [](const PackGauges& p) { return p.metrics->refused.value(); });
    Value("fuqi_changes_total", "counter",
          "Changes of lists, references and standing actions made durable.",
          [](const PackGauges& p) { return p.metrics->changes.value(); });
    Outbox();
    Value("fuqi_queue_depth", "gauge", "Events waiting for the decider.",
          [](const PackGauges& p) { return uint64_t{p.queue_depth}; });
    Distribution("fuqi_decision_seconds",
                 "From a request's first byte to its decision being durable.",
                 [](const PackGauges& p) -> const Histogram& { return p.metrics->decision_ns; });
  }

  void Versions() {
    Value("fuqi_version_switches_total", "counter", "Switches to another version of the pack.",
          [](const PackGauges& p) { return p.metrics->switches.value(); });
    Distribution("fuqi_version_switch_seconds", "How long deciding waited for a switch.",
                 [](const PackGauges& p) -> const Histogram& { return p.metrics->switch_ns; });
    Value("fuqi_version_backfill_events", "gauge",
          "Events folded so far for a version that is to decide; 0 while there is none.",
          [](const PackGauges& p) { return p.backfill_events; });
    Each("fuqi_version_proposal_info", "gauge", "State of the newest proposal of a version.",
         [&](const PackGauges& p, const std::string& pack) {
           if (!p.proposal.empty()) {
             Line("fuqi_version_proposal_info", fmt::format("{},state=\"{}\"", pack, p.proposal),
                  1);
           }
         });
    Each("fuqi_version_shadow_events", "gauge",
         "Events compared by a version that watches, by what was decided and what it would decide.",
         [&](const PackGauges& p, const std::string& pack) {
           if (p.shadow) {
             ShadowLines(*p.shadow, pack);
           }
         });
  }

  void Outbox() {
    auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                    auto value) {
      Each(name, type, help, [&](const PackGauges& p, const std::string& pack) {
        for (const OutboxGauge& topic : p.outbox) {
          Line(name, fmt::format("{},topic=\"{}\"", pack, Escaped(topic.topic)), value(topic));
        }
      });
    };
    each("fuqi_outbox_owed", "gauge", "Messages that are owed and not delivered yet.",
         [](const OutboxGauge& t) { return t.owed; });
    each("fuqi_outbox_dead", "gauge", "Messages that were given up, until a person sees to them.",
         [](const OutboxGauge& t) { return t.dead; });
    each("fuqi_outbox_oldest_seconds", "gauge", "Age of the message that is owed longest.",
         [](const OutboxGauge& t) { return static_cast<uint64_t>(std::max(t.oldest_s, 0.0)); });
    each("fuqi_outbox_delivered_total", "counter", "Messages that a target took.",
         [](const OutboxGauge& t) { return t.delivered; });
    each("fuqi_outbox_failed_total", "counter", "Attempts that failed.",
         [](const OutboxGauge& t) { return t.failed; });
  }

  void Log() {
    Each("fuqi_pack_info", "gauge", "The pack that decides, by the hash of its content.",
         [&](const PackGauges& p, const std::string& pack) {
           Line("fuqi_pack_info", fmt::format("{},hash=\"{}\"", pack, p.pack_hash), 1);
         });
    Distribution("fuqi_commit_seconds", "One write and sync of the log.",
                 [](const PackGauges& p) -> const Histogram& { return p.metrics->commit_ns; });
    Distribution("fuqi_commit_events", "Events of one commit.",
                 [](const PackGauges& p) -> const Histogram& { return p.metrics->batch_events; });
    Value("fuqi_log_bytes", "gauge", "Size of the log on disk.",
          [](const PackGauges& p) { return p.log_bytes; });
    Value("fuqi_log_records", "gauge", "Records that the log holds.",
          [](const PackGauges& p) { return p.log_records; });
  }

 private:
  // `lines` gets each pack and its label.
  template <class Lines>
  void Each(std::string_view name, std::string_view type, std::string_view help, Lines lines) {
    Family(out_, name, type, help);
    for (const PackGauges& pack : packs_) {
      lines(pack, fmt::format("pack=\"{}\"", Escaped(pack.pack)));
    }
  }
  void Line(std::string_view name, const std::string& labels, uint64_t n) {
    out_ += fmt::format("{}{{{}}} {}\n", name, labels, n);
  }
  void ShadowLines(const decide::ShadowReport& report, const std::string& pack) {
    for (size_t decided = 0; decided < report.actions.size(); ++decided) {
      for (size_t shadow = 0; shadow < report.actions[decided].size(); ++shadow) {
        if (const uint64_t events = report.actions[decided][shadow]; events > 0) {
          Line("fuqi_version_shadow_events",
               fmt::format("{},decided=\"{}\",shadow=\"{}\"", pack,
                           decide::ActionName(static_cast<decide::Action>(decided)),
                           decide::ActionName(static_cast<decide::Action>(shadow))),
               events);
        }
      }
    }
  }
  template <class Of>
  void Value(std::string_view name, std::string_view type, std::string_view help, Of of) {
    Each(name, type, help,
         [&](const PackGauges& p, const std::string& pack) { Line(name, pack, of(p)); });
  }
  template <class Of, class NameOf>
  void ByLabel(std::string_view name, std::string_view help, std::string_view label, Of of,
               NameOf name_of) {
    Each(name, "counter", help, [&](const PackGauges& p, const std::string& pack) {
      for (size_t i = 0; const Counter& counter : of(p)) {
        Line(name, fmt::format("{},{}=\"{}\"", pack, label, name_of(i++)), counter.value());
      }
    });
  }
  template <class Of>
  void Distribution(std::string_view name, std::string_view help, Of of) {
    Each(name, "histogram", help,
         [&](const PackGauges& p, const std::string& pack) { of(p).Render(name, pack, out_); });
  }

  const std::vector<PackGauges>& packs_;
  std::string& out_;
};

}  // namespace

void Histogram::Observe(uint64_t value) {
  size_t i = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[i].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (const auto& count : counts_) {
    total += count.load(std::memory_order_relaxed);
  }
  return total;
}

void Histogram::Render(std::string_view name, std::string_view labels, std::string& out) const {
  std::string_view comma = labels.empty() ? "" : ",";
  std::string braces = labels.empty() ? "" : fmt::format("{{{}}}", labels);
  uint64_t total = 0;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    out += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma,
                       static_cast<double>(bounds_[i]) / unit_, total);
  }
  total += counts_.back().load(std::memory_order_relaxed);
  out += fmt::format("{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma, total);
  out += fmt::format("{}_sum{} {}\n", name, braces,
                     static_cast<double>(sum_.load(std::memory_order_relaxed)) / unit_);
  out += fmt::format("{}_count{} {}\n", name, braces, total);
}

void ShadowHits::Add(const decide::Pack& pack, const decide::Decision& decision) {
  for (uint32_t hit : decision.hits) {
    if (const decide::Rule& rule = pack.rules[hit]; rule.shadow) {
      MutexLock lock(mutex_);
      ++counts_[rule.id];
    }
  }
}

std::map<std::string, uint64_t> ShadowHits::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

PackMetrics::PackMetrics()
    : switch_ns(kLatencyBoundsNs, 1e9),
      decision_ns(kLatencyBoundsNs, 1e9),
      commit_ns(kLatencyBoundsNs, 1e9),
      batch_events(kBatchBounds, 1) {}

Metrics::Metrics(std::vector<std::string_view> routes) {
  routes.push_back("other");
  for (std::string_view path : routes) {
    routes_.push_back(
        std::unique_ptr<Route>(new Route{path, {}, Histogram(kLatencyBoundsNs, 1e9)}));
  }
}

void Metrics::CountRequest(size_t route, int status, int64_t elapsed_ns) {
  Route& r = *routes_[std::min(route, routes_.size() - 1)];
  size_t code =
      std::find(kStatusCodes.begin(), kStatusCodes.end() - 1, status) - kStatusCodes.begin();
  r.codes[code].Add();
  r.request_ns.Observe(static_cast<uint64_t>(std::max<int64_t>(elapsed_ns, 0)));
}

std::string Metrics::Render(const std::vector<PackGauges>& packs, std::string_view version) const {
  std::string out;
  Family(out, "fuqi_build_info", "gauge", "The running version.");
  out += fmt::format("fuqi_build_info{{version=\"{}\"}} 1\n", Escaped(version));
  RenderRequests(out);
  RenderConnections(out);
  PackText text(packs, out);
  text.Decisions();
  text.Versions();
  text.Log();
  return out;
}

void Metrics::RenderRequests(std::string& out) const {
  Family(out, "fuqi_http_requests_total", "counter",
         "Requests answered, by route and status code.");
  for (const auto& route : routes_) {
    for (size_t i = 0; i < kStatusCodes.size(); ++i) {
      if (uint64_t n = route->codes[i].value(); n > 0) {
        std::string code = kStatusCodes[i] == 0 ? "other" : fmt::format("{}", kStatusCodes[i]);
        out += fmt::format("fuqi_http_requests_total{{route=\"{}\",code=\"{}\"}} {}\n", route->path,
                           code, n);
      }
    }
  }
  Family(out, "fuqi_http_request_seconds", "histogram",
         "From a request's first byte to its answer being ready to send.");
  for (const auto& route : routes_) {
    if (route->request_ns.count() > 0) {
      route->request_ns.Render("fuqi_http_request_seconds",
                               fmt::format("route=\"{}\"", route->path), out);
    }
  }
}

void Metrics::RenderConnections(std::string& out) const {
  auto one = [&](std::string_view name, std::string_view type, std::string_view help, auto n) {
    Family(out, name, type, help);
    out += fmt::format("{} {}\n", name, n);
  };
  one("fuqi_connections", "gauge", "Open connections.",
      connections.load(std::memory_order_relaxed));
  one("fuqi_connections_accepted_total", "counter", "Connections accepted.",
      connections_accepted.value());
  one("fuqi_connections_refused_total", "counter",
      "Connections closed at once because the bound was reached.", connections_refused.value());
  one("fuqi_tls_failures_total", "counter", "TLS handshakes that failed.", tls_failures.value());
}

}  // namespace fuqi::node
