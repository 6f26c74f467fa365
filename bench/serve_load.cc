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
  void Print() const;

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
  std::vector<int64_t> latencies_ns_;
  std::map<unsigned, size_t> statuses_;
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

void Load::Answered(Connection& connection, const Request& request, unsigned status) {
  last_ = std::chrono::steady_clock::now();
  ++answered_;
  if (std::chrono::duration<double>(request.due - start_).count() >= options_.warm_up_s) {
    latencies_ns_.push_back((last_ - request.due) / std::chrono::nanoseconds(1));
    ++statuses_[status];
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

// Hands out what is due by now and sleeps until the next is.
void Load::Schedule() {
  const Time now = std::chrono::steady_clock::now();
  auto due_time = [this](size_t i) {
    return start_ + std::chrono::nanoseconds(
                        static_cast<int64_t>(static_cast<double>(i) * 1e9 / options_.rate));
  };
  for (; due_ < events_.size() && due_time(due_) <= now; ++due_) {
    const Request request{due_time(due_), due_};
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
    timer_.expires_at(due_time(due_));
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

void Load::Print() const {
  std::vector<int64_t> sorted = latencies_ns_;
  if (sorted.empty()) {
    Fail("no request was due after the warm-up: more events or a lower rate are needed");
  }
  std::ranges::sort(sorted);
  auto quantile_us = [&](double share) {
    const auto rank = static_cast<size_t>(share * static_cast<double>(sorted.size() - 1));
    return static_cast<double>(sorted[rank]) / 1000;
  };
  const double measured_s =
      std::chrono::duration<double>(last_ - start_).count() - options_.warm_up_s;
  nlohmann::json json = {{"name", "serve"},
                         {"rate_wanted", options_.rate},
                         {"rate_answered", static_cast<double>(sorted.size()) / measured_s},
                         {"connections", options_.connections},
                         {"p50_us", quantile_us(0.5)},
                         {"p99_us", quantile_us(0.99)},
                         {"p99_9_us", quantile_us(0.999)},
                         {"max_us", quantile_us(1)},
                         {"waiting_max", waiting_max_}};
  for (const auto& [status, count] : statuses_) {
    json["status"][std::to_string(status)] = count;
  }
  fmt::print(
      "wanted {:.0f}/s, answered {:.0f}/s: p50 {:.0f} µs, p99 {:.0f} µs, p99.9 {:.0f} µs, "
      "max {:.0f} µs; statuses {}\n",
      options_.rate, json["rate_answered"].get<double>(), quantile_us(0.5), quantile_us(0.99),
      quantile_us(0.999), quantile_us(1), json["status"].dump());
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
