// An open-loop client of `fuqi serve`: requests are due at fixed times whether or not earlier ones
// were answered, and latency counts from the time a request was due, so that a server which stalls
// pays for every request that waited meanwhile (no coordinated omission).
//
//   serve_load --port 8443 --ca ca.pem --key key.txt --pack aml --events events.jsonl --rate 1000
//
// One thread, keep-alive connections over TLS, one decision a request. The events' ids must be new
// to the server, or it answers from its records.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Time = std::chrono::steady_clock::time_point;
using boost::system::error_code;

struct Options {
  uint16_t port = 0;
  std::string ca, key, pack, events;
  double rate = 1000;
  double warm_up_s = 2;
  double burst_at_s = 0;  // 0: none
  double burst_s = 5;
  double burst_factor = 3;
  int connections = 32;
};

struct Request {
  Time due;
  size_t event = 0;
};

[[noreturn]] void Fail(const std::string& what) {
  fmt::print(stderr, "error: {}\n", what);
  std::exit(1);
}

class Load;

// One connection: takes the next waiting request, sends it, reads the answer, and so on.
class Connection {
 public:
  Connection(Load& load, asio::io_context& context, asio::ssl::context& tls)
      : load_(load), stream_(context, tls) {}
  void Connect(uint16_t port);
  void Send(const Request& request);

 private:
  void Answered(error_code error);

  Load& load_;
  beast::ssl_stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
  Request request_;
  http::request<http::string_body> message_;
  http::response<http::string_body> answer_;
};

class Load {
 public:
  Load(const Options& options, std::vector<std::string> events, std::string key)
      : options_(options), events_(std::move(events)), key_(std::move(key)), timer_(context_) {}
  void Run();
  void Answered(Connection& connection, const Request& request, unsigned status);

  const Options& options() const { return options_; }
  const std::vector<std::string>& events() const { return events_; }
  const std::string& key() const { return key_; }

 private:
  void Schedule();
  Time DueTime(size_t event) const;
  bool InBurst(const Request& request) const;
  void Print() const;
  void PrintBurst() const;

  const Options& options_;
  const std::vector<std::string> events_;
  const std::string key_;
  asio::io_context context_;
  asio::steady_timer timer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::deque<Request> waiting_;
  Time start_, last_;
  size_t due_ = 0;
  size_t answered_ = 0;
  size_t waiting_max_ = 0;
  // Outside of the burst.
  std::vector<int64_t> latencies_ns_;
  std::map<unsigned, size_t> statuses_;
  // Of the burst; and of each second after it.
  std::vector<int64_t> burst_ns_;
  std::map<unsigned, size_t> burst_statuses_;
  std::map<int64_t, std::vector<int64_t>> after_ns_;
};

void Connection::Connect(uint16_t port) {
  error_code error;
  beast::get_lowest_layer(stream_).socket().connect({asio::ip::make_address("127.0.0.1"), port},
                                                    error);
  if (error) {
    Fail("connect: " + error.message());
  }
  beast::get_lowest_layer(stream_).socket().set_option(asio::ip::tcp::no_delay(true));
  stream_.handshake(asio::ssl::stream_base::client, error);
  if (error) {
    Fail("TLS handshake: " + error.message());
  }
}

void Connection::Send(const Request& request) {
  request_ = request;
  message_ = {http::verb::post, "/v1/packs/" + load_.options().pack + "/decisions", 11};
  message_.set(http::field::host, "127.0.0.1");
  message_.set(http::field::authorization, "Bearer " + load_.key());
  message_.set(http::field::content_type, "application/json");
  message_.body() = load_.events()[request.event];
  message_.prepare_payload();
  http::async_write(stream_, message_, [this](error_code error, size_t) {
    if (error) {
      return Answered(error);
    }
    answer_ = {};
    http::async_read(stream_, buffer_, answer_,
                     [this](error_code failed, size_t) { Answered(failed); });
  });
}

