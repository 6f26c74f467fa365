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

PackMetrics::PackMetrics()
    : decision_ns(kLatencyBoundsNs, 1e9),
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
  Family(out, "fuqi_connections", "gauge", "Open connections.");
  out += fmt::format("fuqi_connections {}\n", connections.load(std::memory_order_relaxed));
  Family(out, "fuqi_connections_accepted_total", "counter", "Connections accepted.");
  out += fmt::format("fuqi_connections_accepted_total {}\n", connections_accepted.value());
  Family(out, "fuqi_connections_refused_total", "counter",
         "Connections closed at once because the bound was reached.");
  out += fmt::format("fuqi_connections_refused_total {}\n", connections_refused.value());
  Family(out, "fuqi_tls_failures_total", "counter", "TLS handshakes that failed.");
  out += fmt::format("fuqi_tls_failures_total {}\n", tls_failures.value());

  // One family's lines must stand together, hence one pass over the packs for each family.
  auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto line) {
    Family(out, name, type, help);
    for (const PackGauges& pack : packs) {
      line(pack, fmt::format("pack=\"{}\"", Escaped(pack.pack)));
    }
  };
  auto value = [&](std::string_view name, const std::string& labels, uint64_t n) {
    out += fmt::format("{}{{{}}} {}\n", name, labels, n);
  };
  each("fuqi_pack_info", "gauge", "The pack that decides, by the hash of its content.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_pack_info", fmt::format("{},hash=\"{}\"", labels, p.pack_hash), 1);
       });
  each("fuqi_pack_ready", "gauge", "1 while the pack's log takes records.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_pack_ready", labels, p.ready ? 1 : 0);
       });
  each("fuqi_decisions_total", "counter", "Decisions made durable, by action.",
       [&](const PackGauges& p, const std::string& labels) {
         for (size_t i = 0; i < p.metrics->decisions.size(); ++i) {
           value("fuqi_decisions_total",
                 fmt::format("{},action=\"{}\"", labels,
                             decide::ActionName(static_cast<decide::Action>(i))),
                 p.metrics->decisions[i].value());
         }
       });
  each("fuqi_decisions_repeated_total", "counter",
       "Events answered with the decision taken on them before.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_decisions_repeated_total", labels, p.metrics->repeated.value());
       });
  each("fuqi_event_conflicts_total", "counter",
       "Events refused because their id is taken by another content.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_event_conflicts_total", labels, p.metrics->conflicts.value());
       });
  each("fuqi_shed_total", "counter",
       "Events answered with the pack's default action and recorded as such.",
       [&](const PackGauges& p, const std::string& labels) {
         for (size_t i = 0; i < p.metrics->shed.size(); ++i) {
           value("fuqi_shed_total", fmt::format("{},reason=\"{}\"", labels, kShedNames[i]),
                 p.metrics->shed[i].value());
         }
       });
  each("fuqi_refused_total", "counter", "Events refused without an action: every queue was full.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_refused_total", labels, p.metrics->refused.value());
       });
  each("fuqi_queue_depth", "gauge", "Events waiting for the decider.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_queue_depth", labels, p.queue_depth);
       });
  each("fuqi_decision_seconds", "histogram",
       "From a request's first byte to its decision being durable.",
       [&](const PackGauges& p, const std::string& labels) {
         p.metrics->decision_ns.Render("fuqi_decision_seconds", labels, out);
       });
  each("fuqi_commit_seconds", "histogram", "One write and sync of the log.",
       [&](const PackGauges& p, const std::string& labels) {
         p.metrics->commit_ns.Render("fuqi_commit_seconds", labels, out);
       });
  each("fuqi_commit_events", "histogram", "Events of one commit.",
       [&](const PackGauges& p, const std::string& labels) {
         p.metrics->batch_events.Render("fuqi_commit_events", labels, out);
       });
  each("fuqi_log_bytes", "gauge", "Size of the log on disk.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_log_bytes", labels, p.log_bytes);
       });
  each("fuqi_log_records", "gauge", "Records that the log holds.",
       [&](const PackGauges& p, const std::string& labels) {
         value("fuqi_log_records", labels, p.log_records);
       });
  return out;
}

}  // namespace fuqi::node