void Connection::Answered(error_code error) {
  if (error) {
    Fail("the server closed a connection: " + error.message());
  }
  load_.Answered(*this, request_, answer_.result_int());
}

bool Load::InBurst(const Request& request) const {
  const double at = std::chrono::duration<double>(request.due - start_).count();
  return options_.burst_at_s > 0 && at >= options_.burst_at_s &&
         at < options_.burst_at_s + options_.burst_s;
}

void Load::Answered(Connection& connection, const Request& request, unsigned status) {
  last_ = std::chrono::steady_clock::now();
  ++answered_;
  const int64_t took_ns = (last_ - request.due) / std::chrono::nanoseconds(1);
  const double at = std::chrono::duration<double>(request.due - start_).count();
  if (InBurst(request)) {
    burst_ns_.push_back(took_ns);
    ++burst_statuses_[status];
  } else if (at >= options_.warm_up_s) {
    const double after = at - options_.burst_at_s - options_.burst_s;
    if (options_.burst_at_s > 0 && after >= 0) {
      after_ns_[static_cast<int64_t>(after)].push_back(took_ns);
    } else {
      latencies_ns_.push_back(took_ns);
      ++statuses_[status];
    }
  }
  if (waiting_.empty()) {
    idle_.push_back(&connection);
  } else {
    const Request next = waiting_.front();
    waiting_.pop_front();
    connection.Send(next);
  }
  if (answered_ == events_.size()) {
    context_.stop();
  }
}

Time Load::DueTime(size_t event) const {
  const double before = options_.burst_at_s * options_.rate;
  const double burst = options_.burst_s * options_.rate * options_.burst_factor;
  const auto i = static_cast<double>(event);
  double at = i / options_.rate;
  if (options_.burst_at_s > 0 && i >= before) {
    at = i < before + burst
             ? options_.burst_at_s + (i - before) / (options_.rate * options_.burst_factor)
             : options_.burst_at_s + options_.burst_s + (i - before - burst) / options_.rate;
  }
  return start_ + std::chrono::nanoseconds(static_cast<int64_t>(at * 1e9));
}

// Hands out what is due by now and sleeps until the next is.
void Load::Schedule() {
  const Time now = std::chrono::steady_clock::now();
  for (; due_ < events_.size() && DueTime(due_) <= now; ++due_) {
    const Request request{DueTime(due_), due_};
    if (idle_.empty()) {
      waiting_.push_back(request);
      waiting_max_ = std::max(waiting_max_, waiting_.size());
    } else {
      Connection* connection = idle_.back();
      idle_.pop_back();
      connection->Send(request);
    }
  }
  if (due_ < events_.size()) {
    timer_.expires_at(DueTime(due_));
    timer_.async_wait([this](error_code) { Schedule(); });
  }
}

void Load::Run() {
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(options_.ca);
  tls.set_verify_mode(asio::ssl::verify_peer);
  for (int i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, context_, tls));
    connections_.back()->Connect(options_.port);
    idle_.push_back(connections_.back().get());
  }
  latencies_ns_.reserve(events_.size());
  start_ = std::chrono::steady_clock::now();
  Schedule();
  context_.run();
  Print();
}

// The value that a share of `latencies` does not exceed.
double QuantileUs(std::vector<int64_t> latencies, double share) {
  const auto rank = static_cast<size_t>(share * static_cast<double>(latencies.size() - 1));
  std::ranges::nth_element(latencies, latencies.begin() + static_cast<int64_t>(rank));
  return static_cast<double>(latencies[rank]) / 1000;
}

nlohmann::json Counts(const std::map<unsigned, size_t>& statuses) {
  nlohmann::json json;
  for (const auto& [status, count] : statuses) {
    json[std::to_string(status)] = count;
  }
  return json;
}

void Load::Print() const {
  if (latencies_ns_.empty()) {
    Fail("no request was due after the warm-up: more events or a lower rate are needed");
  }
  double measured_s = std::chrono::duration<double>(last_ - start_).count();
  measured_s = (options_.burst_at_s > 0 ? options_.burst_at_s : measured_s) - options_.warm_up_s;
  const double rate = static_cast<double>(latencies_ns_.size()) / measured_s;
  const double p50 = QuantileUs(latencies_ns_, 0.5);
  const double p99 = QuantileUs(latencies_ns_, 0.99);
  const double p999 = QuantileUs(latencies_ns_, 0.999);
  const double most = QuantileUs(latencies_ns_, 1);
  const nlohmann::json json = {{"name", "serve"},
                               {"rate_wanted", options_.rate},
                               {"rate_answered", rate},
                               {"p50_us", p50},
                               {"p99_us", p99},
                               {"p99_9_us", p999},
                               {"max_us", most},
                               {"waiting_max", waiting_max_},
                               {"connections", options_.connections},
                               {"status", Counts(statuses_)}};
  fmt::print(
      "wanted {:.0f}/s, answered {:.0f}/s: p50 {:.0f} µs, p99 {:.0f} µs, p99.9 {:.0f} µs, "
      "max {:.0f} µs; statuses {}\n",
      options_.rate, rate, p50, p99, p999, most, json["status"].dump());
  fmt::print("{}\n", json.dump());
  if (!burst_ns_.empty()) {
    PrintBurst();
  }
}

// Recovered: the first second after the burst from which on no second's p99 is above that of the
// time before it, or 5 ms where that was less.
void Load::PrintBurst() const {
  const double bound_us = std::max(5000.0, QuantileUs(latencies_ns_, 0.99));
  std::vector<double> p99s;
  int64_t recovered_s = 0;
  for (const auto& [second, latencies] : after_ns_) {
    p99s.push_back(QuantileUs(latencies, 0.99));
    if (p99s.back() > bound_us) {
      recovered_s = second + 1;
    }
  }
  const bool recovered = recovered_s < static_cast<int64_t>(p99s.size());
  fmt::print("burst              {}× for {} s: p99 {:.0f} µs, statuses {}; p99 back {}\n",
             options_.burst_factor, options_.burst_s, QuantileUs(burst_ns_, 0.99),
             Counts(burst_statuses_).dump(),
             recovered ? fmt::format("within {} s", recovered_s + 1) : "not at all");
  const nlohmann::json json = {{"name", "burst"},
                               {"factor", options_.burst_factor},
                               {"seconds", options_.burst_s},
                               {"p99_us", QuantileUs(burst_ns_, 0.99)},
                               {"status", Counts(burst_statuses_)},
                               {"recovered", recovered},
                               {"recovered_within_s", recovered_s + 1},
                               {"p99_us_of_each_second_after", p99s}};
  fmt::print("{}\n", json.dump());
}

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    Fail(path + " cannot be read");
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("An open-loop client of `fuqi serve`");
  app.add_option("--port", options.port)->required();
  app.add_option("--ca", options.ca, "PEM file that the server's certificate leads to")->required();
  app.add_option("--key", options.key, "file with the API key")->required();
  app.add_option("--pack", options.pack)->required();
  app.add_option("--events", options.events, "one event a line, as JSON")->required();
  app.add_option("--rate", options.rate, "requests due in a second")->capture_default_str();
  app.add_option("--warm-up", options.warm_up_s, "seconds that are not counted")
      ->capture_default_str();
  app.add_option("--burst-at", options.burst_at_s, "second in which a burst begins; 0: none")
      ->capture_default_str();
  app.add_option("--burst-seconds", options.burst_s)->capture_default_str();
  app.add_option("--burst-factor", options.burst_factor)->capture_default_str();
  app.add_option("--connections", options.connections)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto key = Lines(options.key);
  auto events = Lines(options.events);
  if (key.empty() || events.empty()) {
    Fail("the key or the events are empty");
  }
  Load(options, std::move(events), key.front()).Run();
  return 0;
}
